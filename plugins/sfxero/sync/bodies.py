"""From entries to the exact bytes of a request, and from a reply back to what we asked for."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import orjson

from sfxero.errors import LedgerError
from sfxero.model.outbox import Entry
from sfxero.model.states import Entity, Operation
from sfxero.xero.dates import parse_xero_day

_ENVELOPE: Final = {Entity.CONTACT: "Contacts", Entity.INVOICE: "Invoices"}
_ENVELOPE_OF: Final = {
    Operation.VOID: "Invoices",
    Operation.CREDIT: "CreditNotes",
    Operation.ALLOCATE: "Allocations",
}
ID_FIELD: Final = {
    Entity.CONTACT: "ContactID",
    Entity.INVOICE: "InvoiceID",
    Entity.INVOICE_EMAIL: "InvoiceID",
}
NUMBER_FIELD: Final = {
    Entity.CONTACT: "ContactNumber",
    Entity.INVOICE: "InvoiceNumber",
    Entity.INVOICE_EMAIL: "InvoiceNumber",
}
EMAILED: Final = '{"SentToContact":true}'
"""What is wished of an e-mail: that Xero has sent it."""
_KINDS: Final = {"Addresses": "AddressType", "Phones": "PhoneType"}
"""Lists whose elements are told apart by their kind, of which Xero always returns every one."""
_PERSONS: Final = "ContactPersons"
"""Replaced as a whole, and cleared by an empty list."""
TERMS: Final = "PaymentTerms"
_TERMS_FIELDS: Final = ("Day", "Type")
_KEPT: Final = frozenset({"InvoiceNumber", "BrandingThemeID", "CurrencyCode"})
"""What an invoice never loses: Xero refuses an empty one, or would number it anew."""
_OPTIONAL: Final = ("ItemCode", "DiscountRate", "Tracking")
"""What a line has only if it was sent: lines are replaced as a whole."""
_TOTALS: Final = ("SubTotal", "TotalTax", "Total")
_WAY: Final = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID")
"""The statuses of an invoice in their order; Xero itself makes PAID of what a person approved."""
_STATUS: Final = re.compile(r'"Status":"[A-Z]+",|,"Status":"[A-Z]+"')
"""In a payload's text; inside a text of a person's, the quotation marks would be escaped."""


def render(entries: Sequence[Entry]) -> bytes:
    """Return the body of one batch; the same entries and links always give the same bytes."""
    if entries[0].entity is Entity.INVOICE_EMAIL:
        (one,) = entries
        return text_of({"InvoiceID": one.parent_target_id}).encode()
    if entries[0].sends is not None:
        name = _ENVELOPE_OF[entries[0].operation]
        return text_of({name: [entry.sends for entry in entries]}).encode()
    name = _ENVELOPE[entries[0].entity]
    return f'{{"{name}":[{",".join(_element(entry) for entry in entries)}]}}'.encode()


def body_hash(body: bytes) -> str:
    """Return the digest by which an attempt's bytes are recognised."""
    return hashlib.sha256(body).hexdigest()


def payload_hash(payload: str) -> str:
    """Return the digest of an entry's values."""
    return hashlib.sha256(payload.encode()).hexdigest()


def parse(payload: str) -> dict[str, Any]:
    """Read an entry's payload, numbers exact."""
    fields: dict[str, Any] = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
    return fields


def own_number(entry: Entry) -> str:
    """Return the number that we chose for the entry's record, or an empty string."""
    return str(parse(entry.payload).get(NUMBER_FIELD[entry.entity], ""))


def own_url(entry: Entry) -> str | None:
    """Return the link by which a record without a number of ours is told."""
    url: str | None = parse(entry.payload).get("Url")
    return url


def with_name(payload: str, name: str) -> str:
    """Return a contact's payload with another name, everything else to the letter as it was."""
    fields = json.loads(payload)
    before = f'{{"Name":{orjson.dumps(fields["Name"]).decode()}'
    if not payload.startswith(before):
        raise LedgerError("a contact's payload does not begin with its name")
    return f'{{"Name":{orjson.dumps(name).decode()}{payload[len(before) :]}'


def emptied(payload: str, names: Collection[str]) -> str:
    """Return a payload whose fields of these names are empty, numbers to the digit as they were."""
    return text_of(parse(payload) | dict.fromkeys(names))


def wanted(entry: Entry) -> dict[str, Any]:
    """Return what the target shall hold: the payload, and '' for what it is to hold no more."""
    fields = parse(entry.payload) if entry.part is None else dict(entry.part)
    if entry.entity is Entity.INVOICE and entry.parent_target_id is not None:
        fields["Contact"] = {"ContactID": entry.parent_target_id}
    if entry.operation is Operation.CREATE:
        return fields
    if entry.former_payload:
        fields |= _cleared(parse(entry.former_payload), fields)
    if entry.entity is Entity.CONTACT and not entry.gives_number:
        # Ours never changes, after a merge it is another's, and a stranger's stays.
        fields.pop("ContactNumber", None)
    return fields


def taking_number(entry: Entry, held: Mapping[str, Any]) -> Entry:
    """Let a contact that a person linked take our number, if it has none; any other stays."""
    has_number = bool(held.get(NUMBER_FIELD[entry.entity]))
    return replace(entry, gives_number=entry.may_give_number and not has_number)


def sends_terms(entry: Entry) -> bool:
    """Say whether an entry changes the payment terms of a contact that Xero has."""
    is_update = entry.entity is Entity.CONTACT and entry.operation is Operation.UPDATE
    return is_update and TERMS in parse(entry.payload)


def keeping_bills(entry: Entry, held: Mapping[str, Any] | None) -> Entry:
    """Let the terms of bills that a contact holds go along with ours of sales.

    Nothing says that Xero does not replace the terms of both as a whole.
    """
    bills = ((held or {}).get(TERMS) or {}).get("Bills")
    if not bills or not sends_terms(entry):
        return entry
    kept = {name: bills[name] for name in _TERMS_FIELDS if bills.get(name) is not None}
    return replace(entry, bill_terms=kept)


def moving_on(entry: Entry, held: Mapping[str, Any]) -> Entry:
    """Let an edit carry its status only where that is later than what Xero holds.

    Xero refuses DRAFT for an approved invoice, and takes it for a submitted one. Left out, the
    status stays what a person made it, even between our reading and the edit.
    """
    wished = str(parse(entry.payload).get("Status"))
    return replace(entry, moves_status=not _reached(wished, str(held.get("Status"))))


def holds(values: Mapping[str, Any], element: Mapping[str, Any]) -> bool:
    """Tell whether a target record has each of the values; its other fields do not matter."""
    return all(_holds_field(name, value, element) for name, value in values.items())


def total_differences(payload: Mapping[str, Any], element: Mapping[str, Any]) -> dict[str, str]:
    """Return the totals on which the reply and the prediction disagree, by field."""
    return {
        name: f"predicted {payload[name]}, Xero {element.get(name)}"
        for name in _TOTALS
        if name in payload and not _same(payload[name], element.get(name))
    }


def _element(entry: Entry) -> str:
    """Add to the payload the ids that only the target knows, and what must be cleared."""
    if entry.entity is Entity.CONTACT:
        return entry.payload if entry.operation is Operation.CREATE else _contact_update(entry)
    if entry.parent_target_id is None:
        raise LedgerError(f"entry {entry.entry_id} was claimed before its contact was linked")
    head: dict[str, Any] = {"Contact": {"ContactID": entry.parent_target_id}}
    if entry.operation is Operation.UPDATE:
        fields = wanted(entry)
        cleared = {name: "" for name, value in fields.items() if value == ""}
        head = {"InvoiceID": entry.target_id, **head, **cleared}
    # The payload's own text follows, so that no number changes its form.
    return f"{text_of(head)[:-1]},{_sent_text(entry)[1:]}"


def _sent_text(entry: Entry) -> str:
    if entry.operation is Operation.CREATE or entry.moves_status:
        return entry.payload
    return _STATUS.sub("", entry.payload, count=1)


def _contact_update(entry: Entry) -> str:
    fields = wanted(entry)
    if entry.bill_terms and TERMS in fields:
        fields[TERMS] = {"Bills": entry.bill_terms, **fields[TERMS]}
    return text_of({"ContactID": entry.target_id, **fields})


def text_of(fields: Mapping[str, Any]) -> str:
    """Write fields as JSON, numbers exact."""
    return orjson.dumps(fields, default=_exactly).decode()


def _exactly(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError(f"{type(value).__name__} is no value of a request")


def _cleared(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return '' for each text that was written and may go: absent fields keep their value."""
    gone: dict[str, Any] = {
        name: ""
        for name, value in before.items()
        if isinstance(value, str) and name not in now and name not in _KEPT
    }
    if before.get(_PERSONS) and not now.get(_PERSONS):
        gone[_PERSONS] = []
    for name, kind in _KINDS.items():
        held, wished = _by_kind(before, name, kind), _by_kind(now, name, kind)
        lost = {
            one: dict.fromkeys(fields.keys() - wished.get(one, {}).keys(), "")
            for one, fields in held.items()
        }
        if any(lost.values()):
            kinds = dict.fromkeys([*wished, *held])
            gone[name] = [{**wished.get(one, {}), **lost.get(one, {}), kind: one} for one in kinds]
    return gone


def _by_kind(fields: Mapping[str, Any], name: str, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the elements of a list by their kind."""
    return {str(one[kind]): one for one in fields.get(name) or ()}


def _holds_field(name: str, value: Any, element: Mapping[str, Any]) -> bool:
    if name in {"Date", "DueDate"}:
        return bool(date_text(element, name) == value)
    if name == "Status":
        return _reached(str(value), str(element.get(name)))
    if name == _PERSONS:
        found = element.get(name) or []
        return isinstance(found, list) and _same_persons(value, found)
    if name == "LineItems":
        found = element.get(name)
        return isinstance(found, list) and _same_lines(value, found)
    return _same(value, element.get(name))


def _reached(wished: str, held: str) -> bool:
    """Say whether an invoice is where it was to go, or further on the same way."""
    if wished in _WAY and held in _WAY:
        return _WAY.index(held) >= _WAY.index(wished)
    return held == wished


def date_text(element: Mapping[str, Any], name: str) -> str | None:
    """Return a document date of a reply as YYYY-MM-DD; the text twin has no zone to trip over."""
    text = element.get(f"{name}String") or element.get(name)
    return parse_xero_day(text).isoformat() if isinstance(text, str) and text else None


def _same(value: Any, found: Any) -> bool:
    """Compare one value; lists element by element in order, addresses and phones by kind."""
    if isinstance(value, Mapping):
        return isinstance(found, Mapping) and holds(value, found)
    if isinstance(value, list):
        return isinstance(found, list) and _same_list(value, found)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return isinstance(found, Decimal | int) and value == found
    if not value:
        return bool(found in (None, "", []))
    return bool(value == found)


def _same_persons(values: list[Mapping[str, Any]], found: list[Any]) -> bool:
    """Compare contact persons in any order."""
    left = [one for one in found if isinstance(one, Mapping)]
    for value in values:
        same = next((one for one in left if _same_person(value, one)), None)
        if same is None:
            return False
        left.remove(same)
    return not left


def _same_person(value: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    names = ("FirstName", "LastName", "EmailAddress", "IncludeInEmails")
    return all((value.get(name) or "") == (found.get(name) or "") for name in names)


def _same_lines(lines: list[Mapping[str, Any]], found: list[Any]) -> bool:
    return len(lines) == len(found) and all(map(_same_line, lines, found))


def _same_line(line: Mapping[str, Any], found: Any) -> bool:
    """Compare a line with all that it may have; categories in any order."""
    if not isinstance(found, Mapping) or _options(line) != _options(found):
        return False
    left_out = [name for name in _OPTIONAL if name not in line]
    rest = {name: value for name, value in line.items() if name != "Tracking"}
    return not any(found.get(name) for name in left_out) and holds(rest, found)


def _options(line: Mapping[str, Any]) -> dict[Any, Any]:
    """Return a line's tracking options by category."""
    return {one.get("Name"): one.get("Option") for one in line.get("Tracking") or ()}


def _same_list(values: list[Any], found: list[Any]) -> bool:
    first = values[0] if values and isinstance(values[0], Mapping) else {}
    kind = next((one for one in _KINDS.values() if one in first), None)
    if kind is not None:
        kinds = {one.get(kind): one for one in found}
        return all(_same(one, kinds.get(one[kind], {kind: one[kind]})) for one in values)
    return len(values) == len(found) and all(map(_same, values, found))
