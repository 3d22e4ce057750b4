"""Check and prepare: staged rows become findings, outbox entries and dispositions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from sfxero.errors import ChecksFailed, LedgerError, StagingError
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.result import Document, TransformResult
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.template import template_fields
from sfxero.model.findings import NEWER_VERSION, DispositionRow, Finding, Severity, row_of
from sfxero.model.ids import SourceId
from sfxero.model.outbox import Planned, PlannedEntry, PlanOutcome, SourceVersion
from sfxero.model.states import Disposition, Entity
from sfxero.quality.suites import Suite
from sfxero.sync.approving import approval_meta
from sfxero.sync.changing import replace_voided, void_wishes, with_policy
from sfxero.sync.emails import plan_emails
from sfxero.sync.holding import held_back, refused_lines
from sfxero.sync.identity.identity import Identity
from sfxero.sync.identity.leads import Leads, has_leads
from sfxero.sync.locking import Locked
from sfxero.sync.memory import Memory
from sfxero.sync.newer_readings import has_history_beside, turned_down_since
from sfxero.sync.org_rates import kept_rates
from sfxero.sync.related import with_related
from sfxero.sync.releasing import refused_by, with_releases
from sfxero.sync.scope import ENTITY_OF, OBJECT_OF, Scope
from sfxero.sync.two_way import ToXero

if TYPE_CHECKING:
    from sfxero.quality.checks import CheckResult

_RENAMING_ROUNDS: Final = 3
_CHECKED_AT_ONCE: Final = 100_000
_SHOWN_OF_A_STOP: Final = 1_000


def suite_columns(spec: RouteSpec) -> dict[str, str]:
    """Return the staged columns that the placeholders of the suites stand for."""
    contacts, invoices = spec.contacts, spec.invoices
    columns: dict[str, str] = {
        "date_field": invoices.date,
        "account_field": invoices.account,
        "amount_field": invoices.amount,
        "quantity_field": invoices.lines.quantity,
        "unit_amount_field": invoices.lines.unit_amount,
    }
    place = contacts.postal_address
    rules = {
        "name_field": contacts.name,
        "country_field": place.country if place else None,
        "postal_code_field": place.postal_code if place else None,
    }
    if invoices.number is not None:
        columns["number_field"] = template_fields(invoices.number)[0]
    # A constant, or what is not mapped at all, is no column that a suite could look at.
    for name, rule in rules.items():
        if rule is not None and rule.read_fields:
            columns[name] = rule.read_fields[0]
    return columns


def check_rows(
    scope: Scope, suites: dict[Entity, Suite], *, keep_page: Callable[[str], object] | None = None
) -> dict[str, int]:
    """Hold the staged rows against their suites; returns the refused records by object.

    `keep_page` is given the page that shows what each expectation found, whatever it was.

    Raises StagingError if an expectation could not be evaluated at all, and ChecksFailed if more
    rows break one than the suite allows: then something is wrong with the whole, and nothing goes.
    """
    from sfxero.quality.checks import check
    from sfxero.quality.page import render
    from sfxero.staging.reader import read_latest_parts

    refused: dict[str, int] = {}
    results: dict[str, CheckResult] = {}
    for object_name, entity in ENTITY_OF.items():
        suite = suites[entity]
        frames = read_latest_parts(
            scope.staged(object_name), columns=suite.columns, rows=_CHECKED_AT_ONCE
        )
        result = check(frames, suite, entity=entity)
        released = scope.ledger.releases.of(scope.route, entity)
        findings = with_releases(result.findings, released)
        store_result(scope, object_name, replace(result, findings=findings))
        results[object_name] = result
        refused[object_name] = len(refused_by(findings))
    if keep_page is not None:
        at = scope.clock.now()
        keep_page(render(results, route=scope.route, run_id=scope.run_id, at=at))
    refuse_stops([stop for one in results.values() for stop in one.stops])
    return refused


def store_result(scope: Scope, name: str, result: "CheckResult") -> None:
    """Store what a suite found; StagingError if an expectation could not be evaluated at all."""
    if result.broken:
        raise StagingError(
            f"expectations of {name} could not be evaluated: {', '.join(result.broken)}",
            hint="Correct the suite, or stage the columns that it names.",
        )
    # The cause of a stop is one for all; some of its rows show it.
    shown = result.findings[:_SHOWN_OF_A_STOP] if result.stops else result.findings
    scope.ledger.quarantine.put(scope.run_id, scope.route, shown)


def refuse_stops(stops: Sequence[str]) -> None:
    """Raise ChecksFailed if more rows than a suite allows broke what it names."""
    if stops:
        raise ChecksFailed(
            f"too many staged rows are refused: {'; '.join(stops)}",
            hint="Nothing was sent. The quarantine shows some of the rows. Cure what they have in "
            "common, or raise the suite's `stop`; the next run reads them again.",
        )


def prepare_contacts(scope: Scope) -> dict[str, int]:
    """Map the accounts to contacts, reserve their names and fill the outbox; so with leads.

    First, the links of those that were merged or converted follow to those that stand for them.
    """
    from sfxero.mapping.transform import transform_leads
    from sfxero.staging.reader import read_latest

    frame = read_latest(scope.staged(OBJECT_OF[Entity.ACCOUNT]))
    accounts = _Preparation(scope, Entity.ACCOUNT, Entity.CONTACT)
    leads = Leads(scope) if has_leads(scope) else None
    identity = Identity(scope, frame, leads)
    identity.take_back(read_at=accounts.began_at)
    identity.follow()
    frame = with_related(scope, OBJECT_OF[Entity.ACCOUNT], identity.writable(Entity.ACCOUNT))
    result = named_contacts(scope, frame)
    counts = accounts.store_contacts(identity, result)
    if leads is not None and scope.spec.leads is not None:
        frame = identity.writable(Entity.LEAD)
        result = _with_names(scope, partial(transform_leads, frame, scope.spec.leads))
        stored = _Preparation(scope, Entity.LEAD, Entity.CONTACT).store_contacts(identity, result)
        counts |= {f"leads_{name}": count for name, count in stored.items()}
    identity.note_prepared()
    return counts


def named_contacts(scope: Scope, frame: Any) -> TransformResult:
    """Map accounts to contacts, and reserve the names that these are to have."""
    from sfxero.mapping.transform import transform_contacts

    return _with_names(scope, partial(transform_contacts, frame, scope.spec))


def _with_names(scope: Scope, transform: Callable[..., TransformResult]) -> TransformResult:
    """Map records to contacts until all names that they would have are reserved for them."""
    for _ in range(_RENAMING_ROUNDS):
        result = transform(**names_in_use(scope))
        wanted = (
            (one.source_id, one.meta["name_key"], one.meta["name"]) for one in result.documents
        )
        if not scope.ledger.names.reserve(scope.tenant, wanted):
            return result
    raise LedgerError("the names of contacts were taken by other runs, time and again")


def names_in_use(scope: Scope) -> dict[str, dict[str, str]]:
    """Return who holds which name, and what records were called last, as transforms take them."""
    names = scope.ledger.names
    own = {str(one): name for one, name in names.names_of(scope.tenant).items()}
    return {"owners": names.owners(scope.tenant), "own_names": own}


def prepare_invoices(
    scope: Scope, *, organisation: OrganisationFacts, instance_url: str
) -> dict[str, int]:
    """Map the opportunities to invoices, fill the outbox, and move the watermark.

    Lines end as their opportunity does.
    """
    from sfxero.mapping.transform import transform_invoices
    from sfxero.staging.reader import read_latest

    lines = read_latest(scope.staged(OBJECT_OF[Entity.OPPORTUNITY_LINE]))
    frame = read_latest(scope.staged(OBJECT_OF[Entity.OPPORTUNITY]))
    memory = Memory(scope.ledger, scope.tenant)
    locked = Locked(memory, scope.spec.invoices, frame, organisation=organisation)
    result = transform_invoices(
        with_related(scope, OBJECT_OF[Entity.OPPORTUNITY], frame),
        lines,
        scope.spec,
        organisation=organisation,
        instance_url=instance_url,
        org_rates=kept_rates(scope),
        written=locked.written,
    )
    preparation = _Preparation(scope, Entity.OPPORTUNITY, Entity.INVOICE)
    preparation.void(result, frame)
    replace_voided(scope, result)
    # First, so that nothing more sets out of what is then asked after.
    preparation.take_back(result)
    ended = preparation.ended
    held = [*held_back(scope, result, lines, ended=ended), *locked.changed(result)]
    counts = preparation.store(result, held=held)
    preparation.store_lines(lines)
    windows = scope.ledger.windows
    windows.mark_prepared([one.window_id for one in windows.of_run(scope.run_id)])
    return counts


@dataclass(slots=True)
class _Tally:
    """Where each record of the source entity ended, by its id."""

    rows: dict[SourceId, DispositionRow]
    added: int = 0
    unchanged: int = 0


class _Preparation:
    """Stores what a transform returned: entries, quarantine and dispositions."""

    def __init__(self, scope: Scope, source: Entity, target: Entity) -> None:
        """Records of `source` become records of `target`."""
        self._scope = scope
        self._source = source
        self._target = target
        self._tally = _Tally(rows={})
        self._voids: list[PlannedEntry] = []

    @cached_property
    def began_at(self) -> datetime:
        """The moment before which the run had read nothing."""
        windows = self._scope.ledger.windows.of_run(self._scope.run_id)
        return min(window.opened_at for window in windows)

    def take_back(self, result: TransformResult) -> None:
        """Withdraw what is not wanted any more at all."""
        skipped = {source_id for source_id, _ in result.skipped}
        self._withdraw(skipped | set(result.removed))

    def void(self, result: TransformResult, frame: Any) -> None:
        """Wish that there be no invoices of what is not won any more, if the route says so."""
        self._voids = void_wishes(self._scope, result, frame, read_at=self.began_at)

    @property
    def ended(self) -> set[SourceId]:
        """The records of which it is wished that there be no invoice."""
        return {one.source_id for one in self._voids}

    def store_contacts(self, identity: Identity, result: TransformResult) -> dict[str, int]:
        """Store contacts, with a word on those records that may not write to theirs."""
        completed = identity.completed(self._source, result)
        self.take_back(completed)
        return self.store(completed, held=identity.findings(self._source, result))

    def store(self, result: TransformResult, *, held: Sequence[Finding] = ()) -> dict[str, int]:
        """Store everything, and return the counts; `held` findings refuse documents, too."""
        scope = self._scope
        refused = self._refuse(result, held)
        if self._target is Entity.INVOICE:
            plan_emails(scope, result.documents, refused, read_at=self.began_at)
        overtaken = turned_down_since(scope, self._source, self.began_at, result)
        kept_back = refused | overtaken
        documents = (one for one in result.documents if one.source_id not in kept_back)
        memory = Memory(scope.ledger, scope.tenant)
        meta = approval_meta(scope.spec.invoices.approval, result, memory)
        wishes = chain(self._entries(documents, meta), self._voids)
        if self._source is Entity.ACCOUNT and scope.spec.contacts.two_way is not None:
            self._plan_changes(wishes, removed=result.removed)
        else:
            self._plan(wishes)
        for source_id in overtaken - refused:
            self._end(source_id, Disposition.SUPERSEDED, NEWER_VERSION)
        for source_id in set(result.removed) - refused:
            self._end(source_id, Disposition.REMOVED)
        answered = refused | self.ended
        for source_id, rule in result.skipped:
            if source_id not in answered:
                self._end(source_id, Disposition.SKIPPED, rule)
        self._clear_quarantine(self._source, refused, read=self._tally.rows.keys())
        scope.ledger.runs.record_dispositions(scope.run_id, self._tally.rows.values())
        # Said first and taken back then: a run over history plans first and asks then, so that of
        # the two one always sees the other.
        self._withdraw(refused, are_refused=True)
        if has_history_beside(scope):
            self.take_back(result)
        self._withdraw(turned_down_since(scope, self._source, self.began_at, result))
        return {
            "records": len(self._tally.rows),
            "added": self._tally.added,
            "unchanged": self._tally.unchanged,
            "quarantined": len(refused),
            "skipped": len(result.skipped),
            "removed": len(result.removed),
        }

    def _plan(self, entries: Iterable[PlannedEntry]) -> None:
        for planned in self._scope.ledger.outbox.plan(self._scope.run_id, entries):
            self._note(planned)

    def _plan_changes(
        self, entries: Iterable[PlannedEntry], *, removed: Iterable[SourceId]
    ) -> None:
        """Plan of linked contacts only what changed since both sides agreed."""
        to_xero = ToXero(self._scope)
        to_xero.leave(removed)
        self._plan(to_xero.wishes(entries))
        for source_id in to_xero.unchanged:
            self._tally.unchanged += 1
            self._end(source_id, Disposition.IN_STEP)
        for source_id in to_xero.overtaken:
            self._end(source_id, Disposition.SUPERSEDED, NEWER_VERSION)
        self._take_from_outbox(self._target, set(to_xero.obsolete))

    def store_lines(self, lines: Any) -> None:
        """Give each line the disposition of its opportunity; deleted lines are removed."""
        rows = zip(lines["Id"], lines["OpportunityId"], lines["IsDeleted"], strict=True)
        self._scope.ledger.runs.record_dispositions(
            self._scope.run_id,
            (
                self._line_row(SourceId(line), SourceId(parent), is_deleted=bool(deleted))
                for line, parent, deleted in rows
            ),
        )
        refused = refused_lines(self._scope)
        self._clear_quarantine(Entity.OPPORTUNITY_LINE, refused, read=set(lines["Id"]))

    def _line_row(self, line: SourceId, parent: SourceId, *, is_deleted: bool) -> DispositionRow:
        if is_deleted:
            return DispositionRow(Entity.OPPORTUNITY_LINE, line, Disposition.REMOVED)
        row = self._tally.rows.get(parent)
        if row is None:
            # Even by id the org did not give its opportunity.
            return DispositionRow(
                Entity.OPPORTUNITY_LINE, line, Disposition.SKIPPED, "opportunity_not_readable"
            )
        return DispositionRow(
            Entity.OPPORTUNITY_LINE, line, row.disposition, row.rule, row.entry_id
        )

    def _refuse(self, result: TransformResult, held: Sequence[Finding]) -> set[SourceId]:
        """Store all findings; returns the records that may not go, the suites' refusals too."""
        scope, quarantine = self._scope, self._scope.ledger.quarantine
        by_suite = set(quarantine.refused_ids(scope.run_id, scope.route, self._source))
        gone = set(result.removed) | {source_id for source_id, _ in result.skipped}
        findings = [*result.findings, *held]
        quarantine.put(scope.run_id, scope.route, findings)
        refused = {one.source_id for one in findings if one.severity is Severity.REFUSE}
        refused |= by_suite - gone
        for source_id, rule in self._rules(findings, refused):
            self._end(source_id, Disposition.QUARANTINED, rule)
        return refused

    def _rules(
        self, findings: Sequence[Finding], refused: set[SourceId]
    ) -> Iterator[tuple[SourceId, str]]:
        """Name for each refused record one rule; the quarantine has them all."""
        first: dict[SourceId, str] = {}
        for finding in findings:
            if finding.severity is Severity.REFUSE:
                first.setdefault(finding.source_id, finding.rule)
        for source_id in refused:
            yield source_id, first.get(source_id, "suite")

    def _withdraw(self, source_ids: set[SourceId], *, are_refused: bool = False) -> None:
        """Take back what waits in the outbox for records that may not go any more.

        An invoice that is in Xero is owed its e-mail, though a change of it be refused.
        """
        scope = self._scope
        # What is to be void succeeds what waits, and is asked about once.
        self._take_from_outbox(self._target, source_ids - self.ended)
        if self._target is Entity.INVOICE:
            links = scope.ledger.links
            owed = links.get_many(scope.tenant, self._target, source_ids) if are_refused else {}
            self._take_from_outbox(Entity.INVOICE_EMAIL, source_ids - owed.keys())

    def _take_from_outbox(self, entity: Entity, source_ids: set[SourceId]) -> None:
        self._scope.ledger.outbox.withdraw(
            self._scope.run_id,
            self._scope.tenant,
            entity,
            sorted(source_ids),
            read_at=self.began_at,
            reason="the record no longer meets the route's rules",
        )

    def _clear_quarantine(
        self, entity: Entity, refused: set[SourceId], *, read: AbstractSet[SourceId]
    ) -> None:
        """Close what is cured; a record that by id was not found any more is gone for good.

        The run has asked for all that was in quarantine when it began, unless it is over history.
        What another run has refused since is newer than what this one knows, and stays.
        """
        scope, quarantine = self._scope, self._scope.ledger.quarantine
        asked_for = set(quarantine.open_ids(scope.route, entity, seen_by=self.began_at))
        own = set(quarantine.refused_ids(scope.run_id, scope.route, entity))
        known = (asked_for & read if scope.is_history else asked_for) | own
        quarantine.clear(scope.run_id, scope.route, entity, sorted(known - refused))
        quarantine.clear_other_rules(scope.run_id, scope.route, entity)

    def _entries(
        self, documents: Iterable[Document], meta: Callable[[Document], Mapping[str, str]]
    ) -> Iterator[PlannedEntry]:
        """Make entries of documents; `meta` gives what goes along with each."""
        scope = self._scope
        is_child = self._target is Entity.INVOICE
        told = (
            with_policy(scope, documents, meta) if is_child else ((o, meta(o)) for o in documents)
        )
        for one, given in told:
            yield PlannedEntry(
                route=scope.route,
                tenant=scope.tenant,
                entity=self._target,
                source_id=one.source_id,
                payload=one.payload,
                content_hash=one.content_hash,
                # Not read before; what changes no stamp may have been read by others since.
                version=SourceVersion(stamp_at=one.stamp_at, read_at=self.began_at),
                mapping_version=scope.spec.mapping_version,
                parent_entity=Entity.CONTACT if is_child else None,
                parent_source_id=one.parent_source_id if is_child else None,
                meta=given,
                is_migration=scope.is_history,
            )

    def _note(self, planned: Planned) -> None:
        """Count the outbox's answer, and make it the record's disposition."""
        if planned.outcome is PlanOutcome.ADDED:
            self._tally.added += 1
        else:
            self._tally.unchanged += 1
        source_id = planned.source_id
        self._tally.rows[source_id] = row_of(planned, self._source, source_id)

    def _end(self, source_id: SourceId, disposition: Disposition, rule: str | None = None) -> None:
        self._tally.rows[source_id] = DispositionRow(self._source, source_id, disposition, rule)
