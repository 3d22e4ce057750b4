"""What the mirror holds in the org, and what it must hold by the books."""

from decimal import Decimal
from typing import Any

from tests.contract.sync.showing import Showing

from sfxero.sandbox.xero.models import Invoice
from sfxero.sync.draining import MIRRORED
from sfxero.sync.status_prepare import prepare_statuses

INVOICES, LINES, PAYMENTS = "Xero_Invoice__c", "Xero_Invoice_Line__c", "Xero_Payment__c"


class Mirror:
    """Both sides of the mirror of one world."""

    def __init__(self, showing: Showing) -> None:
        self.showing = showing
        self.world = showing.world
        self.world.respec(mirror={"enabled": True})

    def show(self, **changes: Any) -> None:
        """Read Xero and bring the mirror up to it; `changes` are those of the lanes."""
        scope = self.showing.begin()
        self.showing.read(scope)
        prepare_statuses(scope)
        for entity in MIRRORED:
            self.showing.publish(entity, **changes)

    def rows(self, object_name: str) -> dict[str, dict[str, Any]]:
        """The records of an object, by Xero's id."""
        return {one["Xero_Id__c"]: one for one in self.world.rows(object_name)}

    def invoice(self, invoice_id: str) -> dict[str, Any]:
        return self.rows(INVOICES)[invoice_id]

    def of(self, object_name: str, invoice_id: str) -> list[dict[str, Any]]:
        """The records that look up an invoice."""
        salesforce_id = self.invoice(invoice_id)["Id"]
        return self.world.rows(object_name, Xero_Invoice__c=salesforce_id)

    def live_lines(self, invoice_id: str) -> dict[str, tuple[str, Decimal, Decimal]]:
        """Description, price and amount of the lines that are not removed, by Xero's id."""
        return {
            one["Xero_Id__c"]: (
                one["Description__c"],
                Decimal(str(one["Unit_Amount__c"])),
                Decimal(str(one["Line_Amount__c"])),
            )
            for one in self.of(LINES, invoice_id)
            if not one["Removed__c"]
        }

    def live_payments(self, invoice_id: str) -> dict[str, Decimal]:
        """The amounts of the payments that were not taken back."""
        return {
            one["Xero_Id__c"]: Decimal(str(one["Amount__c"]))
            for one in self.of(PAYMENTS, invoice_id)
            if one["Status__c"] == "AUTHORISED"
        }

    def assert_right(self, invoice: Invoice) -> None:
        """Hold the whole mirror of an invoice against the books."""
        found, totals = self.invoice(invoice.invoice_id), invoice.totals
        amounts = ("Subtotal", "Tax", "Total", "Amount_Paid", "Amount_Due", "Amount_Credited")
        assert [Decimal(str(found[f"{one}__c"])) for one in amounts] == [
            totals.sub_total, totals.total_tax, totals.total, invoice.amount_paid,
            invoice.amount_due, invoice.amount_credited,
        ]  # fmt: skip
        assert (found["Name"], found["Status__c"]) == (invoice.number, invoice.status)
        assert self.live_lines(invoice.invoice_id) == {
            line.line_id: (line.description, line.unit_amount, line.line_amount)
            for line in invoice.lines
        }
        assert self.live_payments(invoice.invoice_id) == {
            one: self.world.books.payments[one].amount for one in invoice.payments
        }
