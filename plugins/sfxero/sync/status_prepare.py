"""Prepare what opportunities show: staged invoices become outbox entries and dispositions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sfxero.errors import LedgerError
from sfxero.model.findings import DispositionRow, row_of
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.outbox import Planned, PlannedEntry, PlanOutcome, SourceVersion
from sfxero.model.states import Disposition, Entity
from sfxero.quality.suites import Suite
from sfxero.staging.manifest import Staged
from sfxero.sync.mirror_prepare import plan_mirror
from sfxero.sync.prepare import refuse_stops, store_result
from sfxero.sync.scope import Scope
from sfxero.sync.sync_errors import plan_errors
from sfxero.sync.xero_extract import has_view, staged_of, unshown, view_of
from sfxero.sync.xero_lists import COMPANIONS, ENTITY_OF_LIST, FOLLOWERS, INVOICES, OPEN_INVOICES

if TYPE_CHECKING:
    from sfxero.mapping.result import Document, Documents

NOT_OURS: Final = "not_ours"
"""Rule of what belongs to no opportunity: the sync did not make it."""
NO_INVOICE: Final = "no_invoice"
"""Rule of a payment that pays no invoice: the refund of a credit, for example."""


def check_invoices(scope: Scope, suite: Suite) -> int:
    """Hold the staged invoices of ours against their suite; returns how many were refused."""
    from sfxero.quality.checks import check

    frame = _frame(scope)
    pairs = scope.ledger.links.sources_of(scope.tenant, Entity.INVOICE, map(TargetId, frame["Id"]))
    ours = frame[frame["Id"].isin([invoice_id for invoice_id, _ in pairs])]
    result = check([ours], suite, entity=Entity.INVOICE)
    store_result(scope, "invoices", result)
    refuse_stops(result.stops)
    return len(result.refused_ids)


def prepare_statuses(scope: Scope) -> dict[str, int]:
    """Fill the outbox with what opportunities are to show, and move all watermarks of invoices."""
    from sfxero.mapping.statuses import transform_statuses

    ends = _Ends()
    frame = _frame(scope)
    ids = [SourceId(one) for one in frame["Id"]]
    refused = _refused(scope)
    pairs = scope.ledger.links.sources_of(
        scope.tenant, Entity.INVOICE, (TargetId(one) for one in ids if one not in refused)
    )
    if pairs and not has_view(scope):
        # None was ours when it was read; the next run asks for what no opportunity shows.
        left_to_the_next = unshown(scope)
        pairs = [pair for pair in pairs if pair[0] not in left_to_the_next]
    for one in ids:
        ends.rows[one] = DispositionRow(Entity.INVOICE, one, Disposition.SKIPPED, NOT_OURS)
    for one, rule in refused.items():
        ends.rows[one] = DispositionRow(Entity.INVOICE, one, Disposition.QUARANTINED, rule)
    if pairs:
        fields, view = scope.spec.salesforce_fields, view_of(scope)
        _plan(scope, transform_statuses(frame, fields, opportunities=pairs, view=view), ends)
    if has_view(scope):
        known = frame[~frame["Id"].isin(list(refused))]
        plan_mirror(scope, known, pairs, org=org_of(scope), read_at=_read_at(scope))
    runs, windows = scope.ledger.runs, scope.ledger.windows
    runs.record_dispositions(scope.run_id, ends.rows.values())
    for plural in FOLLOWERS:
        runs.record_dispositions(scope.run_id, _followers(scope, plural, ends))
    _clear_quarantine(scope, refused)
    plan_errors(scope, org_of(scope), read_at=_read_at(scope))
    drawn = windows.of_run(scope.run_id)
    windows.mark_prepared([one.window_id for one in drawn if one.entity is not Entity.CONTACT])
    return {
        "records": len(ids),
        "ours": len(pairs),
        "added": ends.added,
        "unchanged": ends.unchanged,
        "quarantined": len(refused),
    }


@dataclass(slots=True)
class _Ends:
    """Where each invoice ended, by its id."""

    rows: dict[SourceId, DispositionRow] = field(default_factory=dict)
    added: int = 0
    unchanged: int = 0

    def note(self, invoice_id: SourceId, planned: Planned) -> None:
        """Count the outbox's answer, and make it the invoice's disposition."""
        if planned.outcome is PlanOutcome.ADDED:
            self.added += 1
        else:
            self.unchanged += 1
        self.rows[invoice_id] = row_of(planned, Entity.INVOICE, invoice_id)


def org_of(scope: Scope) -> TenantId:
    """Return the org of a run that writes to it."""
    if scope.org is None:
        raise LedgerError("a run that shows invoices knows its org")
    return scope.org


def _frame(scope: Scope) -> Any:
    """Return the newest state of each invoice that the run has read."""
    from sfxero.staging.reader import read_latest
    from sfxero.staging.xero_schema import STAMP

    return read_latest(_staged(scope), stamp=STAMP)


def _staged(scope: Scope) -> list[Staged]:
    """Return the run's manifests of invoices, those that were read last at the end."""
    listed = (staged_of(scope, one) for one in (OPEN_INVOICES, INVOICES, COMPANIONS))
    return [one for one in listed if one is not None]


def _plan(scope: Scope, documents: "Documents", ends: _Ends) -> None:
    entries = _entries(scope, documents)
    answers = scope.ledger.outbox.plan(scope.run_id, entries)
    for document, planned in zip(documents, answers, strict=True):
        ends.note(SourceId(document.meta["invoice_id"]), planned)


def _read_at(scope: Scope) -> datetime:
    """Return when the oldest of the run's readings ended: what was read since is newer."""
    return min(one.manifest.staged_at for one in _staged(scope))


def _entries(scope: Scope, documents: Iterable["Document"]) -> Iterator[PlannedEntry]:
    read_at = _read_at(scope)
    for one in documents:
        yield PlannedEntry(
            route=scope.route,
            tenant=org_of(scope),
            entity=Entity.OPPORTUNITY_STATUS,
            source_id=one.source_id,
            payload=one.payload,
            content_hash=one.content_hash,
            version=SourceVersion(stamp_at=one.stamp_at, read_at=read_at),
            mapping_version=scope.spec.status_version,
            meta={
                **one.meta,
                "rule": "opportunity_status",
                "synced_at": read_at.isoformat(timespec="seconds"),
            },
        )


def _followers(scope: Scope, plural: str, ends: _Ends) -> Iterator[DispositionRow]:
    """Let each payment or credit end as the first invoice of ours that it names."""
    from sfxero.staging.reader import read_latest
    from sfxero.staging.xero_schema import STAMP

    staged, entity = staged_of(scope, plural), ENTITY_OF_LIST[plural]
    if staged is None:
        return
    frame = read_latest([staged], stamp=STAMP)
    for source_id, named in zip(frame["Id"], frame["InvoiceIDs"].fillna(""), strict=True):
        one = SourceId(source_id)
        found = (ends.rows.get(SourceId(invoice_id)) for invoice_id in named.split())
        ours = [row for row in found if row is not None and row.rule != NOT_OURS]
        if ours:
            yield replace(ours[0], entity=entity, source_id=one)
        elif named:
            yield DispositionRow(entity, one, Disposition.SKIPPED, NOT_OURS)
        else:
            yield DispositionRow(entity, one, Disposition.SKIPPED, NO_INVOICE)


def _refused(scope: Scope) -> dict[SourceId, str]:
    """Return the invoices that the run has refused, each with one of its rules."""
    listed = scope.ledger.quarantine.listing(scope.route)
    return {
        row.source_id: row.rule
        for row in listed
        if row.entity is Entity.INVOICE and row.last_run_id == scope.run_id
    }


def _clear_quarantine(scope: Scope, refused: Iterable[SourceId]) -> None:
    quarantine = scope.ledger.quarantine
    cured = set(quarantine.open_ids(scope.route, Entity.INVOICE)).difference(refused)
    quarantine.clear(scope.run_id, scope.route, Entity.INVOICE, sorted(cured))
    quarantine.clear_other_rules(scope.run_id, scope.route, Entity.INVOICE)
