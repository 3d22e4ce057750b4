"""Accounts that were made of contacts: they get no second contact before they are linked."""

from typing import Any, Final

from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.mapping.names import name_key
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.states import ACTIVE, WAITING, Entity
from sfxero.sync.identity.writers import LiveAmong
from sfxero.sync.scope import Scope

MADE_OF_CONTACT: Final = (
    "made_of_contact",
    (
        "It holds the id of a contact in Xero: if the sync has just made it, the next run from "
        "Xero links the two. Else link them with `sfxero match`, or empty the field."
    ),
)
LEFT_IN_DOUBT: Final = (
    MADE_OF_CONTACT[0],
    (
        "It is called as an account that the sync may have made of this contact before "
        "contacts.new_in_xero was taken out: put the section back for one run from Xero, or link "
        "the two with `sfxero match`."
    ),
)


def made_of_contacts(scope: Scope, accounts: Any, live_among: LiveAmong) -> list[Finding]:
    """Find live accounts that name a contact in their field for it, and stand for none yet.

    Where the section was taken out, they are those that are called as one whose making is in doubt.
    """
    section = scope.spec.contacts.new_in_xero
    if section is None:
        contacts, field, (rule, hint) = _in_doubt(scope, accounts), None, LEFT_IN_DOUBT
    else:
        named = accounts[accounts[section.external_id].notna()]
        contacts = dict(zip(named["Id"], named[section.external_id], strict=True))
        field, (rule, hint) = section.external_id, MADE_OF_CONTACT
    live = live_among({SourceId(one) for one in contacts}) if contacts else set()
    linked = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, sorted(live))
    held = live - linked.keys()
    # What stands for a contact of another organisation gets one in this as any account does.
    pairs = {one: TargetId(str(contacts[one])) for one in held}
    held -= scope.ledger.links.paired_anywhere(Entity.CONTACT, pairs)
    return [
        Finding(Entity.ACCOUNT, one, rule, field, str(contacts[one]), hint) for one in sorted(held)
    ]


def _in_doubt(scope: Scope, accounts: Any) -> dict[str, str]:
    """Return the accounts that an entry may have made which nobody follows up, with its contact."""
    wanted = EntryFilter(route=scope.route, entity=Entity.ACCOUNT_CREATE, states=WAITING | ACTIVE)
    sent = [one for one in scope.ledger.outbox.listing(wanted) if one.tries]
    fields = [one for one in scope.spec.contacts.name.read_fields if one in accounts.columns]
    contacts: dict[tuple[str, str], str] = {}
    for line in sent:
        detail = scope.ledger.outbox.detail(line.entry_id)
        payload = {} if detail is None else detail.payload
        contacts |= {
            (one, name_key(str(payload[one]))): line.source_id for one in fields if payload.get(one)
        }
    if not contacts:
        return {}
    return {
        row["Id"]: contacts[key]
        for row in accounts[["Id", *fields]].to_dict("records")
        for key in ((one, name_key(row[one])) for one in fields if isinstance(row[one], str))
        if key in contacts
    }
