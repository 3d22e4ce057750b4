"""Updates of accounts: read again before they go, so that nobody's edit is written over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sfxero.model.outbox import Entry
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select

BEFORE: Final = "before"
"""Key of `meta`: what the account's fields held when the entry was planned."""
_OBJECT: Final = "Account"


@dataclass(slots=True)
class Looked:
    """What became of entries by their accounts; those that are gone are sent, and refused."""

    to_send: list[Entry] = field(default_factory=list)
    held: list[Entry] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)


def look_again(client: SalesforceClient, entries: Sequence[Entry]) -> Looked:
    """Read the fields that are to be written, and sort the entries by what they hold."""
    wished = {entry.entry_id: json.loads(entry.payload) for entry in entries}
    names = sorted({name for values in wished.values() for name in values})
    rows = {
        str(row["Id"]): row
        for where in id_chunks(sorted({entry.source_id for entry in entries}), "Id")
        for row in client.query(select(_OBJECT, ("Id", *names), where=where))
    }
    looked = Looked()
    for entry in entries:
        row, values = rows.get(entry.source_id), wished[entry.entry_id]
        if row is None or _holds(row, json.loads(entry.meta[BEFORE])):
            looked.to_send.append(entry)
        elif _holds(row, values):
            looked.held.append(entry)
        else:
            looked.changed.append(entry)
    return looked


def _holds(row: Mapping[str, object], values: Mapping[str, str | None]) -> bool:
    return all((row.get(name) or None) == (value or None) for name, value in values.items())
