"""First updates: what a contact holds that a person linked, before anything is written to it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sfxero.model.outbox import Entry, Settlement
from sfxero.sync.bodies import NUMBER_FIELD, holds, wanted
from sfxero.sync.lookup import settlement_of

MATCH_AGAIN = "Unlink the account with `sfxero match undo`, and match it anew."


def compared(entry: Entry, held: Mapping[str, Any] | None) -> Entry | Settlement | str:
    """Return the entry as it must be sent, its settlement if nothing differs, or an objection.

    The contact takes our number if it has none; a number that it has stays.
    """
    if held is None:
        return "Xero no longer has the contact that was matched"
    if held.get("ContactStatus") != "ACTIVE":
        return f"the Xero contact that was matched is {held.get('ContactStatus')}"
    entry = replace(entry, gives_number=not held.get(NUMBER_FIELD[entry.entity]))
    if holds(wanted(entry), held):
        return replace(settlement_of(entry, held), is_looked_up=True)
    return entry
