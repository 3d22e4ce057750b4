"""Passive accounts: an edit of a shared contact goes to the one account that writes it."""

from collections.abc import Collection
from typing import Final

from sfxero.model.ids import SourceId, TargetId, is_lead
from sfxero.model.states import Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select
from sfxero.sync.identity.writers import Writers
from sfxero.sync.scope import Scope

_ACCOUNT: Final = "Account"


def passive_accounts(
    scope: Scope, client: SalesforceClient, contacts: Collection[TargetId]
) -> set[SourceId]:
    """Return the accounts of these contacts whose contact another account writes.

    No call, unless one of the contacts is shared: then who is deleted decides who writes.
    """
    shared = scope.ledger.links.shared(scope.tenant, Entity.CONTACT)
    sharers = {one for target_id in shared.keys() & set(contacts) for one in shared[target_id]}
    accounts = [one for one in sorted(sharers) if not is_lead(one)]
    if not accounts:
        return set()
    fields = ("Id", "IsDeleted")
    live = {
        SourceId(str(row["Id"]))
        for where in id_chunks(accounts, "Id")
        for row in client.query(select(_ACCOUNT, fields, where=where), all_rows=True)
        if not row["IsDeleted"]
    }
    # Leads are not asked after: they come after any account.
    writers = Writers(scope, lambda ids: {one for one in ids if one in live or is_lead(one)})
    return set(writers.readers(sharers.intersection))
