"""Companions: what the windows touched but do not hold, read by id."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from sfxero.mapping.fields import needed_fields
from sfxero.model.differences import DifferenceKind
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity, Measure
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select
from sfxero.staging.manifest import load
from sfxero.sync.identity.leads import LEAD, accounts_of_leads, leads_read, stage_leads
from sfxero.sync.identity.reading import accounts_beside
from sfxero.sync.org_rates import keep_rates
from sfxero.sync.related import stage_related, touched_owners
from sfxero.sync.scope import ENTITY_OF, OBJECT_OF, Scope
from sfxero.sync.staged import ids_in, publish_staged, take_back
from sfxero.sync.two_way_end import end_two_way

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window

_ACCOUNT, _OPPORTUNITY, _LINE = ENTITY_OF


class Companions:
    """Reads all lines of every touched opportunity, new accounts, and what waits in quarantine.

    That editing a line moves its opportunity's own stamp is not certain, and the cause of a
    quarantine is often cured elsewhere, so neither shows in the windows.
    """

    def __init__(self, scope: Scope, client: SalesforceClient) -> None:
        """The windows of the run must be staged."""
        self._scope = scope
        self._client = client
        self._windows = {
            OBJECT_OF[window.entity]: window for window in scope.ledger.windows.of_run(scope.run_id)
        }

    def read(self) -> dict[str, int]:
        """Stage the companions and return their rows by object.

        A full read holds all lines already, but not the records that were changed after its end. A
        window by the close date holds them, but for what was moved into it meanwhile. A run over
        history reads its window and leaves the quarantine to the sync.
        """
        end_two_way(self._scope)
        for object_name, entity in ENTITY_OF.items():
            window = self._scope.folder(object_name)
            take_back(self._scope, entity, self._scope.companions(object_name), beside=(window,))
        from_at = self._windows[_ACCOUNT].from_at
        leads = stage_leads(self._scope, self._client, from_at, beside=self._ids(_ACCOUNT))
        in_window = self._ids(_OPPORTUNITY)
        with_lines = self._ids(_LINE, "OpportunityId")
        touched = with_lines | self._quarantined(Entity.OPPORTUNITY) | self._touched(_OPPORTUNITY)
        touched |= self._to_resend() | self._moved_to_masters()
        missing = touched - in_window
        counts = {_OPPORTUNITY: self._stage(_OPPORTUNITY, missing, by="Id")}
        parents = missing | self._without_all_lines(in_window, with_lines)
        counts[_LINE] = self._stage(_LINE, parents, by="OpportunityId")
        counts[_ACCOUNT] = self._stage_accounts()
        for object_name in (_ACCOUNT, _OPPORTUNITY):
            window = self._windows[object_name]
            counts[object_name] += stage_related(self._scope, self._client, window, object_name)
        counts |= {LEAD: leads} if leads else {}
        return counts | keep_rates(self._scope, self._client)

    def _touched(self, object_name: str) -> set[str]:
        """Return the records one of whose related rows changed."""
        window = self._windows[object_name]
        return touched_owners(self._scope, self._client, window, object_name)

    def _without_all_lines(self, in_window: set[str], with_lines: set[str]) -> set[str]:
        """Return the opportunities of which the window of lines may lack some."""
        lines = self._windows[_LINE]
        if lines.measure is Measure.CLOSE_DATE:
            return in_window - with_lines
        is_whole = lines.from_at is None or lines.measure is Measure.PARENT_STAMP
        return set() if is_whole else in_window

    def _missing_accounts(self) -> set[str]:
        """Return the accounts that are needed and neither in the window nor linked.

        Beside them, those that have to do with the links of accounts that are read.
        """
        needed = {
            account
            for staged in self._scope.staged(_OPPORTUNITY)
            for ids in ids_in(staged, self._scope.spec.invoices.account)
            for account in ids
        }
        ids = [SourceId(account) for account in sorted(needed)]
        linked = self._scope.ledger.links.get_many(self._scope.tenant, Entity.CONTACT, ids)
        quarantined = self._quarantined(Entity.ACCOUNT)
        wanted = (needed - set(linked)) | quarantined | self._touched(_ACCOUNT)
        wanted |= accounts_of_leads(self._scope)
        read = self._ids(_ACCOUNT)
        wanted |= self._merged_into(needed - set(linked) - quarantined - read)
        known = read | wanted | leads_read(self._scope)
        return (wanted | accounts_beside(self._scope, known, self._masters)) - read

    def _merged_into(self, accounts: Iterable[str]) -> set[str]:
        """Return those that were merged into one of some accounts, maybe after their window's end.

        Their contact is the account's now; without them, it would get another one.
        """
        field = "MasterRecordId"
        return {
            str(row["Id"])
            for where in id_chunks(sorted(accounts), field)
            for row in self._client.query(select(_ACCOUNT, ("Id",), where=where), all_rows=True)
        }

    def _stage_accounts(self) -> int:
        """Stage the accounts that are missing, and those that took over from them, to the end."""
        wanted = self._missing_accounts()
        return self._save(_ACCOUNT, self._read_on(wanted)) if wanted else 0

    def _read_on(self, wanted: set[str]) -> Iterator[Mapping[str, object]]:
        read = self._ids(_ACCOUNT)
        while wanted:
            read |= wanted
            masters = set()
            for record in self._query(_ACCOUNT, wanted, by="Id"):
                if record["MasterRecordId"]:
                    masters.add(str(record["MasterRecordId"]))
                yield record
            unread = masters - read
            wanted = accounts_beside(self._scope, read, unread) - read if unread else set()

    @cached_property
    def _masters(self) -> set[str]:
        """Return the accounts that took over from others in the window of accounts."""
        return set() if self._scope.is_history else self._ids(_ACCOUNT, "MasterRecordId")

    def _moved_to_masters(self) -> set[str]:
        """Return the won opportunities of accounts that took over from others.

        They go to another contact now, and that being moved moves their stamps is not certain.
        """
        field = self._scope.spec.invoices.account
        if "." in field or self._windows[_OPPORTUNITY].from_at is None:
            return set()
        return {
            str(row["Id"])
            for where in id_chunks(sorted(self._masters), field)
            for row in self._client.query(
                select(_OPPORTUNITY, ("Id",), where=f"{where} AND IsWon = true")
            )
        }

    def _ids(self, object_name: str, column: str = "Id") -> set[str]:
        """Return the ids in a column of the object's window."""
        staged = load(self._scope.folder(object_name))
        return {one for ids in ids_in(staged, column) for one in ids}

    def _quarantined(self, entity: Entity) -> set[str]:
        if self._scope.is_history:
            return set()
        return set(self._scope.ledger.quarantine.open_ids(self._scope.route, entity))

    def _to_resend(self) -> set[str]:
        """Return what a reconciliation found and the route lets the sync plan again."""
        if self._scope.is_history:
            return set()
        repair = self._scope.spec.reconcile.repair
        kinds = [kind for kind in DifferenceKind if getattr(repair, kind, "list") != "list"]
        return set(self._scope.ledger.differences.sources(self._scope.route, kinds))

    def _stage(self, object_name: str, ids: Collection[str], *, by: str) -> int:
        """Stage what is read by ids, if there are any."""
        return self._save(object_name, self._query(object_name, ids, by=by)) if ids else 0

    def _query(
        self, object_name: str, ids: Iterable[str], *, by: str
    ) -> Iterator[Mapping[str, object]]:
        """Read records by REST, deleted ones too."""
        fields = needed_fields(self._scope.spec)[object_name]
        for where in id_chunks(sorted(ids), by):
            yield from self._client.query(select(object_name, fields, where=where), all_rows=True)

    def _save(self, object_name: str, records: Iterable[Mapping[str, object]]) -> int:
        """Stage records beside the window."""
        from sfxero.staging.reader import staged_schema
        from sfxero.staging.writer import write_records

        folder = self._scope.companions(object_name)
        # The window's schema costs no call, and both are read together.
        schema = staged_schema(load(self._scope.folder(object_name)))
        rows = write_records(records, schema=schema, folder=folder)
        window: Window = replace(self._windows[object_name], job_id=None)
        publish_staged(self._scope, object_name, folder, window=window, rows=rows)
        return rows.row_count
