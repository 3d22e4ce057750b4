"""The objects of the sandbox org, as the Object Reference lists their fields."""

from dataclasses import dataclass

from sfxero.sandbox.salesforce.schema import Field, FieldKind, ObjectType, Schema


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


@dataclass(frozen=True, slots=True)
class OrgOptions:
    """Features that add fields to an org."""

    multi_currency: bool = False
    state_codes: bool = False


def _text(name: str, length: int, kind: FieldKind = "string", **facts: object) -> Field:
    return Field(name=name, kind=kind, length=length, **facts)  # type: ignore[arg-type] # keyword facts of Field


def _derived(name: str, kind: FieldKind, **facts: object) -> Field:
    return Field(name=name, kind=kind, createable=False, updateable=False, **facts)  # type: ignore[arg-type] # as above


def _flag(name: str, *, writable: bool = False) -> Field:
    return Field(
        name=name, kind="boolean", nillable=False, createable=writable, updateable=writable
    )


def _money(name: str, *, scale: int = 2, writable: bool = True, nillable: bool = True) -> Field:
    return Field(
        name=name, kind="currency", precision=18, scale=scale, nillable=nillable,
        createable=writable, updateable=writable,
    )  # fmt: skip


def _lookup(name: str, target: str, **facts: object) -> Field:
    return Field(
        name=name, kind="reference", length=18, reference_to=(target,),
        relationship=name.removesuffix("Id"), **facts,  # type: ignore[arg-type] # keyword facts of Field
    )  # fmt: skip


_ID = _derived("Id", "id", length=18, nillable=False)
_AUDIT = (
    _flag("IsDeleted"),
    _derived("CreatedDate", "datetime", nillable=False),
    _lookup("CreatedById", "User", nillable=False, createable=False, updateable=False),
    _derived("LastModifiedDate", "datetime", nillable=False),
    _lookup("LastModifiedById", "User", nillable=False, createable=False, updateable=False),
    _derived("SystemModstamp", "datetime", nillable=False),
)


def _address(prefix: str, *, codes: bool) -> tuple[Field, ...]:
    compound = f"{prefix}Address"
    parts = [
        _text(f"{prefix}Street", 255, "textarea", compound=compound),
        _text(f"{prefix}City", 40, compound=compound),
        _text(f"{prefix}State", 80, compound=compound),
        _text(f"{prefix}PostalCode", 20, compound=compound),
        _text(f"{prefix}Country", 80, compound=compound),
    ]
    if codes:
        parts += [
            _text(f"{prefix}StateCode", 10, "picklist", compound=compound),
            _text(f"{prefix}CountryCode", 10, "picklist", compound=compound),
        ]
    return (*parts, _derived(compound, "address"))


def _currency_code(options: OrgOptions) -> tuple[Field, ...]:
    if not options.multi_currency:
        return ()
    return (_text("CurrencyIsoCode", 3, "picklist", picklist=("AUD", "NZD", "USD")),)


def _account(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Account", label="Account", plural="Accounts", key_prefix="001",
        fields=(
            _ID,
            _lookup("MasterRecordId", "Account", createable=False, updateable=False),
            _text("Name", 255, nillable=False, name_field=True),
            _text("Type", 255, "picklist", picklist=("Prospect", "Customer - Direct", "Other")),
            _lookup("ParentId", "Account"),
            *_address("Billing", codes=options.state_codes),
            *_address("Shipping", codes=options.state_codes),
            _text("Phone", 40, "phone"),
            _text("Fax", 40, "phone"),
            _text("AccountNumber", 40),
            _text("Website", 255, "url"),
            _text("Industry", 255, "picklist", picklist=("Construction", "Education", "Retail")),
            _text("Description", 32000, "textarea"),
            _lookup("OwnerId", "User", nillable=False),
            *_currency_code(options), *_AUDIT,
            _text("ABN__c", 20, label="ABN"),
        ),
    )  # fmt: skip


def _opportunity(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Opportunity", label="Opportunity", plural="Opportunities", key_prefix="006",
        fields=(
            _ID,
            _lookup("AccountId", "Account"),
            _text("Name", 120, nillable=False, name_field=True),
            _text("Description", 32000, "textarea"),
            _text("StageName", 255, "picklist", nillable=False, picklist=tuple(STAGES)),
            _money("Amount"),
            Field(name="Probability", kind="percent", precision=3, scale=0),
            _derived("ExpectedRevenue", "currency", precision=18, scale=2),
            Field(name="CloseDate", kind="date", nillable=False),
            _text("Type", 255, "picklist", picklist=("New Business", "Existing Business")),
            _text("NextStep", 255),
            _flag("IsClosed"), _flag("IsWon"),
            _lookup("Pricebook2Id", "Pricebook2"),
            _flag("HasOpportunityLineItem"),
            _lookup("OwnerId", "User", nillable=False),
            *_currency_code(options), *_AUDIT,
            _derived(
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
            _ID,
            _lookup("OpportunityId", "Opportunity", nillable=False, updateable=False),
            Field(name="SortOrder", kind="int"),
            _lookup("PricebookEntryId", "PricebookEntry", updateable=False),
            _lookup("Product2Id", "Product2", updateable=False),
            _derived("ProductCode", "string", length=255),
            _derived("Name", "string", length=376, name_field=True),
            Field(name="Quantity", kind="double", precision=12, scale=2, nillable=False),
            Field(name="Discount", kind="percent", precision=5, scale=2),
            _money("Subtotal", writable=False),
            _money("TotalPrice", writable=False, nillable=False),
            # This org shows four decimals for prices, as an administrator may set it.
            _money("UnitPrice", scale=4),
            _money("ListPrice", scale=4, writable=False),
            Field(name="ServiceDate", kind="date"),
            _text("Description", 255),
            *_currency_code(options), *_AUDIT,
        ),
    )  # fmt: skip


def _product(options: OrgOptions) -> ObjectType:
    return ObjectType(
        name="Product2", label="Product", plural="Products", key_prefix="01t",
        fields=(
            _ID,
            _text("Name", 255, nillable=False, name_field=True),
            _text("ProductCode", 255),
            _text("Description", 4000, "textarea"),
            _flag("IsActive", writable=True),
            _text(
                "Family", 255, "picklist",
                picklist=("Hardware", "Software", "Services", "Freight", "Export"),
            ),
            _text("StockKeepingUnit", 180),
            *_currency_code(options), *_AUDIT,
        ),
    )  # fmt: skip


def _price_books(options: OrgOptions) -> tuple[ObjectType, ...]:
    return (
        ObjectType(
            name="Pricebook2", label="Price Book", plural="Price Books", key_prefix="01s",
            fields=(
                _ID, _text("Name", 255, nillable=False, name_field=True),
                _flag("IsActive", writable=True), _flag("IsStandard"), *_AUDIT,
            ),
        ),
        ObjectType(
            name="PricebookEntry", label="Price Book Entry", plural="Price Book Entries",
            key_prefix="01u",
            fields=(
                _ID, _derived("Name", "string", length=255, name_field=True),
                _lookup("Pricebook2Id", "Pricebook2", nillable=False, updateable=False),
                _lookup("Product2Id", "Product2", nillable=False, updateable=False),
                _money("UnitPrice", scale=4, nillable=False),
                _flag("IsActive", writable=True), _derived("ProductCode", "string", length=255),
                *_currency_code(options), *_AUDIT,
            ),
        ),
    )  # fmt: skip


def _setup() -> tuple[ObjectType, ...]:
    return (
        ObjectType(
            name="User", label="User", plural="Users", key_prefix="005", writable=False,
            fields=(
                _ID, _text("Name", 121, nillable=False, name_field=True),
                _text("Username", 80, nillable=False), _text("Email", 128, "email"),
                _flag("IsActive"), *_AUDIT[1:],
            ),
        ),
        ObjectType(
            name="Organization", label="Organization", plural="Organizations", key_prefix="00D",
            writable=False,
            fields=(
                _ID, _text("Name", 80, nillable=False, name_field=True), _text("Country", 80),
                _text("OrganizationType", 40, "picklist"), _flag("IsSandbox"),
                _text("DefaultLocaleSidKey", 40, "picklist"),
                _text("TimeZoneSidKey", 40, "picklist"), *_AUDIT[1:],
            ),
        ),
        ObjectType(
            name="OpportunityStage", label="Opportunity Stage", plural="Opportunity Stages",
            key_prefix="01J", writable=False, bulk_queryable=False,
            fields=(
                _ID, _text("MasterLabel", 255, name_field=True), _text("ApiName", 255),
                _flag("IsActive"), Field(name="SortOrder", kind="int"),
                _flag("IsClosed"), _flag("IsWon"),
                Field(name="DefaultProbability", kind="percent", precision=3, scale=0),
                *_AUDIT[1:],
            ),
        ),
    )  # fmt: skip


def build_schema(options: OrgOptions) -> Schema:
    """Return the org's objects under the given options."""
    return Schema(
        (
            _account(options), _opportunity(options), _line(options), _product(options),
            *_price_books(options), *_setup(),
        )
    )  # fmt: skip
