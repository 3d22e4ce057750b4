"""The custom objects that an administrator installs to mirror Xero's invoices."""

from sfxero.sandbox.salesforce.fields import (
    AUDIT,
    ID,
    OrgOptions,
    currency_code,
    flag,
    lookup,
    money,
    text,
)
from sfxero.sandbox.salesforce.schema import Field, ObjectType

_STATUSES = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED")
_PAYMENT_STATUSES = ("Unpaid", "Part paid", "Paid", "Credited", "Voided", "Overdue")
_OWNER = lookup("OwnerId", "User", nillable=False)


def mirror(options: OrgOptions) -> tuple[ObjectType, ...]:
    """Return invoices, their lines and payments; the latter two look up the first."""
    return (_invoice(options), _line(options), _payment(options))


def _invoice(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Xero_Invoice__c", label="Xero Invoice", plural="Xero Invoices", key_prefix="a00",
        fields=(
            ID, text("Name", 80, nillable=False, name_field=True), _OWNER, _xero_id(),
            _custom_lookup("Opportunity__c", "Opportunity"),
            _custom_lookup("Account__c", "Account"),
            text("Link__c", 255, "url"), text("Status__c", 255, "picklist", picklist=_STATUSES),
            text("Payment_Status__c", 255, "picklist", picklist=_PAYMENT_STATUSES),
            text("Reference__c", 255), Field(name="Date__c", kind="date"),
            Field(name="Due_Date__c", kind="date"), Field(name="Paid_On__c", kind="date"),
            text("Currency__c", 3), money("Subtotal__c"), money("Tax__c"), money("Total__c"),
            money("Amount_Paid__c"), money("Amount_Due__c"), money("Amount_Credited__c"),
            Field(name="Last_Synced_At__c", kind="datetime"),
            *currency_code(options), *AUDIT,
        ),
    )  # fmt: skip


def _line(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Xero_Invoice_Line__c", label="Xero Invoice Line", plural="Xero Invoice Lines",
        key_prefix="a01",
        fields=(
            ID, _counted_name(), _OWNER, _xero_id(),
            _custom_lookup("Xero_Invoice__c", "Xero_Invoice__c"),
            Field(name="Position__c", kind="double", precision=18, scale=0),
            text("Description__c", 4000, "textarea"), text("Item_Code__c", 30),
            text("Account_Code__c", 10), text("Tax_Type__c", 50),
            Field(name="Quantity__c", kind="double", precision=18, scale=4),
            Field(name="Unit_Amount__c", kind="double", precision=18, scale=4),
            money("Line_Amount__c"), money("Tax_Amount__c"), flag("Removed__c", writable=True),
            *currency_code(options), *AUDIT,
        ),
    )  # fmt: skip


def _payment(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Xero_Payment__c", label="Xero Payment", plural="Xero Payments", key_prefix="a02",
        fields=(
            ID, _counted_name(), _OWNER, _xero_id(),
            _custom_lookup("Xero_Invoice__c", "Xero_Invoice__c"),
            Field(name="Date__c", kind="date"), money("Amount__c"), text("Reference__c", 255),
            text("Status__c", 255, "picklist", picklist=("AUTHORISED", "DELETED")),
            *currency_code(options), *AUDIT,
        ),
    )  # fmt: skip


def _xero_id() -> Field:
    return text("Xero_Id__c", 50, label="Xero Id", external_id=True, unique=True)


def _counted_name() -> Field:
    return Field(
        name="Name", kind="string", length=80, nillable=False, name_field=True, auto_number=True,
        createable=False, updateable=False,
    )  # fmt: skip


def _custom_lookup(name: str, target: str) -> Field:
    """Return a lookup of an administrator's; its relationship ends in __r."""
    return Field(
        name=name, kind="reference", length=18, reference_to=(target,),
        relationship=f"{name.removesuffix('__c')}__r",
    )  # fmt: skip
