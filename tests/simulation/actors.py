"""The people: a salesperson in Salesforce and a bookkeeper in Xero, acting at any moment."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from tests.simulation.world import World

from sfxero.sandbox.salesforce import removal, rules
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.records import Record
from sfxero.sandbox.xero.hands import NotPossible
from sfxero.sandbox.xero.models import DEAD, Invoice

_NAMES: Final = ("Acme", "acme", "Bolt & Co", "Café Nord", "Dune", "Acme (2)", "Élan", "Flint")
_PRICES: Final = ("100", "0.01", "19.99", "33.335", "1.005", "2500.4567", "7.77", "0.10")
_QUANTITIES: Final = ("1", "2", "3", "0.5", "1.3333", "12")
_DISCOUNTS: Final = (None, None, "10", "12.5", "33.33")
_FAMILIES: Final = ("Hardware", "Freight", "Export", None)
_FLIPPED: Final = (
    ("Account", "Name"),
    ("OpportunityLineItem", "UnitPrice"),
    ("Opportunity", "CloseDate"),
)
_WON: Final = "Closed Won"
_WATCHES_SHARE: Final = 0.5
_LOOKS_EVERY_S: Final = 2.0
_MOST_LOOKS: Final = 30


class Salesperson:
    """Fills the org, and goes on changing it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._org = world.sandbox.org
        self._chance = world.chance("salesperson")
        self._entries: list[str] = []
        # Everybody has something that he does time and again.
        self._favourite = self._chance.choice(self._habits())
        self._fondness, self._late_share = 8, 0.15
        self._flipped = _FLIPPED
        self._regrets_after_s: tuple[float, ...] = (1.0, 20.0, 60.0, 120.0)
        self._watches_share = 0.0

    def fill(self) -> None:
        """The org as the first run finds it."""
        chance = self._chance
        for place, family in enumerate(_FAMILIES):
            product = self._new("Product2", Name=f"Thing {place}", Family=family, IsActive=True)
            book = self._org.price_book_id
            self._entries.append(
                self._new("PricebookEntry", Pricebook2Id=book, Product2Id=product,
                          UnitPrice=Decimal(100), IsActive=True)
            )  # fmt: skip
        for _ in range(chance.randint(2, 5)):
            self.new_account()
        for _ in range(chance.randint(3, 9)):
            self.new_opportunity()

    def act(self) -> None:
        """Do one thing that a salesperson does."""
        act = self._chance.choice((*self._habits(), *[self._favourite] * self._fondness))
        is_late = self._chance.random() < self._late_share and not self._world.weather.is_clear
        self._commits_late(is_late)
        try:
            act()
        except ApiFailure as refusal:
            self._note(f"cannot: {refusal}")
        finally:
            self._commits_late(False)

    def keeps_changing_her_mind(self) -> None:
        """From now on, mostly take changes back, of accounts or of deals, and commit at once."""
        habits = (self._flip, self._flip, self._win_too_soon)
        self._favourite, self._fondness, self._late_share = self._chance.choice(habits), 80, 0.0
        self._flipped = self._chance.choice((_FLIPPED[:1], _FLIPPED[1:]))
        self._regrets_after_s = (10.0, 20.0, 30.0)
        self._watches_share = _WATCHES_SHARE

    def _habits(self) -> tuple[Callable[[], object], ...]:
        return (
            self.new_opportunity, self._edit_line, self._edit_line, self._add_line,
            self._remove_line, self._win, self._win, self._reopen, self._rename_account,
            self._rename_account, self._move_date, self._flip, self._flip, self._delete,
            self._undelete, self._change_account, self.new_account, self._mismatch,
            self._reprice_sold, self._reprice_sold, self._reopen_sold, self._win_again,
        )  # fmt: skip

    def new_account(self) -> None:
        chance = self._chance
        name = chance.choice(_NAMES) if chance.random() < 0.95 else "<>"
        number = chance.choice((None, "A-1", f"A-{chance.randint(2, 99)}"))
        country = chance.choice((None, "Australia"))
        self._new(
            "Account", Name=name, AccountNumber=number, BillingCountry=country,
            BillingPostalCode="2000", BillingCity=chance.choice((None, "Sydney")),
        )  # fmt: skip

    def new_opportunity(self) -> str:
        chance = self._chance
        accounts = self._living("Account")
        opportunity = self._new(
            "Opportunity",
            Name=f"Deal {chance.randint(1, 99)}",
            AccountId=chance.choice(accounts)["Id"]
            if accounts and chance.random() < 0.97
            else None,
            StageName=_WON if chance.random() < 0.75 else "Prospecting",
            CloseDate="2026-11-20" if chance.random() < 0.93 else "2150-01-01",
        )
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3)) or chance.randint(0, 1)):
            self._line(opportunity)
        return opportunity

    def _line(self, opportunity: str) -> None:
        chance = self._chance
        discount = chance.choice(_DISCOUNTS)
        self._new(
            "OpportunityLineItem",
            OpportunityId=opportunity,
            PricebookEntryId=chance.choice(self._entries),
            Quantity=Decimal(chance.choice(_QUANTITIES)),
            UnitPrice=Decimal(chance.choice(_PRICES)),
            Discount=None if discount is None else Decimal(discount),
        )

    def _edit_line(self) -> None:
        for line in self._some("OpportunityLineItem"):
            price = Decimal(self._chance.choice(_PRICES))
            self._update("OpportunityLineItem", line["Id"], UnitPrice=price)

    def _add_line(self) -> None:
        for one in self._some("Opportunity"):
            self._line(str(one["Id"]))

    def _remove_line(self) -> None:
        for line in self._some("OpportunityLineItem"):
            self._note(f"removes {line['Id']}")
            removal.delete(self._org, "OpportunityLineItem", str(line["Id"]))

    def _win(self) -> None:
        for one in self._some("Opportunity"):
            self._update("Opportunity", one["Id"], StageName=_WON)

    def _reopen(self) -> None:
        for one in self._some("Opportunity"):
            self._update("Opportunity", one["Id"], StageName="Prospecting")

    def _reprice_sold(self) -> None:
        """Change what is in Xero already."""
        for opportunity_id in self._sold():
            for line in self._org.records.lines_of(opportunity_id)[:1]:
                price = Decimal(self._chance.choice(_PRICES))
                self._update("OpportunityLineItem", line["Id"], UnitPrice=price)

    def _reopen_sold(self) -> None:
        for opportunity_id in self._sold():
            self._update("Opportunity", opportunity_id, StageName="Prospecting")

    def _win_again(self) -> None:
        for opportunity_id in self._sold(is_won=False):
            self._update("Opportunity", opportunity_id, StageName=_WON)

    def _sold(self, *, is_won: bool = True) -> list[str]:
        """One of those that were invoiced, and are or are not won now."""
        invoices = self._world.sandbox.xero.books.invoices.values()
        invoiced = {str(one.url).split("/")[-2] for one in invoices if one.url}
        theirs = [
            str(one["Id"])
            for one in self._living("Opportunity")
            if one["Id"] in invoiced and bool(one["IsWon"]) is is_won
        ]
        return [self._chance.choice(theirs)] if theirs else []

    def _move_date(self) -> None:
        day = self._chance.choice(("2026-11-21", "2026-12-01", "2026-11-20", "2150-01-01"))
        for one in self._some("Opportunity"):
            self._update("Opportunity", one["Id"], CloseDate=day)

    def _rename_account(self) -> None:
        for one in self._some("Account"):
            self._update("Account", one["Id"], Name=self._chance.choice(_NAMES))

    def _change_account(self) -> None:
        for one in self._some("Opportunity"):
            account = self._chance.choice(self._living("Account"))
            self._update("Opportunity", one["Id"], AccountId=account["Id"])

    def _flip(self) -> None:
        """From A to B and, while B may be in flight, back to A."""
        object_name, field = self._chance.choice(self._flipped)
        other = {"Name": "Between", "UnitPrice": Decimal("55.5"), "CloseDate": "2026-11-25"}[field]
        for one in self._some(object_name):
            before = one[field]
            self._update(object_name, one["Id"], **{field: other})
            self._think_again(str(one.get("OpportunityId") or one["Id"]))
            self._update(object_name, one["Id"], **{field: _text(before)})

    def _win_too_soon(self) -> None:
        """A deal that, while its invoice may be in flight, turns out to be none."""
        opportunity = self.new_opportunity()
        self._think_again(opportunity)
        self._update("Opportunity", opportunity, StageName="Prospecting")

    def _think_again(self, source_id: str) -> None:
        """Some time passes; some people wait until what they did is on its way to Xero."""
        if self._watches_share and self._chance.random() < self._watches_share:
            self._watch(source_id)
        else:
            self._world.sleep(self._chance.choice(self._regrets_after_s))

    def _watch(self, source_id: str) -> None:
        sent = self._world.network.traffic.sent
        before = len(sent)
        for _ in range(_MOST_LOOKS):
            self._world.sleep(_LOOKS_EVERY_S)
            if any(source_id.encode() in one.body for one in sent[before:]):
                return

    def _delete(self) -> None:
        if self._chance.random() < 0.5:
            for one in self._some("Opportunity"):
                self._note(f"deletes {one['Id']}")
                removal.delete(self._org, "Opportunity", str(one["Id"]))

    def _undelete(self) -> None:
        gone = [row for row in self._org.records.rows("Opportunity") if row["IsDeleted"]]
        if gone:
            one = self._chance.choice(gone)
            self._note(f"undeletes {one['Id']}")
            removal.undelete(self._org, "Opportunity", str(one["Id"]))

    def _mismatch(self) -> None:
        """An amount that the products do not add up to, as an import can leave one."""
        if self._chance.random() < 0.7:
            return
        self._org.change_switches({"allow_amount_mismatch": True})
        for one in self._some("Opportunity"):
            self._update("Opportunity", one["Id"], Amount=Decimal("123.45"))
        self._org.change_switches({"allow_amount_mismatch": False})

    def _commits_late(self, is_late: bool) -> None:
        """Whether others see the next change only after a while, though it is stamped already."""
        if is_late or self._org.switches.late_commit_s:
            late_s = self._chance.choice((2, 20, 50)) if is_late else 0
            self._org.change_switches({"late_commit_s": late_s})
        self._org.catch_up()

    def _living(self, object_name: str) -> list[Record]:
        return [row for row in self._org.records.rows(object_name) if not row["IsDeleted"]]

    def _some(self, object_name: str) -> list[Record]:
        living = self._living(object_name)
        return [self._chance.choice(living)] if living else []

    def _new(self, object_name: str, **values: Any) -> str:
        record_id = rules.create(self._org, object_name, values)
        self._note(f"creates {record_id}")
        return record_id

    def _update(self, object_name: str, record_id: Any, **values: Any) -> None:
        self._note(f"changes {record_id} to {values}")
        rules.update(self._org, object_name, str(record_id), values)

    def _note(self, what: str) -> None:
        self._world.scheduler.note(what)


class Bookkeeper:
    """Works in Xero by hand; what she touches need not end as Salesforce has it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._hands = world.sandbox.xero.hands
        self._books = world.sandbox.xero.books
        self._chance = world.chance("bookkeeper")

    def fill(self) -> None:
        """What she has in Xero before the first run."""
        if self._chance.random() < 0.3:
            self._chance.choice((self._take_name, self._take_number))()

    def act(self) -> None:
        """Do one thing that a bookkeeper does."""
        act = self._chance.choice((
            self._pay, self._void, self._edit_invoice, self._edit_own_field, self._renumber,
            self._rename_contact, self._archive, self._restore, self._take_name,
            self._take_number, self._take_number, self._note_phone,
        ))  # fmt: skip
        try:
            act()
        except NotPossible as refusal:
            self._world.scheduler.note(f"cannot: {refusal}")

    def _pay(self) -> None:
        for invoice in self._ours():
            part = invoice.amount_due / 2 if self._chance.random() < 0.3 else invoice.amount_due
            amount = part.quantize(Decimal("0.01"))
            if amount > 0:
                self._hands.pay(invoice.invoice_id, amount)
                self._blame(invoice, "paid")

    def _void(self) -> None:
        for invoice in self._ours():
            self._hands.void(invoice.invoice_id)
            self._blame(invoice, "voided")

    def _edit_invoice(self) -> None:
        for invoice in self._ours():
            line = {"Description": "By hand", "Quantity": Decimal(1), "UnitAmount": Decimal(5),
                    "AccountCode": "200", "TaxType": "OUTPUT"}  # fmt: skip
            self._hands.write_invoice({"LineItems": [line]}, invoice.invoice_id)
            self._blame(invoice, "edited")

    def _edit_own_field(self) -> None:
        """Change what the sync does not write at all."""
        for invoice in self._ours():
            day = self._world.scheduler.moment() + timedelta(days=30)
            self._hands.write_invoice(
                {"ExpectedPaymentDate": day.date().isoformat()}, invoice.invoice_id
            )

    def _renumber(self) -> None:
        for invoice in self._ours():
            number = f"HAND-{self._chance.randint(1, 9999)}"
            self._hands.write_invoice({"InvoiceNumber": number}, invoice.invoice_id)
            self._blame(invoice, "renumbered")

    def _rename_contact(self) -> None:
        for contact in self._our_contacts():
            self._hands.write_contact({"Name": f"{contact.name} by hand"}, contact.contact_id)
            self._world.blame(str(contact.number), "renamed")

    def _archive(self) -> None:
        for contact in self._our_contacts():
            self._hands.archive(contact.contact_id)
            self._world.blame(str(contact.number), "archived")

    def _restore(self) -> None:
        archived = [one for one in self._books.contacts.values() if one.status == "ARCHIVED"]
        if archived:
            contact = self._chance.choice(archived)
            self._hands.write_contact({"ContactStatus": "ACTIVE"}, contact.contact_id)

    def _take_name(self) -> None:
        """A contact of her own, with a name that an account has or will have."""
        contact = self._hands.write_contact({"Name": self._chance.choice(_NAMES)})
        self._world.strangers.add(contact.contact_id)

    def _take_number(self) -> None:
        """An invoice of her own, under a number that an opportunity has or will have."""
        org = self._world.sandbox.org
        serial = self._chance.randint(1, org.records.serial("Opportunity") + 2)
        opportunity_number = f"OPP-{serial:06d}"
        line = {"Description": "Own", "Quantity": Decimal(1), "UnitAmount": Decimal(9),
                "AccountCode": "200"}  # fmt: skip
        invoice = self._hands.write_invoice({
            "Type": "ACCREC", "Contact": {"Name": "Stranger"}, "Status": "AUTHORISED",
            "Date": "2026-11-20", "DueDate": "2026-12-20", "LineItems": [line],
            "InvoiceNumber": f"SF-{opportunity_number}",
        })  # fmt: skip
        self._world.strangers.add(invoice.invoice_id)
        self._world.blame(opportunity_number, "number taken")

    def _note_phone(self) -> None:
        for contact in self._our_contacts():
            phone = {"PhoneType": "DEFAULT", "PhoneNumber": "555 0100"}
            self._hands.write_contact({"Phones": [phone]}, contact.contact_id)

    def _ours(self) -> list[Invoice]:
        ours = [one for one in self._books.invoices.values() if one.url and one.status not in DEAD]
        return [self._chance.choice(ours)] if ours else []

    def _our_contacts(self) -> list[Any]:
        ours = [one for one in self._books.contacts.values() if one.number]
        return [self._chance.choice(ours)] if ours else []

    def _blame(self, invoice: Invoice, cause: str) -> None:
        self._world.blame(str(invoice.url).split("/")[-2], cause)


def _text(value: Any) -> Any:
    """A stored value as a person would enter it again."""
    return value.isoformat() if hasattr(value, "isoformat") else value
