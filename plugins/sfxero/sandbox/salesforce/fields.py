"""How the org's objects write down their fields."""

from dataclasses import dataclass

from sfxero.sandbox.salesforce.schema import Field, FieldKind

CURRENCIES = ("AUD", "NZD", "USD")


@dataclass(frozen=True, slots=True)
class OrgOptions:
    """Features that add fields to an org."""

    multi_currency: bool = False
    dated_rates: bool = False
    state_codes: bool = False
    person_accounts: bool = False


def text(name: str, length: int, kind: FieldKind = "string", **facts: object) -> Field:
    """Return a text field."""
    return Field(name=name, kind=kind, length=length, **facts)  # type: ignore[arg-type] # keyword facts of Field


def derived(name: str, kind: FieldKind, **facts: object) -> Field:
    """Return a field that nobody writes."""
    return Field(name=name, kind=kind, createable=False, updateable=False, **facts)  # type: ignore[arg-type] # as above


def flag(name: str, *, writable: bool = False) -> Field:
    """Return a checkbox."""
    return Field(
        name=name, kind="boolean", nillable=False, createable=writable, updateable=writable
    )


def money(name: str, *, scale: int = 2, writable: bool = True, nillable: bool = True) -> Field:
    """Return an amount."""
    return Field(
        name=name, kind="currency", precision=18, scale=scale, nillable=nillable,
        createable=writable, updateable=writable,
    )  # fmt: skip


def lookup(name: str, target: str, **facts: object) -> Field:
    """Return a reference to another object."""
    return Field(
        name=name, kind="reference", length=18, reference_to=(target,),
        relationship=name.removesuffix("Id"), **facts,  # type: ignore[arg-type] # keyword facts of Field
    )  # fmt: skip


ID = derived("Id", "id", length=18, nillable=False)
AUDIT = (
    flag("IsDeleted"),
    derived("CreatedDate", "datetime", nillable=False),
    lookup("CreatedById", "User", nillable=False, createable=False, updateable=False),
    derived("LastModifiedDate", "datetime", nillable=False),
    lookup("LastModifiedById", "User", nillable=False, createable=False, updateable=False),
    derived("SystemModstamp", "datetime", nillable=False),
)


def address(prefix: str, *, codes: bool) -> tuple[Field, ...]:
    """Return the parts of an address and their compound."""
    compound = f"{prefix}Address"
    parts = [
        text(f"{prefix}Street", 255, "textarea", compound=compound),
        text(f"{prefix}City", 40, compound=compound),
        text(f"{prefix}State", 80, compound=compound),
        text(f"{prefix}PostalCode", 20, compound=compound),
        text(f"{prefix}Country", 80, compound=compound),
    ]
    if codes:
        parts += [
            text(f"{prefix}StateCode", 10, "picklist", compound=compound),
            text(f"{prefix}CountryCode", 10, "picklist", compound=compound),
        ]
    return (*parts, derived(compound, "address"))


def currency_code(options: OrgOptions) -> tuple[Field, ...]:
    """Return the currency field that multi-currency orgs have."""
    if not options.multi_currency:
        return ()
    return (text("CurrencyIsoCode", 3, "picklist", picklist=CURRENCIES),)
