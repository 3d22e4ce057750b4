"""The bodies of the tasks: built as the DAG's steps build them, from parts that the world hands."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from tests.simulation.world import TENANT, World

from sfxero.errors import GateFailed, SyncError, TerminalError
from sfxero.ledger.runs import RunReport
from sfxero.model.findings import Finding
from sfxero.model.ids import RunId, SourceId
from sfxero.model.states import Entity
from sfxero.ratelimit.policy import Budget
from sfxero.salesforce.client import SalesforceClient
from sfxero.staging.manifest import Staged
from sfxero.sync import extract, gate, history, preflight, prepare
from sfxero.sync.companions import Companions
from sfxero.sync.draining import tenant_with_work
from sfxero.sync.history import Interval
from sfxero.sync.publish import Lane, LaneReport, LaneSpec
from sfxero.sync.renaming import Renaming
from sfxero.sync.scope import ENTITY_OF, Scope
from sfxero.xero.accounting import Accounting
from sfxero.xero.tenants import choose_tenant

T = TypeVar("T")

_LANE_TIME = timedelta(minutes=25)


class Skipped(Exception):
    """A task leaves its work to the next run: the service takes no calls for now."""


@dataclass(slots=True)
class Run:
    """What travels between the tasks of a run, and how they ended."""

    name: str
    kind: str = "changes"
    is_full: bool = False
    history: Interval | None = None
    """The stretch of the past that it reads, if it is a run over history."""
    queue_s: float = 0.0
    """How long each of its tasks waits for a slot: a backfill comes last."""
    windows: dict[str, int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    reports: list[LaneReport] = field(default_factory=list)
    report: RunReport | None = None
    verdict: gate.Verdict | None = None

    @property
    def run_id(self) -> RunId:
        return RunId(f"demo/{self.name}")

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """By which budgets it sends, one after the other; all else goes by the first."""
        if self.kind == "drain":
            return (Budget.SYNC, Budget.MIGRATION)
        return (Budget.SYNC,) if self.history is None else (Budget.MIGRATION,)

    @property
    def is_whole(self) -> bool:
        """Whether every task has succeeded."""
        return all(state == "success" for state in self.states.values())


class Tasks:
    """One method per task; each is a process of its own and shares nothing but the ledger."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._accountings: dict[Budget, list[Accounting]] = {one: [] for one in Budget}
        self._clients: list[SalesforceClient] = []

    def start(self, run: Run) -> None:
        scope = self._begin(run)
        if run.history is not None:
            self._start_history(scope, run, run.history)
            return
        with self._accounting(scope.budget) as accounting, self._salesforce() as client:
            choose_tenant(accounting._client, TENANT)
            preflight.read_organisation(scope, accounting)
            preflight.refresh_directory(scope, accounting)
            run.windows = extract.draw_windows(
                scope, server_now=client.server_now(), full_refresh=run.is_full
            )

    def _start_history(self, scope: Scope, run: Run, interval: Interval) -> None:
        with self._accounting(scope.budget) as accounting, self._salesforce() as client:
            choose_tenant(accounting._client, TENANT)
            run.windows = history.draw_windows(scope, interval)
            history.forecast(scope, client, run.windows)
            preflight.share_organisation(scope, accounting)
            preflight.refresh_directory(scope, accounting)

    def look(self, run: Run) -> bool:
        """Begin a drain if anything waits that can go now."""
        world, scope = self._world, self._scope(run)
        tenant = tenant_with_work(
            world.ledger.outbox, scope.route, now=world.clock.now(), configured=TENANT
        )
        if tenant is None:
            return False
        self._begin(run)
        return True

    def _begin(self, run: Run) -> Scope:
        world, scope = self._world, self._scope(run)
        world.ledger.runs.start(
            run.run_id,
            scope.route,
            kind=run.kind,
            mapping_version=world.spec.mapping_version,
            actor="simulation",
            params="{}",
        )
        return scope

    def submit(self, run: Run, object_name: str) -> None:
        with self._salesforce() as client:
            extract.submit_job(self._scope(run), client, run.windows[object_name])

    def is_job_done(self, run: Run, object_name: str) -> bool:
        with self._salesforce() as client:
            window_id = run.windows[object_name]
            return extract.wanted_readers(self._scope(run), client, window_id) > 0

    def download(self, run: Run, object_name: str) -> None:
        with self._salesforce() as client:
            extract.download(self._scope(run), client, run.windows[object_name])

    def complete(self, run: Run) -> None:
        with self._salesforce() as client:
            Companions(self._scope(run), client).read()

    def check(self, run: Run) -> None:
        """Great Expectations take seconds, so the same refusals are found by plain code here."""
        scope = self._scope(run)
        for object_name, entity in ENTITY_OF.items():
            findings = list(light_findings(scope, object_name, entity))
            scope.ledger.quarantine.put(scope.run_id, scope.route, findings)

    def prepare_contacts(self, run: Run) -> None:
        prepare.prepare_contacts(self._scope(run))

    def prepare_invoices(self, run: Run) -> None:
        scope = self._scope(run)
        with self._salesforce() as client:
            prepare.prepare_invoices(
                scope,
                organisation=preflight.stored_organisation(scope),
                instance_url=client.instance_url,
            )

    def publish(self, run: Run, entity: Entity, owner: str) -> None:
        """One lane, by each budget of the run."""
        for budget in run.budgets:
            self._publish(run, entity, owner, budget)

    def _publish(self, run: Run, entity: Entity, owner: str, budget: Budget) -> None:
        """Fails if Xero computed other totals than predicted."""
        world = self._world
        with self._accounting(budget) as accounting:
            spec = LaneSpec(
                tenant=TENANT,
                entity=entity,
                run_id=run.run_id,
                owner=owner,
                ends_at=world.clock.now() + _LANE_TIME,
                batch_size=world.spec.publish.batch_size,
                is_migration=budget is Budget.MIGRATION,
            )
            report = Lane(
                spec,
                outbox=world.ledger.outbox,
                target=accounting,
                renamer=Renaming(world.ledger.names),
                clock=world.clock,
                sleeper=world,
                new_key=world.new_key,
            ).run()
        run.reports.append(report)
        if report.total_differences:
            world.violate("totals", f"Xero computed otherwise: {report.total_differences}")
            raise TerminalError("Xero computed other totals than predicted")
        if report.deferred_by is not None:
            world.ledger.runs.defer(run.run_id, report.deferred_by)
            raise Skipped(report.deferred_by)

    def leave(self, run: Run, error: SyncError) -> None:
        """Note that the run cannot go on for now."""
        self._world.ledger.runs.defer(run.run_id, str(error))
        raise Skipped(str(error)) from error

    def gate(self, run: Run) -> None:
        world, runs = self._world, self._world.ledger.runs
        begun = runs.begun(run.run_id)
        if begun is None:
            raise GateFailed("the run did not begin")
        deferral = gate.deferral_of(run.states, begun.reason)
        if deferral is not None:
            runs.leave_to_the_next(run.run_id)
        run.report = runs.settle(run.run_id)
        run.verdict = gate.judge(
            run.report,
            limits=world.spec.quarantine,
            linked={
                Entity.ACCOUNT: world.ledger.links.count(TENANT, Entity.CONTACT),
                Entity.OPPORTUNITY: world.ledger.links.count(TENANT, Entity.INVOICE),
            },
            task_states=run.states,
            outstanding=world.ledger.outbox.outstanding(self._scope(run).route),
            deferral=deferral,
        )
        runs.finish(run.run_id, state=run.verdict.state, verdict=run.verdict.line)

    def _scope(self, run: Run) -> Scope:
        world = self._world
        return Scope(
            spec=world.spec,
            run_id=run.run_id,
            tenant=TENANT,
            ledger=world.ledger,
            root=world.root,
            clock=world.clock,
            budget=run.budgets[0],
        )

    @contextmanager
    def _accounting(self, budget: Budget) -> Iterator[Accounting]:
        make = partial(self._world.new_accounting, budget)
        with self._borrowed(self._accountings[budget], make) as accounting:
            yield accounting

    @contextmanager
    def _salesforce(self) -> Iterator[SalesforceClient]:
        with self._borrowed(self._clients, self._world.new_salesforce) as client:
            yield client

    @contextmanager
    def _borrowed(self, idle: list[T], make: Callable[[], T]) -> Iterator[T]:
        """A client that nobody else uses meanwhile; one whose process died is never seen again."""
        client = idle.pop() if idle else make()
        try:
            yield client
        except (SyncError, Skipped):
            idle.append(client)
            raise
        idle.append(client)


def light_findings(scope: Scope, object_name: str, entity: Entity) -> Iterator[Finding]:
    """What the suites would refuse, as far as a simulated person can do it wrong."""
    staged = scope.staged(object_name)
    if entity is Entity.OPPORTUNITY:
        for source_id, close_on, is_won, is_deleted in _latest(
            staged, "CloseDate", "IsWon", "IsDeleted"
        ):
            if is_won and not is_deleted and not 2000 <= close_on.year <= 2100:
                yield _refusal(entity, source_id, "close_date_out_of_range", "CloseDate")
    if entity is Entity.OPPORTUNITY_LINE:
        for source_id, quantity, is_deleted in _latest(staged, "Quantity", "IsDeleted"):
            if not is_deleted and quantity < 0:
                yield _refusal(entity, source_id, "quantity_range", "Quantity")


def _latest(staged: Sequence[Staged], *names: str) -> Iterator[tuple[Any, ...]]:
    """The id and some columns of the newest rows, without a frame, which takes longer to make."""
    import pyarrow as pa

    from sfxero.staging.reader import STAMP, _newest, read_table

    table = read_table(staged, columns=("Id", STAMP, *names))
    rows = table.take(pa.array(_newest(table, "Id")))
    return zip(*(rows[name].to_pylist() for name in ("Id", *names)), strict=True)


def _refusal(entity: Entity, source_id: str, rule: str, field_name: str) -> Finding:
    return Finding(entity, SourceId(source_id), rule, field_name, None, "Correct it.")
