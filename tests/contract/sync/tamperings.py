"""What somebody does to one invoiced opportunity behind the sync's back, and its name."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from tests.contract.sync.kit import World

from sfxero.ledger.tables import links
from sfxero.model.differences import DifferenceKind as Kind
from sfxero.model.states import Entity
from sfxero.sandbox.xero.models import Invoice


@dataclass
class Case:
    """One won opportunity with its invoice, before anybody touches it."""

    world: World
    opportunity: str
    account: str
    invoice: Invoice
    other: Invoice
    """Another opportunity's invoice, which nothing else happens to."""

    def edit(self, **fields: Any) -> None:
        """Edit the invoice as a bookkeeper does."""
        path = f"/xero/invoices/{self.invoice.invoice_id}/edit"
        self.world.control("POST", path, fields)

    def edit_line(self, **fields: Any) -> None:
        """Edit the first line; the others stay."""
        lines = [
            {"Description": line.description, "Quantity": line.quantity,
             "UnitAmount": line.unit_amount, "AccountCode": line.account_code,
             "TaxType": line.tax_type}
            for line in self.invoice.lines
        ]  # fmt: skip
        self.edit(LineItems=[lines[0] | fields, *lines[1:]])

    def become(self, **values: Any) -> None:
        """Change the invoice in Xero past all rules."""
        self.world.change_invoice(self.world.books.invoices[self.invoice.invoice_id], **values)

    def silently(self, object_name: str, record_id: str, **values: Any) -> None:
        """Change a record of the org without a trace in its stamp."""
        self.world.sandbox.org.records.tables[object_name][record_id].update(values)

    def enter(self, **fields: Any) -> None:
        """Enter a second invoice like this one by hand."""
        line = {"Description": "By hand", "Quantity": 1, "UnitAmount": 7, "AccountCode": "200",
                "TaxType": "OUTPUT"}  # fmt: skip
        head = {"Type": "ACCREC", "Contact": {"ContactID": self.invoice.contact_id},
                "Status": "AUTHORISED", "DueDate": "2026-12-24", "LineItems": [line]}  # fmt: skip
        self.world.control("POST", "/xero/invoices", head | fields)

    def change_link(self, **values: Any) -> None:
        mine = (links.c.source_id == self.opportunity, links.c.entity == Entity.INVOICE)
        with self.world.ledger._database.write() as conn:
            conn.execute(sa.update(links).where(*mine).values(**values))

    def drop_link(self) -> None:
        mine = (links.c.source_id == self.opportunity, links.c.entity == Entity.INVOICE)
        with self.world.ledger._database.write() as conn:
            conn.execute(sa.delete(links).where(*mine))


def _void(case: Case) -> None:
    case.world.control("POST", f"/xero/invoices/{case.invoice.invoice_id}/void")


def _wrong_total(case: Case) -> None:
    totals = case.invoice.totals
    case.become(totals=replace(totals, total=totals.total + 1))


def _other_contact(case: Case) -> None:
    case.edit(Contact={"ContactID": case.other.contact_id})


def _ledger_total(case: Case) -> None:
    link = case.world.link(case.opportunity, Entity.INVOICE)
    snapshot = json.loads(link.target_snapshot) | {"SubTotal": "1", "Total": "1.1"}
    case.change_link(target_snapshot=json.dumps(snapshot))


def _unlinked_win(case: Case) -> None:
    """A win that no window ever saw: its stamp is older than what was read already."""
    world = case.world
    before = world.clock.now() - timedelta(days=30)
    fresh = world.won(case.account, "31")
    case.silently("Opportunity", fresh, SystemModstamp=before)
    case.opportunity = fresh


def _archive(case: Case) -> None:
    world = case.world
    world.archive(world.books.contacts[case.invoice.contact_id])
    case.opportunity = case.account


def _delete_account(case: Case) -> None:
    case.silently("Account", case.account, IsDeleted=True)
    case.opportunity = case.account


def _purge_account(case: Case) -> None:
    case.world.purge("Account", case.account)
    case.opportunity = case.account


def _three_amounts(case: Case) -> None:
    case.edit_line(UnitAmount=Decimal(88))
    case.silently("Opportunity", case.opportunity, Amount=Decimal(77))


def _waits(case: Case) -> None:
    """A win that the sync has mapped and not sent."""
    case.opportunity = case.world.won(case.account, "17")
    case.world.sleep(3600)
    case.world.run(publishes=False)


def _refused(case: Case) -> None:
    case.opportunity = case.world.won(None, "18")
    case.world.sleep(3600)
    case.world.run(publishes=False)


def _brand_new(case: Case) -> None:
    case.world.sleep(3600)
    case.opportunity = case.world.won(case.account, "19")


def _unlinked_account(case: Case) -> None:
    """The opportunity goes to an account that has no contact yet."""
    other = case.world.account("Firm without a contact")
    case.silently("Opportunity", case.opportunity, AccountId=other)


def _waits_for_unlinked_account(case: Case) -> None:
    """The same, seen by the sync, which has not sent it yet."""
    other = case.world.account("Firm whose contact waits")
    case.world.edit("Opportunity", case.opportunity, AccountId=other)
    case.world.sleep(3600)
    case.world.run(publishes=False)


Tampering = Callable[[Case], object]

IN_XERO: dict[str, tuple[Tampering, set[str]]] = {
    "voided": (_void, {Kind.INVOICE_VOIDED}),
    "deleted": (lambda case: case.become(status="DELETED"), {Kind.INVOICE_DELETED}),
    "vanished": (
        lambda case: case.world.books.invoice_table.restore(case.invoice.invoice_id, None),
        {Kind.INVOICE_MISSING},
    ),
    "price": (lambda case: case.edit_line(UnitAmount=Decimal("99.99")), {"amount_edited amount"}),
    "price, and the amount in Salesforce": (_three_amounts, {"amounts_differ amount"}),
    "tax": (
        lambda case: case.edit_line(TaxType="EXEMPTOUTPUT"),
        {"tax_differs TotalTax", "edited_in_xero LineItems"},
    ),
    "account code": (lambda case: case.edit_line(AccountCode="260"), {"edited_in_xero LineItems"}),
    "number": (lambda case: case.edit(InvoiceNumber="INV-8"), {"edited_in_xero InvoiceNumber"}),
    "reference": (lambda case: case.edit(Reference="by hand"), {"edited_in_xero Reference"}),
    "due date": (lambda case: case.edit(DueDate="2027-03-01"), {"edited_in_xero DueDate"}),
    "date": (lambda case: case.edit(Date="2026-11-21"), {"edited_in_xero Date"}),
    "contact": (_other_contact, {"edited_in_xero Contact"}),
    "link back": (lambda case: case.become(url=None), {"edited_in_xero Url"}),
    "back to draft": (lambda case: case.become(status="DRAFT"), {"state_differs Status"}),
    "currency": (lambda case: case.become(currency_code="USD"), {Kind.CURRENCY_DIFFERS}),
    "total": (_wrong_total, {"invoice_inconsistent AmountDue"}),
    "second invoice": (
        lambda case: case.enter(InvoiceNumber="INV-77", Url=case.invoice.url),
        {Kind.DUPLICATE_INVOICE},
    ),
    "archived contact": (_archive, {Kind.CONTACT_ARCHIVED}),
}
IN_SALESFORCE: dict[str, tuple[Tampering, set[str]]] = {
    "amount": (
        lambda case: case.silently("Opportunity", case.opportunity, Amount=Decimal("12.50")),
        {"opportunity_changed amount"},
    ),
    "three cents": (
        lambda case: case.silently(
            "Opportunity", case.opportunity, Amount=case.invoice.totals.sub_total + Decimal("0.03")
        ),
        {"rounding_differs amount"},
    ),
    "close date": (
        lambda case: case.silently("Opportunity", case.opportunity, CloseDate=date(2026, 10, 3)),
        {"opportunity_changed Date"},
    ),
    "account without a contact": (_unlinked_account, {"opportunity_changed Contact"}),
    "reopened": (
        lambda case: case.world.control(
            "POST", f"/salesforce/Opportunity/{case.opportunity}/reopen"
        ),
        {Kind.OPPORTUNITY_REOPENED},
    ),
    "deleted": (
        lambda case: case.world.delete("Opportunity", case.opportunity),
        {Kind.OPPORTUNITY_DELETED},
    ),
    "purged": (
        lambda case: case.world.purge("Opportunity", case.opportunity),
        {Kind.OPPORTUNITY_MISSING},
    ),
    "unseen win": (_unlinked_win, {Kind.NOT_INVOICED}),
    "account purged": (_purge_account, {"account_missing"}),
    "account deleted": (_delete_account, {Kind.ACCOUNT_DELETED}),
}
IN_LEDGER: dict[str, tuple[Tampering, set[str]]] = {
    "link dropped": (lambda case: case.drop_link(), {Kind.LINK_MISSING}),
    "link to another": (
        lambda case: case.change_link(
            target_id=case.other.invoice_id, target_number=case.other.number
        ),
        {"link_elsewhere Url", "link_shared"},
    ),
    "snapshot": (_ledger_total, {"ledger_differs amount"}),
}
EXPLAINED: dict[str, tuple[Tampering, set[str]]] = {
    "waits": (_waits, {Kind.WAITING}),
    "refused": (_refused, {Kind.QUARANTINED}),
    "account without a contact, waits": (_waits_for_unlinked_account, {"waiting Contact"}),
    "just won": (_brand_new, {Kind.NOT_READ_YET}),
}


def _shows(**fields: object) -> Tampering:
    """Let the opportunity show something else; its stamp tells nothing."""
    named = {f"Xero_{name}__c": value for name, value in fields.items()}
    return lambda case: case.silently("Opportunity", case.opportunity, **named)


SHOWN: dict[str, tuple[Tampering, set[str]]] = {
    "invoice id": (_shows(Invoice_Id="other"), {"shown_differs invoice_id"}),
    "invoice number": (_shows(Invoice_Number="SF-1"), {"shown_differs invoice_number"}),
    "status": (_shows(Invoice_Status="PAID"), {"shown_differs status"}),
    "address": (
        _shows(Invoice_Url="https://evil.example/"),
        {"address_shown_differs invoice_url"},
    ),
    "payment status": (
        _shows(Payment_Status="Paid"),
        {"payment_status_shown_differs payment_status"},
    ),
    "paid on": (_shows(Paid_On=date(2026, 11, 3)), {"paid_on_shown_differs paid_on"}),
    "paid": (_shows(Amount_Paid=Decimal("0.01")), {"paid_shown_differs amount_paid"}),
    "due": (_shows(Amount_Due=Decimal(0)), {"due_shown_differs amount_due"}),
    "credited": (_shows(Amount_Credited=Decimal(1)), {"credited_shown_differs amount_credited"}),
    "nothing": (
        _shows(Payment_Status=None, Amount_Due=None),
        {"payment_status_shown_differs payment_status", "due_shown_differs amount_due"},
    ),
}
"""What somebody lets an opportunity show that the sync has not written."""
TAMPERINGS = {
    f"{where}: {what}": case
    for where, cases in (
        ("explained", EXPLAINED),  # first: what they let the sync do must not meet the others
        ("xero", IN_XERO),
        ("salesforce", IN_SALESFORCE),
        ("ledger", IN_LEDGER),
    )
    for what, case in cases.items()
}
