"""Updates of two-way routes: read again before they go, so that nobody's edit is written over."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sfxero.mapping.shared_fields import KINDS, PAYMENT_TERMS, PERSONS, PHONE, field_of
from sfxero.model.agreed import Pair
from sfxero.model.outbox import Entry, Settlement
from sfxero.model.states import Operation
from sfxero.sync.bodies import holds, parse, taking_number
from sfxero.sync.lookup import settlement_of
from sfxero.sync.shared_values import changes_of, snapshot_of

CHANGED: Final = "the contact was changed in Xero meanwhile: both sides are merged anew"
_TEXTS: Final = {"name": "Name", "tax_number": "TaxNumber", "email": "EmailAddress"}
_LISTS: Final = {"Addresses": "AddressType", "Phones": "PhoneType"}


def is_two_way(entry: Entry) -> bool:
    """Say whether an entry changes single fields of a contact that others may change, too."""
    return entry.operation is Operation.UPDATE and bool(changes_of(entry))


def narrowed(entry: Entry, held: Mapping[str, Any] | None) -> Entry | Settlement | None:
    """Return the entry with its part that is to change, or its settlement if that is there.

    The payload stays whole: another name may be put into it, and it says what the route maps.
    None says that the contact was changed meanwhile in a field that the entry is to change. What
    cannot be read, or is archived, goes as it is: Xero itself refuses it.
    """
    if held is None or held.get("ContactStatus") != "ACTIVE":
        return entry
    wished = parse(entry.payload)
    entry = taking_number(entry, held)
    fields: dict[str, Any] = {}
    for key, pair in changes_of(entry).items():
        element = _part(wished, key)
        if holds(element, held):
            continue
        if not _is_as_it_was(key, pair, element, held):
            return None
        _add(fields, element)
    if entry.gives_number:
        fields["ContactNumber"] = wished["ContactNumber"]
    if not fields:
        return replace(settlement_of(entry, held), is_looked_up=True)
    _keep_the_rest(fields, held)
    return replace(entry, part=fields, former_payload=None)


def _part(wished: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the part of a contact's payload that one field fills."""
    if key in _TEXTS:
        return {_TEXTS[key]: wished.get(_TEXTS[key], "")}
    if key == PERSONS:
        return {"ContactPersons": wished.get("ContactPersons", [])}
    if key == PAYMENT_TERMS:
        return {"PaymentTerms": wished["PaymentTerms"]}
    if key.startswith(PHONE):
        kind = KINDS[key.removeprefix(PHONE)]
        return {"Phones": [one for one in wished["Phones"] if one["PhoneType"] == kind]}
    return {"Addresses": wished["Addresses"]}


def _is_as_it_was(
    key: str, pair: Pair, element: Mapping[str, Any], held: Mapping[str, Any]
) -> bool:
    """Say whether the contact holds what it held when the change was planned."""
    if key == PAYMENT_TERMS:
        field = field_of(key)
        return field.text(field.part_of(snapshot_of(held))) == field.text(pair.xero)
    return holds(_was(key, pair, element), held)


def _was(key: str, pair: Pair, element: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same part as the contact held it when the change was planned."""
    ((name, value),) = element.items()
    if key in _TEXTS or key == PERSONS:
        return {name: pair.xero or type(value)()}
    before = pair.xero or {}
    kind = _LISTS[name]
    return {name: [{one: before.get(one, "") for one in value[0]} | {kind: value[0][kind]}]}


def _add(fields: dict[str, Any], element: Mapping[str, Any]) -> None:
    for name, value in element.items():
        fields[name] = [*fields[name], *value] if name in fields else value


def _keep_the_rest(fields: dict[str, Any], held: Mapping[str, Any]) -> None:
    """Send along what else an address or a phone holds: Xero may replace it as a whole."""
    for name, kind in _LISTS.items():
        kinds = {one.get(kind): one for one in held.get(name) or ()}
        if name in fields:
            fields[name] = [{**kinds.get(one[kind], {}), **one} for one in fields[name]]
