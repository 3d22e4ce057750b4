"""From entries to the exact bytes of a request, and from a reply back to what we asked for."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import orjson

from sfxero.errors import LedgerError
from sfxero.model.outbox import Entry
from sfxero.model.states import Entity, Operation

_ENVELOPE: Final = {Entity.CONTACT: "Contacts", Entity.INVOICE: "Invoices"}
_ID_FIELD: Final = {Entity.CONTACT: "ContactID", Entity.INVOICE: "InvoiceID"}
NUMBER_FIELD: Final = {Entity.CONTACT: "ContactNumber", Entity.INVOICE: "InvoiceNumber"}
_TOTALS: Final = ("SubTotal", "TotalTax", "Total")


def render(entries: Sequence[Entry]) -> bytes:
    """Return the body of one batch; the same entries and links always give the same bytes."""
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


def with_name(payload: str, name: str) -> str:
    """Return a contact's payload with another name, everything else to the letter as it was."""
    fields = json.loads(payload)
    before = f'{{"Name":{orjson.dumps(fields["Name"]).decode()}'
    if not payload.startswith(before):
        raise LedgerError("a contact's payload does not begin with its name")
    return f'{{"Name":{orjson.dumps(name).decode()}{payload[len(before) :]}'


def holds(payload: Mapping[str, Any], element: Mapping[str, Any]) -> bool:
    """Tell whether a target record has every value of a payload; other fields do not matter."""
    return all(
        _date_text(element, name) == wanted
        if name in {"Date", "DueDate"}
        else _same(wanted, element.get(name))
        for name, wanted in payload.items()
    )


def total_differences(payload: Mapping[str, Any], element: Mapping[str, Any]) -> dict[str, str]:
    """Return the totals on which the reply and the prediction disagree, by field."""
    return {
        name: f"predicted {payload[name]}, Xero {element.get(name)}"
        for name in _TOTALS
        if name in payload and not _same(payload[name], element.get(name))
    }


def _element(entry: Entry) -> str:
    """Add to the payload the ids that only the target knows."""
    ids: dict[str, Any] = {}
    if entry.operation is Operation.UPDATE:
        ids[_ID_FIELD[entry.entity]] = entry.target_id
    if entry.entity is Entity.INVOICE:
        if entry.parent_target_id is None:
            raise LedgerError(f"entry {entry.entry_id} was claimed before its contact was linked")
        ids["Contact"] = {"ContactID": entry.parent_target_id}
    if not ids:
        return entry.payload
    head = json.dumps(ids, separators=(",", ":"))
    return f"{head[:-1]},{entry.payload[1:]}"


def _date_text(element: Mapping[str, Any], name: str) -> str | None:
    """Return a document date of a reply as YYYY-MM-DD; the text twin has no zone to trip over."""
    text = element.get(f"{name}String") or element.get(name)
    return str(text)[:10] if text else None


def _same(wanted: Any, found: Any) -> bool:
    """Compare one value; lists element by element in order, addresses by their kind."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and holds(wanted, found)
    if isinstance(wanted, list):
        if not isinstance(found, list):
            return False
        if wanted and isinstance(wanted[0], Mapping) and "AddressType" in wanted[0]:
            kinds = {one.get("AddressType"): one for one in found}
            return all(_same(one, kinds.get(one["AddressType"])) for one in wanted)
        return len(wanted) == len(found) and all(map(_same, wanted, found))
    if isinstance(wanted, Decimal | int) and not isinstance(wanted, bool):
        return isinstance(found, Decimal | int) and wanted == found
    return bool(wanted == found)
