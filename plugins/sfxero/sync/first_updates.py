"""First updates: what a contact holds that a person linked, before anything is written to it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sfxero.model.outbox import Entry, Settlement
from sfxero.sync.bodies import holds, taking_number, wanted
from sfxero.sync.lookup import settlement_of

MATCH_AGAIN = "Unlink the account with `sfxero match undo`, match it anew, then replay."


def compared(entry: Entry, held: Mapping[str, Any] | None) -> Entry | Settlement | str:
    """Return the entry as it must be sent, its settlement if nothing differs, or an objection."""
    if held is None:
        return "Xero no longer has the contact that was matched"
    if held.get("ContactStatus") != "ACTIVE":
        return f"the Xero contact that was matched is {held.get('ContactStatus')}"
    entry = taking_number(entry, held)
    if holds(wanted(entry), held):
        return replace(settlement_of(entry, held), is_looked_up=True)
    return entry
