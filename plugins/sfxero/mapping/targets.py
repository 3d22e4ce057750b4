"""What each target field is made from: its place in a document, and the route's keys behind it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sfxero.mapping.related_sources import MOST_PERSONS
from sfxero.mapping.shared_fields import PHONE_PARTS, TERMS_PARTS
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.uses import Key

_PICK: Final = "="
_UNMAPPED: Final = (None, False)
_PHONES: Final = {"DEFAULT": "default", "DDI": "direct", "MOBILE": "mobile", "FAX": "fax"}
_ADDRESS: Final = {
    "AddressLine1": "street", "AddressLine2": "street", "AddressLine3": "street",
    "AddressLine4": "street", "City": "city", "Region": "region", "PostalCode": "postal_code",
    "Country": "country",
}  # fmt: skip
_PARTS: Final = frozenset({
    "AddressLine2", "AddressLine3", "AddressLine4", "PhoneCountryCode", "PhoneAreaCode",
    "CurrencyRate",
})  # fmt: skip
_LINE: Final = {
    "ItemCode": "item_code", "Description": "description", "Quantity": "quantity",
    "UnitAmount": "unit_amount", "DiscountRate": "discount_rate", "AccountCode": "account_code",
    "TaxType": "tax_type",
}  # fmt: skip
_HEAD: Final = {
    "Contact": ("account",), "InvoiceNumber": ("number",), "Reference": ("reference",),
    "Date": ("date", "lock_dates"), "DueDate": ("due",), "Status": ("status",),
    "LineAmountTypes": ("line_amount_types",), "CurrencyCode": ("currency", "exchange"),
    "CurrencyRate": ("currency", "exchange"), "Url": ("url",),
    "BrandingThemeID": ("branding_theme",), "SentToContact": ("sent_to_contact",),
    "SubTotal": ("amount",), "TotalTax": ("lines", "tax_type"), "Total": ("amount",),
}  # fmt: skip
_OWN_LINES: Final = {"single_line": ("single_line",), "rounding": ("rounding", "line")}
"""Sections of lines that no product stands behind: each is of the opportunity's amount."""


@dataclass(frozen=True, slots=True)
class Target:
    """One field; a part of its path that begins with `=` picks the element that has the value."""

    path: tuple[str, ...]
    keys: tuple[Key, ...] = ()
    is_part: bool = False
    """Says nothing where it is empty: a further line of a street, a rate that is left to Xero."""

    @property
    def name(self) -> str:
        """The field as a person reads it: `Addresses[POBOX].City`."""
        text = ""
        for part in self.path:
            is_element = part.startswith(_PICK) or part.isdecimal()
            text += f"[{part.removeprefix(_PICK)}]" if is_element else f".{part}"
        return text.removeprefix(".")

    def value_in(self, document: Mapping[str, Any]) -> Any:
        """Return the field's value; None if the document has none."""
        found: Any = document
        for part in self.path:
            if part.startswith(_PICK):
                elements = found if isinstance(found, list) else []
                found = next((one for one in elements if part[1:] in one.values()), None)
            elif part.isdecimal():
                found = (
                    found[int(part) - 1]
                    if isinstance(found, list) and len(found) >= int(part)
                    else None
                )
            else:
                found = found.get(part) if isinstance(found, Mapping) else None
        return found


def contact_targets(spec: RouteSpec) -> list[Target]:
    """Return what the route makes of an account."""
    targets = [
        Target(("Name",), (("contacts", "name"), ("contacts", "name_suffix"))),
        Target(("TaxNumber",), (("contacts", "tax_number"),)),
        Target(("EmailAddress",), (("contacts", "email"),)),
        *_persons(),
        *_phones(),
        *(
            Target(
                ("Addresses", "=POBOX", name),
                (("contacts", "postal_address", key),),
                is_part=name in _PARTS,
            )
            for name, key in _ADDRESS.items()
        ),
        *(
            Target(("PaymentTerms", "Sales", name), (("contacts", "payment_terms"),))
            for name in TERMS_PARTS
        ),
    ]
    return _mapped(targets, spec)


def invoice_targets(spec: RouteSpec) -> list[Target]:
    """Return what the route makes of an opportunity, its lines apart."""
    targets = []
    for name, keys in _HEAD.items():
        found: tuple[Key, ...] = tuple(("invoices", one) for one in keys)
        if keys[0] == "lines":
            found = (("invoices", *keys),)
        targets.append(Target((name,), found, is_part=name in _PARTS))
    return _mapped(targets, spec)


def line_targets(
    spec: RouteSpec, *, of: Literal["product", "single_line", "rounding"] = "product"
) -> list[Target]:
    """Return what the route makes of a product, of an opportunity without any, of a difference."""
    if of != "product":
        section: Key = ("invoices", *_OWN_LINES[of])
        return [
            Target(("Description",), ((*section, "description"),)),
            Target(("UnitAmount",), (("invoices", "amount"),)),
            Target(("AccountCode",), ((*section, "account_code"),)),
            Target(("TaxType",), ((*section, "tax_type"),)),
        ]
    lines: Key = ("invoices", "lines")
    targets = [Target((name,), ((*lines, key),)) for name, key in _LINE.items()]
    for place, rule in enumerate(spec.invoices.lines.tracking):
        path = ("Tracking", f"{_PICK}{rule.category}", "Option")
        targets.append(Target(path, ((*lines, "tracking", place),)))
    return _mapped(targets, spec)


def _persons() -> Iterator[Target]:
    for place in range(1, MOST_PERSONS + 1):
        for part in ("FirstName", "LastName", "EmailAddress"):
            path = ("ContactPersons", str(place), part)
            yield Target(path, (("contacts", "persons"),), is_part=True)


def _phones() -> Iterator[Target]:
    for kind, name in _PHONES.items():
        keys: tuple[Key, ...] = (("contacts", "phones", name), ("contacts", "phones", "region"))
        for part in PHONE_PARTS:
            yield Target(("Phones", f"{_PICK}{kind}", part), keys, is_part=part in _PARTS)


def _mapped(targets: list[Target], spec: RouteSpec) -> list[Target]:
    """Leave out what the route does not map; a field's first key decides."""
    kept = []
    for one in targets:
        keys = tuple(key for key in one.keys if value_at(spec, key) not in _UNMAPPED)
        if one.keys[0] in keys:
            kept.append(replace(one, keys=keys))
    return kept


def value_at(spec: RouteSpec, key: Key) -> Any:
    """Return what the route has at a key; None if nothing."""
    found: Any = spec
    for part in key:
        found = found[part] if isinstance(part, int) else getattr(found, part, None)
    return found
