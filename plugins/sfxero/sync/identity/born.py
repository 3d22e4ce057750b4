"""Accounts that were made of contacts: they get no second contact before they are linked."""

from typing import Any, Final

from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.sync.identity.writers import LiveAmong
from sfxero.sync.scope import Scope

MADE_OF_CONTACT: Final = (
    "made_of_contact",
    (
        "It holds the id of a contact in Xero: if the sync has just made it, the next run from "
        "Xero links the two. Else link them with `sfxero match`, or empty the field."
    ),
)


def made_of_contacts(scope: Scope, accounts: Any, live_among: LiveAmong) -> list[Finding]:
    """Find live accounts that name a contact in their field for it, and stand for none yet."""
    section = scope.spec.contacts.new_in_xero
    if section is None:
        return []
    named = accounts[accounts[section.external_id].notna()]
    contacts = dict(zip(named["Id"], named[section.external_id], strict=True))
    live = live_among({SourceId(one) for one in contacts})
    linked = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, sorted(live))
    rule, hint = MADE_OF_CONTACT
    return [
        Finding(Entity.ACCOUNT, one, rule, section.external_id, str(contacts[one]), hint)
        for one in sorted(live - linked.keys())
    ]
