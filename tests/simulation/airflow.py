"""As much of Airflow as matters: tasks in their order, tries, pools, and workers that die."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tests.simulation.scheduler import Crash, Worker
from tests.simulation.tasks import Run, Skipped, Tasks
from tests.simulation.world import World

from sfxero.errors import (
    CircuitOpen,
    NotSent,
    QuotaExhausted,
    RateLimited,
    ServiceUnavailable,
    SyncError,
)
from sfxero.model.owners import owner_name
from sfxero.model.states import Entity
from sfxero.sync.scope import ENTITY_OF

_POOL_SLOTS: Final = 5
_TRIES: Final = 3
_RETRY_S: Final = 30.0
_LANE_RETRY_S: Final = 75.0
_POKE_S: Final = 5.0
_MOST_POKES: Final = 200
# How long it takes until a dead worker is noticed.
_NOTICED_AFTER_S: Final = (1.0, 30.0, 300.0)

Body = Callable[[], object]


class TaskFailed(Exception):
    """A task is out of tries."""


class Pool:
    """The tenant's pool: no more calling tasks at once than it has slots."""

    def __init__(self, world: World, slots: int) -> None:
        self._world = world
        self._free = slots
        self._queue: deque[Callable[[], None]] = deque()

    @contextmanager
    def slot(self) -> Iterator[None]:
        while not self._free:
            self._world.scheduler.wait(self._queue.append)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
            if self._queue:
                self._queue.popleft()()


class Airflow:
    """Runs DAGs; it never dies, its workers do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks = Tasks(world)
        self._chance = world.chance("airflow")
        self._pool = Pool(world, _POOL_SLOTS)
        self._owners = 0
        self.zombie_share = 0.0
        self.skews_s: tuple[float, ...] = (0.0,)
        self.queues_s: tuple[float, ...] = (0.0,)
        self.runs: list[Run] = []

    def start(self, run: Run) -> Worker:
        """Begin a run of the sync."""
        self.runs.append(run)
        return self._world.scheduler.spawn(f"dag {run.name}", lambda: self._sync(run))

    def start_drain(self, name: str) -> Worker:
        """Begin a run that publishes what waits and reads nothing."""
        run = Run(name, kind="drain")
        return self._world.scheduler.spawn(f"dag {name}", lambda: self._drain(run))

    def _sync(self, run: Run) -> None:
        tasks = self._tasks
        try:
            self._attempt(run, "start", lambda: tasks.start(run), is_pooled=True)
            self._together([
                lambda name=name: self._extract(run, name) for name in ENTITY_OF
            ])  # fmt: skip
            self._attempt(run, "complete", lambda: tasks.complete(run))
            self._attempt(run, "suites", lambda: tasks.check(run))
            self._attempt(run, "contacts", lambda: tasks.prepare_contacts(run))
            self._attempt(run, "invoices", lambda: tasks.prepare_invoices(run))
            self._publish(run)
        except TaskFailed:
            pass
        self._gate(run)

    def _drain(self, run: Run) -> None:
        has_work: list[bool] = []
        try:
            self._attempt(run, "start", lambda: has_work.append(self._tasks.look(run)))
            if has_work[-1]:
                self._publish(run)
        except TaskFailed:
            pass
        if has_work and has_work[-1]:
            self._gate(run)

    def _extract(self, run: Run, object_name: str) -> None:
        tasks = self._tasks
        self._attempt(run, f"submit {object_name}", lambda: tasks.submit(run, object_name))
        self._attempt(run, f"wait {object_name}", lambda: self._poke(run, object_name))
        self._attempt(run, f"download {object_name}", lambda: tasks.download(run, object_name))

    def _poke(self, run: Run, object_name: str) -> None:
        for _ in range(_MOST_POKES):
            if self._tasks.is_job_done(run, object_name):
                return
            self._world.sleep(_POKE_S)
        raise SyncError("the job takes too long")

    def _publish(self, run: Run) -> None:
        """Contacts are the invoices' parents; the invoices' lanes follow only their success."""
        for entity in (Entity.CONTACT, Entity.INVOICE):
            lanes = range(self._world.spec.publish.lanes)
            self._together([
                lambda entity=entity, lane=lane: self._lane(run, entity, lane) for lane in lanes
            ])  # fmt: skip

    def _lane(self, run: Run, entity: Entity, lane: int) -> None:
        def body() -> None:
            self._owners += 1
            owner = owner_name(run.run_id, entity, lane, token=str(self._owners))
            self._tasks.publish(run, entity, owner)

        name = f"publish {entity} {lane}"
        self._attempt(run, name, body, is_pooled=True, retry_s=_LANE_RETRY_S)

    def _gate(self, run: Run) -> None:
        try:
            self._attempt(run, "gate", lambda: self._tasks.gate(run), tries=1)
        except TaskFailed:
            return

    def _together(self, branches: Sequence[Body]) -> None:
        """Run tasks side by side; TaskFailed if one of them failed, once all have ended."""
        scheduler = self._world.scheduler
        workers = [scheduler.spawn(f"branch {place}", body) for place, body in enumerate(branches)]
        for worker in workers:
            scheduler.join(worker)
        for worker in workers:
            if worker.failure is not None:
                raise worker.failure

    def _attempt(
        self,
        run: Run,
        name: str,
        body: Body,
        *,
        is_pooled: bool = False,
        tries: int = _TRIES,
        retry_s: float = _RETRY_S,
    ) -> None:
        """Try a task in fresh workers until it succeeds; TaskFailed when it is given up."""
        for number in range(1, tries + 1):
            self._world.sleep(self._chance.choice(self.queues_s) + run.queue_s)
            failure = self._try(
                f"{run.name} {name} {number}",
                lambda is_last=number == tries: self._or_leave(run, body, is_last=is_last),
                is_pooled=is_pooled,
            )
            if failure is None:
                run.states[name] = "success"
                return
            self._world.scheduler.note(f"{name} failed: {type(failure).__name__} {failure}")
            wait_s = _wait_s(failure, retry_s)
            if wait_s is None:
                break
            if number < tries:
                self._world.sleep(wait_s)
        run.states[name] = "skipped" if isinstance(failure, Skipped) else "failed"
        raise TaskFailed(name)

    def _or_leave(self, run: Run, body: Body, *, is_last: bool) -> None:
        """Let a step that its service cannot serve now be the next run's."""
        try:
            body()
        except SyncError as error:
            if not _must_wait(error, is_last=is_last):
                raise
            self._tasks.leave(run, error)

    def _try(self, name: str, body: Body, *, is_pooled: bool) -> BaseException | None:
        """Run one worker and return what it failed with; one that is lost may go on unseen."""
        if is_pooled:
            with self._pool.slot():
                return self._try(name, body, is_pooled=False)
        scheduler, chance = self._world.scheduler, self._chance
        worker = scheduler.spawn(name, body, is_mortal=True)  # type: ignore[arg-type]
        worker.skew_s = chance.choice(self.skews_s)
        patience_s = chance.uniform(1, 300) if chance.random() < self.zombie_share else None
        if not scheduler.join(worker, within_s=patience_s):
            scheduler.note(f"loses sight of {name}")
            ends_s = scheduler.elapsed() + chance.choice((5.0, 60.0, 600.0))
            scheduler.at(ends_s, lambda: setattr(worker, "is_dead", True))
            return Crash(name)
        if isinstance(worker.failure, Crash):
            self._world.sleep(chance.choice(_NOTICED_AFTER_S))
        elif not isinstance(worker.failure, SyncError | Skipped | None):
            raise worker.failure
        return worker.failure


def _wait_s(failure: BaseException, retry_s: float) -> float | None:
    """As the retry policy has it: None where another try is not worth it."""
    if isinstance(failure, QuotaExhausted | CircuitOpen | Skipped):
        return None
    if isinstance(failure, RateLimited):
        return failure.retry_after_s or 60.0
    if isinstance(failure, SyncError) and not failure.is_transient:
        return None
    return retry_s


def _must_wait(error: SyncError, *, is_last: bool) -> bool:
    if isinstance(error, CircuitOpen | QuotaExhausted):
        return True
    is_passing = isinstance(error, NotSent | RateLimited | ServiceUnavailable)
    return is_last and is_passing and error.service not in {None, "ledger"}
