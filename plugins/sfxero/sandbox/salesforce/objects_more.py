"""The further objects of the org: people, currencies and set-up."""

from sfxero.sandbox.salesforce.fields import (
    AUDIT,
    ID,
    OrgOptions,
    address,
    currency_code,
    flag,
    lookup,
    text,
)
from sfxero.sandbox.salesforce.schema import Field, ObjectType


def people(options: OrgOptions) -> tuple[ObjectType, ...]:
    """Return contacts, leads and the roles that contacts have in opportunities."""
    return (
        ObjectType(
            name="Contact", label="Contact", plural="Contacts", key_prefix="003",
            fields=(
                ID, lookup("MasterRecordId", "Contact", createable=False, updateable=False),
                lookup("AccountId", "Account"), *_person_name(),
                *address("Mailing", codes=options.state_codes),
                text("Phone", 40, "phone"), text("Email", 80, "email"),
                lookup("OwnerId", "User", nillable=False), *currency_code(options), *AUDIT,
            ),
        ),
        ObjectType(
            name="Lead", label="Lead", plural="Leads", key_prefix="00Q",
            fields=(
                ID, lookup("MasterRecordId", "Lead", createable=False, updateable=False),
                *_person_name(), text("Company", 255, nillable=False),
                text("Phone", 40, "phone"), text("Email", 80, "email"),
                text("Status", 255, "picklist"), flag("IsConverted"),
                lookup("ConvertedAccountId", "Account", createable=False, updateable=False),
                lookup("ConvertedContactId", "Contact", createable=False, updateable=False),
                lookup("ConvertedOpportunityId", "Opportunity", createable=False, updateable=False),
                lookup("OwnerId", "User", nillable=False), *currency_code(options), *AUDIT,
            ),
        ),
        ObjectType(
            name="OpportunityContactRole", label="Opportunity Contact Role",
            plural="Opportunity Contact Roles", key_prefix="00K",
            fields=(
                ID, lookup("OpportunityId", "Opportunity", nillable=False, updateable=False),
                lookup("ContactId", "Contact", nillable=False, updateable=False),
                text("Role", 255, "picklist"), flag("IsPrimary", writable=True), *AUDIT,
            ),
        ),
    )  # fmt: skip


def _person_name() -> tuple[Field, ...]:
    return (
        Field(
            name="Name", kind="string", length=121, nillable=False, name_field=True,
            createable=False, updateable=False,
        ),
        text("FirstName", 40), text("LastName", 80, nillable=False),
    )  # fmt: skip


def currencies(options: OrgOptions) -> tuple[ObjectType, ...]:
    """Return what multi-currency orgs have, the second only with dated rates switched on."""
    rate = Field(name="ConversionRate", kind="double", precision=18, scale=6, nillable=False)
    plain = ObjectType(
        name="CurrencyType", label="Currency Type", plural="Currency Types", key_prefix="01L",
        writable=False, bulk_queryable=False,
        fields=(
            ID, text("IsoCode", 3, "picklist", nillable=False), rate,
            Field(name="DecimalPlaces", kind="int"), flag("IsActive"), flag("IsCorporate"),
            *AUDIT[1:],
        ),
    )  # fmt: skip
    dated = ObjectType(
        name="DatedConversionRate", label="Dated Conversion Rate",
        plural="Dated Conversion Rates", key_prefix="04w", writable=False, bulk_queryable=False,
        fields=(
            ID, text("IsoCode", 3, "picklist", nillable=False), rate,
            Field(name="StartDate", kind="date"), Field(name="NextStartDate", kind="date"),
            *AUDIT[1:],
        ),
    )  # fmt: skip
    if not options.multi_currency:
        return ()
    return (plain, dated) if options.dated_rates else (plain,)


def setup() -> tuple[ObjectType, ...]:
    """Return what every org has and no integration changes."""
    return (
        ObjectType(
            name="User", label="User", plural="Users", key_prefix="005", writable=False,
            fields=(
                ID, text("Name", 121, nillable=False, name_field=True),
                text("Username", 80, nillable=False), text("Email", 128, "email"),
                flag("IsActive"), *AUDIT[1:],
            ),
        ),
        ObjectType(
            name="Organization", label="Organization", plural="Organizations", key_prefix="00D",
            writable=False,
            fields=(
                ID, text("Name", 80, nillable=False, name_field=True), text("Country", 80),
                text("OrganizationType", 40, "picklist"), flag("IsSandbox"),
                text("DefaultLocaleSidKey", 40, "picklist"),
                text("TimeZoneSidKey", 40, "picklist"), *AUDIT[1:],
            ),
        ),
        ObjectType(
            name="OpportunityStage", label="Opportunity Stage", plural="Opportunity Stages",
            key_prefix="01J", writable=False, bulk_queryable=False,
            fields=(
                ID, text("MasterLabel", 255, name_field=True), text("ApiName", 255),
                flag("IsActive"), Field(name="SortOrder", kind="int"),
                flag("IsClosed"), flag("IsWon"),
                Field(name="DefaultProbability", kind="percent", precision=3, scale=0),
                *AUDIT[1:],
            ),
        ),
    )  # fmt: skip
