"""What accounts and contacts share, taken from documents, contacts and links in one form."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.shared_fields import ADDRESS, NAME, Part, SharedField, field_of
from sfxero.model.agreed import Agreed, Pair
from sfxero.model.outbox import FOLLOWED, NOTHING_WRITTEN, Entry
from sfxero.model.states import Entity
from sfxero.xero.snapshots import snapshot

if TYPE_CHECKING:
    from sfxero.ledger.links import Link

CHANGES: Final = "changes"
"""Key of `meta`: by field, what the entry is to change, see `changes_of`."""
AGREED_IN: Final = "agreed_in"
"""Key of `meta`: the Xero organisation of the contact from which an account's entry comes."""
OF_CONTACT: Final = "of_contact"
"""Key of `meta`: the id of that contact."""

Parts = Mapping[str, Part]


def parts_of(contact: Mapping[str, Any], fields: Iterable[SharedField]) -> dict[str, Part]:
    """Return each field of a contact, as `snapshot_of` or a stored snapshot has it."""
    return {field.key: field.part_of(contact) for field in fields}


def snapshot_of(element: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return a contact of Xero's, or a document of the mapping's, in the form of snapshots."""
    contact = json.loads(element) if isinstance(element, str) else element
    held: dict[str, Any] = json.loads(snapshot(Entity.CONTACT, contact))
    return held


def agreed_of(link: "Link", fields: Sequence[SharedField]) -> Agreed:
    """Return what both sides of a link agree on.

    A link that has never said so agrees on what was written and the contact then held. One that a
    person made, or that followed a contact into another, agrees on nothing.
    """
    if link.agreed is not None:
        return link.agreed
    if link.source_snapshot in {NOTHING_WRITTEN, FOLLOWED}:
        return Agreed()
    written = parts_of(snapshot_of(link.source_snapshot), fields)
    held = parts_of(json.loads(link.target_snapshot), fields)
    return Agreed(
        0,
        {
            one.key: Pair(written[one.key], held[one.key])
            for one in fields
            if one.text(written[one.key]) == one.text(held[one.key])
        },
    )


def document_of(
    parts: Parts, fields: Iterable[SharedField], *, head: Mapping[str, str]
) -> dict[str, Any]:
    """Return a contact as Xero takes it, '' for each field that it is to hold no more.

    `head` comes first, since a contact's payload begins with its name.
    """
    document: dict[str, Any] = dict(head)
    for field in fields:
        for name, value in field.element(parts.get(field.key)).items():
            if isinstance(value, list) and name in document:
                document[name] = [*document[name], *value]
            else:
                document[name] = document[name] if field.key == NAME else value
    return document


def changes_of(entry: Entry) -> dict[str, Pair]:
    """Return what an entry of a two-way route changes: by field, what is and what was to be there.

    Of a contact's entry, `salesforce` is the account's value and `xero` the one that it replaces.
    Of an account's, they are what both sides hold when it is written. Other entries have none.
    """
    changes = json.loads(entry.meta.get(CHANGES, "{}"))
    return {key: Pair(*pair) for key, pair in changes.items()}


def agreed_by(entry: Entry, element: Mapping[str, Any]) -> dict[str, Pair]:
    """Return on what both sides agree once a contact is as Xero's own word, `element`, has it."""
    changes = changes_of(entry)
    if not changes:
        return {}
    held = snapshot_of(element)
    wished = json.loads(entry.payload)
    return {
        key: Pair(pair.salesforce, field_of(key, _names(key, wished)).part_of(held))
        for key, pair in changes.items()
    }


def _names(key: str, wished: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which parts of an address the route maps: each of them is in the document."""
    return tuple(wished["Addresses"][0]) if key == ADDRESS else ()
