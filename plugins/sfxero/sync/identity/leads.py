"""Leads: read beside the accounts, and followed into the accounts that they become."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.fields import lead_fields
from sfxero.model.ids import SourceId, is_lead
from sfxero.model.states import Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select, since_where
from sfxero.staging.manifest import is_published, load
from sfxero.sync.identity.successors import Succession
from sfxero.sync.identity.writers import partners
from sfxero.sync.scope import Scope
from sfxero.sync.staged import ids_in, save_rows, take_back, typed_schema

if TYPE_CHECKING:
    from sfxero.mapping.standing import Standing

LEAD: Final = "Lead"
LEAD_CONVERTED: Final = "lead_became_account"
"""The rule by which a lead's link goes to the account that it became."""
LEAD_MERGED: Final = "lead_merged"
"""The rule by which a link goes to the lead that another was merged into."""


def stage_leads(
    scope: Scope,
    client: SalesforceClient,
    from_at: datetime | None,
    *,
    beside: Collection[str] = (),
) -> int:
    """Stage the leads that changed since a moment, those in quarantine, and those merged into.

    They are read after the accounts, and up to the present: whose account a run has read, of that
    lead it has read the conversion, since both are committed at once.

    Who of several may write to one contact is decided among all of them: so those are read, too,
    that share one with any of these, or with an account in `beside`.
    """
    from sfxero.staging.writer import write_records

    if scope.spec.leads is None or scope.is_history:
        return 0
    folder, fields = scope.folder(LEAD), lead_fields(scope.spec)
    take_back(scope, Entity.LEAD, folder)
    where = None if from_at is None else since_where(from_at)
    records = {str(one["Id"]): one for one in _query(client, fields, [where])}
    asked = set(records)
    further = _waiting(scope) | _together(scope, records, beside)
    while unread := further - asked:
        asked |= unread
        conditions = id_chunks(sorted(unread), "Id")
        found = {str(one["Id"]): one for one in _query(client, fields, conditions)}
        records |= found
        further = _together(scope, found)
    schema = typed_schema(client, LEAD, fields)
    rows = write_records(records.values(), schema=schema, folder=folder)
    bounds = (from_at, scope.clock.now())
    staged = save_rows(scope, LEAD, folder, rows, bounds=bounds, api_version=client.api_version)
    for ids in ids_in(staged):
        scope.ledger.runs.add_records(scope.run_id, Entity.LEAD, map(SourceId, ids))
    return rows.row_count


def accounts_of_leads(scope: Scope) -> set[str]:
    """Return the accounts that the run's leads became."""
    if not has_leads(scope):
        return set()
    return {one for ids in ids_in(load(scope.folder(LEAD)), "ConvertedAccountId") for one in ids}


def leads_read(scope: Scope) -> set[str]:
    """Return the leads that the run has staged."""
    if not has_leads(scope):
        return set()
    return {one for ids in ids_in(load(scope.folder(LEAD))) for one in ids}


def has_leads(scope: Scope) -> bool:
    """Say whether the run has staged leads."""
    return scope.spec.leads is not None and is_published(scope.folder(LEAD))


class Leads:
    """The leads of one run, as far as their links are concerned."""

    def __init__(self, scope: Scope) -> None:
        """The run must have staged leads."""
        self._scope = scope

    @cached_property
    def frame(self) -> Any:
        """All leads that the run has read."""
        from sfxero.staging.reader import read_latest

        return read_latest([load(self._scope.folder(LEAD))])

    @cached_property
    def standing(self) -> "Standing":
        """Which leads are live, and which were merged."""
        from sfxero.mapping.standing import standing_of

        return standing_of(self.frame, successor="MasterRecordId")

    @cached_property
    def converted(self) -> dict[SourceId, SourceId]:
        """By lead, the account that it became, though the lead be deleted since."""
        from sfxero.mapping.standing import standing_of

        became = standing_of(self.frame, successor="ConvertedAccountId").successors
        merged = self.standing.successors
        return {one: account for one, account in became.items() if one not in merged}

    def take_back(self, *, read_at: datetime) -> None:
        """Withdraw what waits for leads that are no leads any more.

        Before anything is planned for their accounts, so that only one of both is ever created.
        """
        scope = self._scope
        scope.ledger.outbox.withdraw(
            scope.run_id,
            scope.tenant,
            Entity.CONTACT,
            sorted(self.standing.gone.union(self.converted)),
            read_at=read_at,
            reason="the lead was converted, merged or deleted",
        )

    def successions(self, accounts: "Standing") -> list[Succession]:
        """Return who stands for the leads now: accounts, or leads that they were merged into."""
        became = {one: accounts.heir_of(account) for one, account in self.converted.items()}
        live = accounts.live_among(set(became.values()))
        into = {one: heir for one, heir in became.items() if heir in live}
        merged = {one: self.standing.heir_of(one) for one in self.standing.successors}
        prospects = self.standing.live_among(set(merged.values())) - self.converted.keys()
        into |= {one: into[heir] for one, heir in merged.items() if heir in into}
        return [
            *(Succession(one, heir, LEAD_CONVERTED) for one, heir in sorted(into.items())),
            *(
                Succession(one, heir, LEAD_MERGED)
                for one, heir in sorted(merged.items())
                if heir in prospects
            ),
        ]


def _query(
    client: SalesforceClient, fields: tuple[str, ...], conditions: Iterable[str | None]
) -> Iterator[Any]:
    for where in conditions:
        yield from client.query(select(LEAD, fields, where=where), all_rows=True)


def _together(scope: Scope, leads: Mapping[str, Any], accounts: Collection[str] = ()) -> set[str]:
    """Return the leads that others were merged into, or that share a contact with some records."""
    heirs = {str(one["MasterRecordId"]) for one in leads.values() if one["MasterRecordId"]}
    sharers = partners(scope, [SourceId(one) for one in (*leads, *heirs, *accounts)])
    return heirs.union(filter(is_lead, sharers))


def _waiting(scope: Scope) -> set[str]:
    """Return the leads in quarantine, and those whose link has changed."""
    changed = scope.ledger.link_changes.unprepared(scope.tenant, Entity.CONTACT)
    refused = scope.ledger.quarantine.open_ids(scope.route, Entity.LEAD)
    return {*refused, *filter(is_lead, changed)}
