"""The objects that mirror invoices, their lines and payments in the org, for reports there.

The one place that says so. A route may rename each of them (`mirror`); the source package that an
administrator deploys has the names that stand here.
"""

from dataclasses import dataclass
from typing import Final

from sfxero.mapping.status_fields import (
    INVOICE_STATUSES,
    FieldKind,
    PaymentStatus,
    StatusField,
)

PAYMENT_STATES: Final = ("AUTHORISED", "DELETED")
XERO_ID: Final = "xero_id"
INVOICE: Final = "invoice"
"""Keys of the external id, and of a line's or payment's invoice: neither can be left out."""
CURRENCY: Final = "currency"
"""Key of an invoice's currency, and of a record's in its entry's `meta`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorObject:
    """One custom object; `number` is the label of its record name, counted unless it is a text."""

    name: str
    label: str
    plural: str
    number: str
    counts_by: str | None
    fields: tuple[StatusField, ...]


def _field(key: str, name: str, label: str, kind: FieldKind, help_text: str) -> StatusField:
    return StatusField(key=key, name=name, label=label, kind=kind, help_text=help_text)


def _text(key: str, name: str, label: str, length: int, help_text: str) -> StatusField:
    return StatusField(
        key=key, name=name, label=label, kind="text", length=length, help_text=help_text
    )


def _amount(key: str, name: str, label: str, help_text: str) -> StatusField:
    return StatusField(
        key=key, name=name, label=label, kind="currency", precision=18, scale=2,
        help_text=help_text,
    )  # fmt: skip


def _number(key: str, name: str, label: str, help_text: str, *, scale: int = 4) -> StatusField:
    return StatusField(
        key=key, name=name, label=label, kind="number", precision=18, scale=scale,
        help_text=help_text,
    )  # fmt: skip


def _external_id(what: str) -> StatusField:
    return StatusField(
        key=XERO_ID, name="Xero_Id__c", label="Xero Id", kind="text", length=50,
        is_external_id=True, is_unique=True,
        help_text=f"The id of the {what} in Xero. Written by the sync.",
    )  # fmt: skip


def _lookup(key: str, name: str, label: str, target: str, plural: str) -> StatusField:
    return StatusField(
        key=key, name=name, label=label, kind="lookup", refers_to=target, relationship=plural,
        help_text=f"The {label.removeprefix('Xero ').lower()} that this belongs to.",
    )  # fmt: skip


def _invoice_of(plural: str) -> StatusField:
    return _lookup(INVOICE, "Xero_Invoice__c", "Xero Invoice", "Xero_Invoice__c", plural)


MIRRORED_INVOICE: Final = MirrorObject(
    name="Xero_Invoice__c", label="Xero Invoice", plural="Xero Invoices", number="Invoice Number",
    counts_by=None,
    fields=(
        _external_id("invoice"),
        _lookup("opportunity", "Opportunity__c", "Opportunity", "Opportunity", "Xero_Invoices"),
        _lookup("account", "Account__c", "Account", "Account", "Xero_Invoices"),
        _field("url", "Link__c", "Open in Xero", "url", "Opens the invoice in Xero."),
        StatusField(
            key="status", name="Status__c", label="Status", kind="picklist",
            values=INVOICE_STATUSES, help_text="The status of the invoice, as Xero spells it.",
        ),
        StatusField(
            key="payment_status", name="Payment_Status__c", label="Payment Status",
            kind="picklist", values=tuple(PaymentStatus),
            help_text="Overdue is unpaid or part paid after the due date.",
        ),
        _text("reference", "Reference__c", "Reference", 255, "The reference of the invoice."),
        _field("dated_on", "Date__c", "Date", "date", "The date of the invoice."),
        _field("due_on", "Due_Date__c", "Due Date", "date", "When it is to be paid."),
        _field("paid_on", "Paid_On__c", "Paid On", "date", "The day on which it was paid in full."),
        _text(CURRENCY, "Currency__c", "Currency", 3, "The currency of the invoice's amounts."),
        _amount("sub_total", "Subtotal__c", "Subtotal", "The total without tax."),
        _amount("tax", "Tax__c", "Tax", "The tax of all lines."),
        _amount("total", "Total__c", "Total", "The total, tax included."),
        _amount("amount_paid", "Amount_Paid__c", "Amount Paid", "What was paid."),
        _amount("amount_due", "Amount_Due__c", "Amount Due", "What is still due."),
        _amount(
            "amount_credited", "Amount_Credited__c", "Amount Credited",
            "Credit notes, overpayments and prepayments that were allocated to the invoice.",
        ),
        _field(
            "last_synced_at", "Last_Synced_At__c", "Last Synced At", "datetime",
            "When the sync last changed one of the other fields.",
        ),
    ),
)  # fmt: skip

MIRRORED_LINE: Final = MirrorObject(
    name="Xero_Invoice_Line__c", label="Xero Invoice Line", plural="Xero Invoice Lines",
    number="Line", counts_by="XL-{00000000}",
    fields=(
        _external_id("line"),
        _invoice_of("Xero_Lines"),
        _number("position", "Position__c", "Position", "The place among the lines.", scale=0),
        StatusField(
            key="description", name="Description__c", label="Description", kind="long_text",
            length=4000, help_text="The description of the line.",
        ),
        _text("item_code", "Item_Code__c", "Item Code", 30, "The code of the item in Xero."),
        _text("account_code", "Account_Code__c", "Account Code", 10, "The account in Xero."),
        _text("tax_type", "Tax_Type__c", "Tax Type", 50, "The tax type in Xero."),
        _number("quantity", "Quantity__c", "Quantity", "How many."),
        _number("unit_amount", "Unit_Amount__c", "Unit Amount", "The price of one."),
        _amount("line_amount", "Line_Amount__c", "Line Amount", "The amount of the line."),
        _amount("tax_amount", "Tax_Amount__c", "Tax Amount", "The tax of the line."),
        _field(
            "is_removed", "Removed__c", "Removed", "checkbox",
            "The invoice no longer has this line.",
        ),
    ),
)  # fmt: skip

MIRRORED_PAYMENT: Final = MirrorObject(
    name="Xero_Payment__c", label="Xero Payment", plural="Xero Payments", number="Payment",
    counts_by="XP-{00000000}",
    fields=(
        _external_id("payment"),
        _invoice_of("Xero_Payments"),
        _field("paid_on", "Date__c", "Date", "date", "The day of the payment."),
        _amount("amount", "Amount__c", "Amount", "What was paid."),
        _text("reference", "Reference__c", "Reference", 255, "The reference of the payment."),
        StatusField(
            key="status", name="Status__c", label="Status", kind="picklist",
            values=PAYMENT_STATES,
            help_text="DELETED is a payment that was taken back in Xero.",
        ),
    ),
)  # fmt: skip
