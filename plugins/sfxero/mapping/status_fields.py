"""The fields of an opportunity that show what Xero says: their keys, names and kinds.

The one place that says so. A route may rename a field (`salesforce_fields`); the source package
that an administrator deploys has the names that stand here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

FieldKind = Literal[
    "text", "url", "picklist", "currency", "number", "date", "datetime", "long_text", "checkbox",
    "lookup",
]  # fmt: skip


class PaymentStatus(StrEnum):
    """What a salesperson wants to know of an invoice."""

    UNPAID = "Unpaid"
    PART_PAID = "Part paid"
    PAID = "Paid"
    CREDITED = "Credited"
    VOIDED = "Voided"
    OVERDUE = "Overdue"


# As Xero spells them.
INVOICE_STATUSES: Final = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusField:
    """One custom field that the sync writes; `key` is its name in a route file."""

    key: str
    name: str
    label: str
    kind: FieldKind
    help_text: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    is_external_id: bool = False
    is_unique: bool = False
    values: tuple[str, ...] = ()
    refers_to: str | None = None
    """The object that a lookup leads to."""
    relationship: str | None = None
    """How that object names the records that look it up."""


def _amount(key: str, name: str, label: str, help_text: str) -> StatusField:
    return StatusField(
        key=key, name=name, label=label, kind="currency", precision=18, scale=2,
        help_text=help_text,
    )  # fmt: skip


STATUS_FIELDS: Final = (
    StatusField(
        key="invoice_id", name="Xero_Invoice_Id__c", label="Xero Invoice Id", kind="text",
        length=36, is_external_id=True, is_unique=True,
        help_text="The id of the invoice in Xero. Written by the sync.",
    ),
    StatusField(
        key="invoice_number", name="Xero_Invoice_Number__c", label="Xero Invoice Number",
        kind="text", length=255, help_text="The number that the invoice has in Xero.",
    ),
    StatusField(
        key="invoice_url", name="Xero_Invoice_Url__c", label="Xero Invoice", kind="url",
        help_text="Opens the invoice in Xero.",
    ),
    StatusField(
        key="status", name="Xero_Invoice_Status__c", label="Xero Invoice Status", kind="picklist",
        values=INVOICE_STATUSES, help_text="The status of the invoice, as Xero spells it.",
    ),
    StatusField(
        key="payment_status", name="Xero_Payment_Status__c", label="Xero Payment Status",
        kind="picklist", values=tuple(PaymentStatus),
        help_text="Overdue is unpaid or part paid after the due date, in the organisation's zone.",
    ),
    _amount(
        "amount_paid", "Xero_Amount_Paid__c", "Xero Amount Paid",
        "What was paid, in the currency of the invoice.",
    ),
    _amount(
        "amount_due", "Xero_Amount_Due__c", "Xero Amount Due",
        "What is still due, in the currency of the invoice.",
    ),
    _amount(
        "amount_credited", "Xero_Amount_Credited__c", "Xero Amount Credited",
        "Credit notes, overpayments and prepayments that were allocated to the invoice.",
    ),
    StatusField(
        key="paid_on", name="Xero_Paid_On__c", label="Xero Paid On", kind="date",
        help_text="The day on which the invoice was paid in full.",
    ),
    StatusField(
        key="last_synced_at", name="Xero_Last_Synced_At__c", label="Xero Last Synced At",
        kind="datetime", help_text="When the sync last changed one of the other fields.",
    ),
    StatusField(
        key="sync_error", name="Xero_Sync_Error__c", label="Xero Sync Error", kind="long_text",
        length=32_768, help_text="Why the opportunity is not in Xero; empty if nothing is wrong.",
    ),
)  # fmt: skip
