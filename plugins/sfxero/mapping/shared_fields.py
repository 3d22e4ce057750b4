"""The fields that an account and its contact share, taken from either side in one form.

Both sides are compared as Xero would hold them: what the mapping makes of the account, and the
contact itself, each as `xero.snapshots` writes a contact. A *part* is what one field holds of it:
a text, or the texts of a phone or an address by Xero's names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import orjson

from sfxero.mapping.spec import ContactsSection
from sfxero.mapping.two_way_rules import Master

Part: TypeAlias = "str | dict[str, str] | list[Any] | None"
Policy: TypeAlias = Master | Literal["one_way"]
"""What happens to a field that changed; `one_way` goes to Xero alone."""

ONE_WAY: Final = "one_way"
NAME: Final = "name"
PERSONS: Final = "persons"
ADDRESS: Final = "postal_address"
PAYMENT_TERMS: Final = "payment_terms"
PHONE: Final = "phones."
_TEXTS: Final = {"name": "Name", "tax_number": "TaxNumber", "email": "EmailAddress"}
KINDS: Final = {"default": "DEFAULT", "direct": "DDI", "mobile": "MOBILE", "fax": "FAX"}
PHONE_PARTS: Final = ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber")
TERMS_PARTS: Final = ("Day", "Type")
STREET_LINES: Final = tuple(f"AddressLine{number}" for number in range(1, 5))
_PLACES: Final = {
    "street": STREET_LINES,
    "city": ("City",),
    "region": ("Region",),
    "postal_code": ("PostalCode",),
    "country": ("Country",),
}


@dataclass(frozen=True, slots=True)
class SharedField:
    """One field; `names` are those that Xero has for what it holds, a text has one."""

    key: str
    policy: Policy
    names: tuple[str, ...]
    region: str = ""
    """The country of phone numbers without a country code."""

    def part_of(self, contact: Mapping[str, Any]) -> Part:
        """Return what a contact, in the form of snapshots, holds of the field; None for nothing."""
        if self.key == PERSONS:
            return contact.get("ContactPersons") or None
        if self.key in _TEXTS:
            return contact.get(self.names[0]) or None
        if self.key == ADDRESS:
            held = contact.get("POBOX") or {}
        elif self.key == PAYMENT_TERMS:
            held = contact.get("SalesTerms") or {}
        else:
            held = (contact.get("Phones") or {}).get(self.kind) or {}
        return {name: held[name] for name in self.names if held.get(name)} or None

    def element(self, part: Part) -> dict[str, Any]:
        """Return the field as Xero takes it, '' for whatever it is to hold no more.

        Nothing for payment terms that are none: no way is known to take them from a contact.
        """
        if self.key == PERSONS:
            return {"ContactPersons": part or []}
        if self.key in _TEXTS:
            return {self.names[0]: part or ""}
        filled = part if isinstance(part, dict) else {}
        if self.key == PAYMENT_TERMS:
            return {"PaymentTerms": {"Sales": _terms(filled)}} if filled else {}
        texts = {name: filled.get(name, "") for name in self.names}
        if self.key == ADDRESS:
            return {"Addresses": [{"AddressType": "POBOX", **texts}]}
        return {"Phones": [{"PhoneType": self.kind, **texts}]}

    def text(self, part: Part) -> str | None:
        """Return what tells two values apart, None for nothing; spaces and notation do not."""
        if not part:
            return None
        if isinstance(part, str):
            return "".join(part.split()) if self.key == "tax_number" else _squeezed(part)
        if self.key.startswith(PHONE) and isinstance(part, dict):
            return _phone_text(tuple(part.get(name, "") for name in self.names), self.region)
        if self.key == ADDRESS and isinstance(part, dict):
            return _address_text(part)
        return orjson.dumps(part, option=orjson.OPT_SORT_KEYS).decode()

    @property
    def can_be_emptied(self) -> bool:
        """Whether Xero can be told to hold nothing: its documents name no way for terms."""
        return self.key != PAYMENT_TERMS

    @property
    def kind(self) -> str:
        """Xero's word for the kind of phone."""
        return KINDS[self.key.removeprefix(PHONE)]


def field_of(key: str, address_names: tuple[str, ...] = ()) -> SharedField:
    """Return a field by its key alone, to take it from a contact."""
    names = {
        PERSONS: ("ContactPersons",),
        ADDRESS: address_names,
        PAYMENT_TERMS: TERMS_PARTS,
    }
    found = (_TEXTS[key],) if key in _TEXTS else names.get(key, PHONE_PARTS)
    return SharedField(key, ONE_WAY, found)


def shared_fields(contacts: ContactsSection) -> tuple[SharedField, ...]:
    """Return the fields that the route maps, each with what happens to it."""
    masters: Mapping[str, Policy] = contacts.two_way.masters() if contacts.two_way else {}
    return tuple(_fields(contacts, masters))


def _fields(contacts: ContactsSection, masters: Mapping[str, Policy]) -> Iterator[SharedField]:
    for key, name in _TEXTS.items():
        if getattr(contacts, key) is not None:
            yield SharedField(key, masters.get(key, ONE_WAY), (name,))
    if contacts.phones is not None:
        policy, region = masters.get("phones", ONE_WAY), contacts.phones.region
        for key in KINDS:
            if getattr(contacts.phones, key) is not None:
                yield SharedField(f"{PHONE}{key}", policy, PHONE_PARTS, region)
    place = contacts.postal_address
    if place is not None:
        names = (
            name
            for key, found in _PLACES.items()
            if getattr(place, key) is not None
            for name in found
        )
        yield SharedField(ADDRESS, masters.get(ADDRESS, ONE_WAY), tuple(names))
    if contacts.payment_terms is not None:
        yield SharedField(PAYMENT_TERMS, masters.get(PAYMENT_TERMS, ONE_WAY), TERMS_PARTS)
    if contacts.persons is not None:
        yield SharedField(PERSONS, ONE_WAY, ("ContactPersons",))


def street_of(part: Mapping[str, str]) -> str:
    """Return the filled lines of an address, a line break between them."""
    return "\n".join(part[line] for line in STREET_LINES if part.get(line))


def shown(part: Part) -> str | None:
    """Return a value as a person reads it."""
    if isinstance(part, dict):
        is_one = "PhoneNumber" in part or "Type" in part
        return (" " if is_one else ", ").join(part.values())
    return None if part is None else part if isinstance(part, str) else orjson.dumps(part).decode()


@lru_cache(maxsize=10_000)
def _phone_text(parts: tuple[str, ...], region: str) -> str:
    """Return a number in its international form, or as it is written if it is none."""
    number = national(parts, region)
    if number is None:
        return _squeezed(" ".join(parts))
    extension = f" x{number.extension}" if number.extension else ""
    return f"+{number.country_code} {number.national_number}{extension}"


def national(parts: tuple[str, ...], region: str) -> Any:
    """Return a phone's number as the library knows it; None if it is no number of its country."""
    import phonenumbers  # not while a DAG file is read

    country, *rest = (one.strip() for one in parts)
    joined = " ".join(one for one in rest if one)
    text = f"+{country.lstrip('+')} {joined}" if country else joined
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _address_text(part: Mapping[str, str]) -> str:
    street = "\n".join(_squeezed(line) for line in street_of(part).split("\n"))
    rest = {
        name: _squeezed(value)
        for name, value in part.items()
        if name not in STREET_LINES and value.strip()
    }
    return orjson.dumps({"Street": street, **rest}, option=orjson.OPT_SORT_KEYS).decode()


def _terms(part: Mapping[str, str]) -> dict[str, Any]:
    """Return payment terms in Xero's kinds: the day is a number."""
    return {name: int(text) if text.isdecimal() else text for name, text in part.items()}


def _squeezed(text: str) -> str:
    return " ".join(text.split())
