"""New accounts: looked for by their contacts' ids before they are made, so that none is made twice.

A contact's id is the account's external id, so that even a write that went unnoticed only names
the account that it made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sfxero.model.agreed import Agreed
from sfxero.model.ids import TargetId, TenantId
from sfxero.model.outbox import Entry, PairedContact
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import literal, select
from sfxero.sync.shared_values import AGREED_IN, changes_of

KEY: Final = "key"
"""Key of `meta`: the account's field that holds the contact's id."""
CONTACT: Final = "contact"
"""Key of `meta`: the contact when it was read, in the form of snapshots."""
CONTACT_NUMBER: Final = "contact_number"
IS_TWO_WAY: Final = "two_way"
"""Key of `meta`: there if the route lets both sides be edited."""
TRIED: Final = "tried"
"""Key of `meta`: there if an earlier entry of the contact may have made the account."""
LINKED: Final = "the contact stands for an account by now"
_OBJECT: Final = "Account"
_IDS: Final = 200
"""That fit into the address of a query, whatever their case."""


@dataclass(slots=True)
class Sought:
    """What became of entries; `found` names the accounts that are there, by entry."""

    missing: list[Entry] = field(default_factory=list)
    found: dict[int, str] = field(default_factory=dict)


def seek(client: SalesforceClient, entries: Sequence[Entry]) -> Sought:
    """Ask which of the accounts are there; one call for each field that holds contacts' ids."""
    sought = Sought()
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.meta[KEY], []).append(entry)
    for key, together in by_key.items():
        accounts = accounts_named(client, key, (entry.source_id for entry in together))
        for entry in together:
            account = accounts.get(entry.source_id.lower())
            if account is None:
                sought.missing.append(entry)
            else:
                sought.found[entry.entry_id] = account
    return sought


def accounts_named(
    client: SalesforceClient, key: str, contact_ids: Iterable[str]
) -> dict[str, str]:
    """Return by contact, in lower case, the live account whose field `key` holds its id."""
    accounts: dict[str, str] = {}
    wanted = list(contact_ids)
    for start in range(0, len(wanted), _IDS):
        listed = ",".join(literal(one) for one in wanted[start : start + _IDS])
        for row in client.query(select(_OBJECT, ("Id", key), where=f"{key} IN ({listed})")):
            accounts[str(row[key]).lower()] = str(row["Id"])
    return accounts


def paired_contact(entry: Entry) -> PairedContact:
    """Return the contact that an entry makes an account of."""
    is_two_way = IS_TWO_WAY in entry.meta
    return PairedContact(
        tenant=TenantId(entry.meta[AGREED_IN]),
        contact_id=TargetId(entry.source_id),
        number=entry.meta.get(CONTACT_NUMBER),
        snapshot=entry.meta[CONTACT],
        agreed=Agreed(1, changes_of(entry)) if is_two_way else None,
    )
