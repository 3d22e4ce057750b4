"""The way back: a contact's field as the fields of the account that it came from."""

from collections.abc import Container, Iterator, Mapping
from typing import Final

from sfxero.mapping.field_rules import FieldRule
from sfxero.mapping.shared_fields import (
    ADDRESS,
    KINDS,
    NAME,
    PAYMENT_TERMS,
    PHONE,
    Part,
    SharedField,
    national,
    street_of,
)
from sfxero.mapping.spec import ContactsSection
from sfxero.mapping.uses import Key

_HINT: Final = (
    "Let it come from one field of the account by 'from' alone, or leave it out of "
    "contacts.two_way."
)
_TERMS_HINT: Final = (
    "Let 'by' name a field of the account itself, or leave payment_terms out of contacts.two_way."
)
LOSSLESS: Final = frozenset({"trim", "abn", "tax_number"})
"""Functions that only take notation away: what comes back through them is the same value."""
_PARTS: Final = ("street", "city", "region", "postal_code", "country")
_XERO_NAMES: Final = {"city": "City", "region": "Region", "postal_code": "PostalCode",
                      "country": "Country"}  # fmt: skip


def two_way_rules(contacts: ContactsSection) -> Iterator[tuple[Key, FieldRule]]:
    """Yield the rules of the fields that flow back, with their places in the route file."""
    return rules_of(contacts, contacts.two_way.masters() if contacts.two_way else {})


def rules_of(contacts: ContactsSection, wanted: Container[str]) -> Iterator[tuple[Key, FieldRule]]:
    """Yield the rules of the wanted fields and sections, with their places in the route file."""
    for key in ("name", "tax_number", "email"):
        if key in wanted and getattr(contacts, key) is not None:
            yield ("contacts", key), getattr(contacts, key)
    for section, names in (("phones", tuple(KINDS)), (ADDRESS, _PARTS)):
        rules = getattr(contacts, section)
        if section not in wanted or rules is None:
            continue
        for name in names:
            if getattr(rules, name) is not None:
                yield ("contacts", section, name), getattr(rules, name)
    if PAYMENT_TERMS in wanted and contacts.payment_terms is not None:
        yield (
            ("contacts", PAYMENT_TERMS),
            FieldRule.model_validate({"from": contacts.payment_terms.by}),
        )


def objections(contacts: ContactsSection) -> Iterator[tuple[Key, str, str]]:
    """Yield what cannot flow back: its place, what is wrong, and what to do."""
    if contacts.two_way is None:
        return
    for key in contacts.two_way.masters():
        if getattr(contacts, key) is None:
            yield (
                ("contacts", "two_way", key),
                f"'contacts.two_way.{key}' shares a field that 'contacts' does not map",
                f"Map it under contacts.{key}, or leave it out here.",
            )
    taken: dict[str, str] = {}
    for place, rule in two_way_rules(contacts):
        name = ".".join(str(part) for part in place)
        trouble = _trouble(rule)
        if trouble is None and rule.from_[0].lower() in taken:
            trouble = f"{taken[rule.from_[0].lower()]} comes from {rule.from_[0]}, too"
        if trouble is not None:
            yield (
                place,
                f"'{name}' cannot flow back to the account: {trouble}",
                _TERMS_HINT if place[1] == PAYMENT_TERMS else _HINT,
            )
            continue
        taken[rule.from_[0].lower()] = name
    yield from _terms_objections(contacts)


def _terms_objections(contacts: ContactsSection) -> Iterator[tuple[Key, str, str]]:
    """Yield what makes the way back of payment terms uncertain."""
    terms = contacts.payment_terms
    if terms is None or contacts.two_way is None or contacts.two_way.payment_terms is None:
        return
    key: Key = ("contacts", PAYMENT_TERMS)
    for name, first in terms.doubles().items():
        yield (
            (*key, "table", name),
            f"'{name}' cannot flow back to the account: '{first}' has the same terms",
            "Keep one name for these terms, or leave payment_terms out of contacts.two_way.",
        )
    if terms.on_unknown == "warn":
        yield (
            (*key, "on_unknown"),
            "a value that is not in the table would be taken for none, and be written over",
            "Let 'on_unknown' be refuse, or leave payment_terms out of contacts.two_way.",
        )


def _trouble(rule: FieldRule) -> str | None:
    """Say why a rule has no way back; None if it has one."""
    if len(rule.from_) != 1:
        return "it is made of more or less than one field"
    if "." in rule.from_[0]:
        return f"{rule.from_[0]} is a field of another record"
    if rule.table is not None or rule.when is not None or rule.default is not None:
        return "'table', 'when' and 'default' say nothing of what was there before"
    if rule.with_ is not None and rule.with_.name not in LOSSLESS:
        return f"nobody knows what '{rule.with_.name}' was given"
    return None


def account_fields(
    field: SharedField, part: Part, contacts: ContactsSection, *, suffix: str = ""
) -> dict[str, str | None]:
    """Return what the account's fields must be for the contact to hold the part.

    `suffix` is what the mapping has put behind the account's name to keep it unique.
    """
    if field.key == ADDRESS:
        return _address(part if isinstance(part, dict) else {}, contacts)
    if field.key.startswith(PHONE):
        rule = getattr(contacts.phones, field.key.removeprefix(PHONE))
        return {rule.from_[0]: _phone(part, field)}
    if field.key == PAYMENT_TERMS:
        return _terms(part if isinstance(part, dict) else {}, contacts)
    text = part if isinstance(part, str) else None
    if field.key == NAME and text and suffix:
        text = text.removesuffix(suffix)
    return {getattr(contacts, field.key).from_[0]: text}


def written_fields(contacts: ContactsSection) -> tuple[str, ...]:
    """Return the fields of the account that the route may write."""
    return tuple(dict.fromkeys(rule.from_[0] for _, rule in two_way_rules(contacts)))


def _address(part: Mapping[str, str], contacts: ContactsSection) -> dict[str, str | None]:
    values = {"street": street_of(part)}
    values |= {key: part.get(name, "") for key, name in _XERO_NAMES.items()}
    rules = {key: getattr(contacts.postal_address, key) for key in _PARTS}
    return {
        rule.from_[0]: values[key] or None
        for key, rule in rules.items()
        if rule is not None and rule.from_
    }


def _terms(part: Mapping[str, str], contacts: ContactsSection) -> dict[str, str | None]:
    """Return what the field says where the contact has these terms; nothing for unknown ones."""
    rules = contacts.payment_terms
    if rules is None:
        return {}
    return {rules.by: rules.names().get((part.get("Day", ""), part.get("Type", "")))}


def _phone(part: Part, field: SharedField) -> str | None:
    """Return a number as people of its country write it, or its parts if it is none."""
    import phonenumbers  # not while a DAG file is read

    if not isinstance(part, dict):
        return None
    parts = tuple(part.get(name, "") for name in field.names)
    number = national(parts, field.region)
    if number is None:
        return " ".join(one for one in parts if one)
    at_home = phonenumbers.region_code_for_number(number) == field.region
    kind = phonenumbers.PhoneNumberFormat
    return str(phonenumbers.format_number(number, kind.NATIONAL if at_home else kind.INTERNATIONAL))
