"""From a contact that was made in Xero to the fields of an account, by the mapping's way back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sfxero.mapping.field_rules import FieldRule
from sfxero.mapping.inverse import LOSSLESS, account_fields, rules_of
from sfxero.mapping.shared_fields import (
    ADDRESS,
    NAME,
    PAYMENT_TERMS,
    PERSONS,
    PHONE,
    Part,
    SharedField,
)
from sfxero.mapping.spec import ContactsSection
from sfxero.mapping.uses import Key

CONTACT_FIELDS: Final = (
    "Name", "ContactNumber", "AccountNumber", "TaxNumber", "EmailAddress", "IsCustomer",
    "IsSupplier", "UpdatedDateUTC",
)  # fmt: skip
"""What a condition on a contact may look at, by Xero's names."""
_ALL: Final = frozenset({NAME, "tax_number", "email", "phones", ADDRESS, PAYMENT_TERMS})
_SECTION: Final = ("contacts", "new_in_xero")
_HINT: Final = (
    "Let it come by 'from' from a field of the account itself, or leave contacts.new_in_xero out."
)


def objections_to_new(contacts: ContactsSection) -> Iterator[tuple[Key, str, str]]:
    """Yield what keeps contacts from becoming accounts: its place, what is wrong, what to do."""
    section = contacts.new_in_xero
    if section is None:
        return
    for name in dict.fromkeys(section.when.fields()):
        if name not in CONTACT_FIELDS:
            yield (
                (*_SECTION, "when"),
                f"'contacts.new_in_xero.when' asks for {name}, which is no field of a contact",
                f"Fields of contacts: {', '.join(CONTACT_FIELDS)}.",
            )
    taken: dict[str, str] = {section.external_id.lower(): "the contact's id"}
    for place, rule in _rules(contacts):
        name = ".".join(str(part) for part in place)
        trouble = _trouble(rule)
        if trouble is None and rule.from_[0].lower() in taken:
            trouble = f"{rule.from_[0]} holds {taken[rule.from_[0].lower()]} already"
        if trouble is not None:
            yield place, f"'{name}' cannot be given to a new account: {trouble}", _HINT
            continue
        taken[rule.from_[0].lower()] = name
    if contacts.name.value is not None:
        yield ("contacts", "name"), "a new account needs the contact's own name", _HINT
    for field in section.values:
        if field.lower() in taken:
            yield (
                (*_SECTION, "values", field),
                f"'contacts.new_in_xero.values' sets {field}, which holds {taken[field.lower()]}",
                "Leave it out here.",
            )


def filled_fields(contacts: ContactsSection) -> tuple[str, ...]:
    """Return the fields of a new account that its contact fills."""
    return tuple(dict.fromkeys(rule.from_[0] for _, rule in _rules(contacts)))


def account_of(
    contacts: ContactsSection, fields: Sequence[SharedField], parts: Mapping[str, Part]
) -> dict[str, dict[str, str | None]]:
    """Return, by field of the contact, what the account's own fields are to hold for it."""
    return {
        field.key: account_fields(field, parts[field.key], contacts)
        for field in fields
        if field.key != PERSONS and not _is_constant(contacts, field.key)
    }


def _rules(contacts: ContactsSection) -> Iterator[tuple[Key, FieldRule]]:
    """Yield the rules that say more than a constant."""
    return (one for one in rules_of(contacts, _ALL) if one[1].value is None)


def _is_constant(contacts: ContactsSection, key: str) -> bool:
    if key in {ADDRESS, PAYMENT_TERMS}:
        return False
    of_phone = key.startswith(PHONE)
    rule = getattr(contacts.phones if of_phone else contacts, key.removeprefix(PHONE))
    return rule.value is not None


def _trouble(rule: FieldRule) -> str | None:
    """Say why nothing can be put where a rule reads; None if something can.

    Whether the rule makes the same of it again is tried out on each contact.
    """
    if not rule.from_ or rule.join is not None:
        return "it is made of more than one field"
    if "." in rule.from_[0]:
        return f"{rule.from_[0]} is a field of another record"
    if rule.table is not None or rule.when is not None:
        return "'table' and 'when' say nothing of what was there before"
    if rule.with_ is not None and rule.with_.name not in LOSSLESS:
        return f"nobody knows what '{rule.with_.name}' was given"
    return None
