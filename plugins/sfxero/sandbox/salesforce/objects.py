"""The objects of the sandbox org, as the Object Reference lists their fields."""

from dataclasses import dataclass

from sfxero.sandbox.salesforce.fields import (
    AUDIT,
    ID,
    OrgOptions,
    address,
    currency_code,
    derived,
    flag,
    lookup,
    money,
    text,
)
from sfxero.sandbox.salesforce.objects_mirror import mirror
from sfxero.sandbox.salesforce.objects_more import currencies, people, setup
from sfxero.sandbox.salesforce.schema import Field, ObjectType, Schema

INVOICE_STATUSES = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED")
PAYMENT_TERMS = ("7 days", "30 days", "20th of next month")
PAYMENT_STATUSES = ("Unpaid", "Part paid", "Paid", "Credited", "Voided", "Overdue")


@dataclass(frozen=True, slots=True)
class Stage:
    """One value of StageName and what follows from it."""

    name: str
    is_closed: bool
    is_won: bool
    probability: int


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("Prospecting", False, False, 10),
        Stage("Qualification", False, False, 10),
        Stage("Needs Analysis", False, False, 20),
        Stage("Value Proposition", False, False, 50),
        Stage("Id. Decision Makers", False, False, 60),
        Stage("Perception Analysis", False, False, 70),
        Stage("Proposal/Price Quote", False, False, 75),
        Stage("Negotiation/Review", False, False, 90),
        Stage("Closed Won", True, True, 100),
        Stage("Closed Lost", True, False, 0),
    )
}


def _account(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Account", label="Account", plural="Accounts", key_prefix="001",
        fields=(
            ID,
            lookup("MasterRecordId", "Account", createable=False, updateable=False),
            text("Name", 255, nillable=False, name_field=True),
            text("Type", 255, "picklist", picklist=("Prospect", "Customer - Direct", "Other")),
            lookup("ParentId", "Account"),
            *address("Billing", codes=options.state_codes),
            *address("Shipping", codes=options.state_codes),
            text("Phone", 40, "phone"),
            text("Fax", 40, "phone"),
            text("AccountNumber", 40),
            text("Website", 255, "url"),
            text("Industry", 255, "picklist", picklist=("Construction", "Education", "Retail")),
            text("Description", 32000, "textarea"),
            lookup("OwnerId", "User", nillable=False),
            *_person(options), *currency_code(options), *AUDIT,
            text("ABN__c", 20, label="ABN"),
            text("Invoice_Email__c", 80, "email", label="Invoice Email"),
            text(
                "Payment_Terms__c", 255, "picklist", label="Payment Terms", picklist=PAYMENT_TERMS
            ),
            text("Xero_Contact_Id__c", 36, label="Xero Contact Id", external_id=True, unique=True),
            # Indexed and not unique, as the id of another system may be.
            text("Legacy_Id__c", 36, label="Legacy Id", external_id=True),
        ),
    )  # fmt: skip


def _opportunity(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Opportunity", label="Opportunity", plural="Opportunities", key_prefix="006",
        fields=(
            ID,
            lookup("AccountId", "Account"),
            text("Name", 120, nillable=False, name_field=True),
            text("Description", 32000, "textarea"),
            text("StageName", 255, "picklist", nillable=False, picklist=tuple(STAGES)),
            money("Amount"),
            Field(name="Probability", kind="percent", precision=3, scale=0),
            derived("ExpectedRevenue", "currency", precision=18, scale=2),
            Field(name="CloseDate", kind="date", nillable=False),
            text("Type", 255, "picklist", picklist=("New Business", "Existing Business")),
            text("NextStep", 255),
            flag("IsClosed"), flag("IsWon"),
            lookup("Pricebook2Id", "Pricebook2"),
            flag("HasOpportunityLineItem"),
            lookup("OwnerId", "User", nillable=False),
            lookup("ContactId", "Contact", updateable=False),
            derived("RecordTypeId", "reference", length=18),
            *currency_code(options), *AUDIT, *_xero_fields(),
            # A formula over the account: it follows that account without a new stamp (OBJ).
            derived("Account_ABN__c", "string", length=1300, calculated=True, label="Account ABN"),
            derived(
                "Opportunity_Number__c", "string", length=30, nillable=False, auto_number=True,
                label="Opportunity Number",
            ),
        ),
    )  # fmt: skip


def _line(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="OpportunityLineItem", label="Opportunity Product", plural="Opportunity Products",
        key_prefix="00k",
        fields=(
            ID,
            lookup("OpportunityId", "Opportunity", nillable=False, updateable=False),
            Field(name="SortOrder", kind="int"),
            lookup("PricebookEntryId", "PricebookEntry", updateable=False),
            lookup("Product2Id", "Product2", updateable=False),
            derived("ProductCode", "string", length=255),
            derived("Name", "string", length=376, name_field=True),
            Field(name="Quantity", kind="double", precision=12, scale=2, nillable=False),
            Field(name="Discount", kind="percent", precision=5, scale=2),
            money("Subtotal", writable=False),
            money("TotalPrice", writable=False, nillable=False),
            # This org shows four decimals for prices, as an administrator may set it.
            money("UnitPrice", scale=4),
            money("ListPrice", scale=4, writable=False),
            Field(name="ServiceDate", kind="date"),
            text("Description", 255),
            *currency_code(options), *AUDIT,
        ),
    )  # fmt: skip


def _product(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Product2", label="Product", plural="Products", key_prefix="01t",
        fields=(
            ID,
            text("Name", 255, nillable=False, name_field=True),
            text("ProductCode", 255),
            text("Description", 4000, "textarea"),
            flag("IsActive", writable=True),
            text(
                "Family", 255, "picklist",
                picklist=("Hardware", "Software", "Services", "Freight", "Export"),
            ),
            text("StockKeepingUnit", 180),
            *currency_code(options), *AUDIT,
        ),
    )  # fmt: skip


def _price_books(options: OrgOptions) -> tuple[ObjectType, ...]:
    return (
        ObjectType(
            name="Pricebook2", label="Price Book", plural="Price Books", key_prefix="01s",
            fields=(
                ID, text("Name", 255, nillable=False, name_field=True),
                flag("IsActive", writable=True), flag("IsStandard"), *AUDIT,
            ),
        ),
        ObjectType(
            name="PricebookEntry", label="Price Book Entry", plural="Price Book Entries",
            key_prefix="01u",
            fields=(
                ID, derived("Name", "string", length=255, name_field=True),
                lookup("Pricebook2Id", "Pricebook2", nillable=False, updateable=False),
                lookup("Product2Id", "Product2", nillable=False, updateable=False),
                money("UnitPrice", scale=4, nillable=False),
                flag("IsActive", writable=True), derived("ProductCode", "string", length=255),
                *currency_code(options), *AUDIT,
            ),
        ),
    )  # fmt: skip


def _person(options: OrgOptions) -> tuple[Field, ...]:
    """Return the fields of people among the accounts; their Name is derived from these."""
    if not options.person_accounts:
        return ()
    return (
        flag("IsPersonAccount"), text("Salutation", 40, "picklist"), text("FirstName", 40),
        text("LastName", 80), text("PersonEmail", 80, "email"),
    )  # fmt: skip


def _xero_fields() -> tuple[Field, ...]:
    """Return the custom fields that an administrator installs for the write-back."""
    return (
        text("Xero_Invoice_Id__c", 36, label="Xero Invoice Id", external_id=True, unique=True),
        text("Xero_Invoice_Number__c", 255, label="Xero Invoice Number"),
        text("Xero_Invoice_Status__c", 255, "picklist", picklist=INVOICE_STATUSES),
        text("Xero_Payment_Status__c", 255, "picklist", picklist=PAYMENT_STATUSES),
        text("Xero_Invoice_Url__c", 255, "url", label="Xero Invoice"),
        money("Xero_Amount_Paid__c"), money("Xero_Amount_Due__c"),
        money("Xero_Amount_Credited__c"),
        Field(name="Xero_Paid_On__c", kind="date", label="Xero Paid On"),
        Field(name="Xero_Last_Synced_At__c", kind="datetime", label="Xero Last Synced At"),
        text("Xero_Sync_Error__c", 32768, "textarea", label="Xero Sync Error"),
    )  # fmt: skip


def build_schema(options: OrgOptions) -> Schema:
    """Return the org's objects under the given options."""
    return Schema(
        (
            _account(options), _opportunity(options), _line(options), _product(options),
            *_price_books(options), *people(options), *currencies(options), *mirror(options),
            *setup(),
        )
    )  # fmt: skip
