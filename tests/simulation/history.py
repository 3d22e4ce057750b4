"""One seed from the first row to rest: runs, people and troubles, and then the promises."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from tests.simulation import invariants
from tests.simulation.actors import Bookkeeper, Salesperson
from tests.simulation.airflow import Airflow
from tests.simulation.attendant import Attendant
from tests.simulation.scheduler import Stuck, Worker
from tests.simulation.tasks import Run
from tests.simulation.world import OVERLAP_S, World, demo_spec, quick_files, repeatable_ids

from sfxero.model.states import Measure
from sfxero.sync.history import Interval

_HORIZON_S: Final = 200.0
# After this, leases have ended, late commits are visible, and retries are due.
_REST_S: Final = 700.0
_LONG_REST_S: Final = 90_000.0
_MOST_ROUNDS: Final = 8
_READ_ANEW_SHARE: Final = 0.3
_LONG_SHARE: Final = 0.4
_ON_CHANGE: Final = (
    *("update", "update", "reissue", "reissue", "credit_note", "credit_note"),
    *("update_while_draft", "ask"),
)
_ON_REOPEN: Final = ("list", "list", "void", "void", "ask")
_HASTY_SHARE: Final = 0.2
_UNDISTURBED_SHARE: Final = 0.7
_HASTE_S: Final = 50.0
_MOST_HASTY_RUNS: Final = 12
# What a wide overlap reads again, and so repairs, would hide what went wrong; clocks may go wrong
# by less.
_HASTY_OVERLAP_S: Final = 10
_UNDISTURBED_OVERLAP_S: Final = 3


class Person(Protocol):
    """Somebody who does something now and then."""

    def act(self) -> None:
        """Do one thing."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed."""

    seed: int
    violations: tuple[str, ...]
    digest: str
    log: tuple[str, ...]
    runs: int
    calls: int
    virtual_s: float
    took_s: float


def simulate(seed: int) -> Outcome:
    """Live through one seed."""
    started = time.perf_counter()
    ids = World.chance_of(seed, "ids")
    with repeatable_ids(ids), quick_files():
        world = World(seed)
        try:
            history = History(world)
            history.live()
        finally:
            world.close()
    return Outcome(
        seed=seed,
        violations=tuple(dict.fromkeys(world.violations)),
        digest=world.scheduler.digest(),
        log=tuple(world.scheduler.log),
        runs=len(history.airflow.runs),
        calls=len(world.sandbox.journal.entries()),
        virtual_s=world.scheduler.elapsed(),
        took_s=time.perf_counter() - started,
    )


class History:
    """The director of one seed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance("director")
        self._haste = world.chance("haste")
        self._is_hasty = self._haste.random() < _HASTY_SHARE
        # Few runs get far enough to meet if much goes wrong.
        self._is_undisturbed = self._is_hasty and self._haste.random() < _UNDISTURBED_SHARE
        self._salesperson = Salesperson(world)
        self._bookkeeper = Bookkeeper(world)
        self._attendant = Attendant(world)
        self._drivers: list[Worker] = []
        policy = world.chance("policy")
        world.spec = demo_spec(
            self._chance.choice((1, 2, 3)),
            self._chance.choice((1, 2, 3, 5, 50)),
            on_change=policy.choice(_ON_CHANGE),
            on_reopen=policy.choice(_ON_REOPEN),
            overlap_s=self._overlap_s(),
        )
        # Some live longer, and change again what has been invoiced.
        self._is_long = policy.random() < _LONG_SHARE
        self._horizon_s = _HORIZON_S * (4 if self._is_long else 1)
        self.airflow = Airflow(world)

    def live(self) -> None:
        """Run everything to its end and check the promises."""
        world = self._world
        invariants.watch_writes(world)
        director = world.scheduler.spawn("director", self._direct)
        try:
            world.scheduler.run()
        except Stuck as stuck:
            world.violate("at rest", str(stuck))
            return
        for worker in (director, *self._drivers):
            if worker.failure is not None:
                world.violate("no surprises", _told(worker.failure))
        invariants.check(world, self.airflow.runs)

    def _direct(self) -> None:
        self._salesperson.fill()
        self._bookkeeper.fill()
        if self._is_hasty:
            self._world.weather.minute_limit = 60  # with fewer calls a run is no hasty one
        self._world.weather.arm(horizon_s=self._horizon_s)
        if self._is_hasty:
            self._run_in_haste()
        else:
            self._set_dangers()
            self._spawn_people()
            self._run_some()
        self._join(self._drivers)
        self._world.weather.clear()
        self._set_write_latency(0.1)
        self.airflow.queues_s = (0.0,)
        self._come_to_rest()

    def _overlap_s(self) -> int:
        if self._is_undisturbed:
            return _UNDISTURBED_OVERLAP_S
        return _HASTY_OVERLAP_S if self._is_hasty else OVERLAP_S

    def _set_dangers(self) -> None:
        """Zombies and clocks that differ are dangers of processes, as crashes are."""
        if self._world.weather.is_clear:
            return
        self.airflow.zombie_share = self._chance.choice((0.0, 0.0, 0.0, 0.05))
        queues_s = ((0.0,), (0.0, 1.0), (0.0, 0.0, 10.0, 200.0, 400.0))
        self.airflow.queues_s = self._chance.choice(queues_s)
        self.airflow.skews_s = self._chance.choice(((0.0,), (0.0,), (-1.0, 0.0, 1.0)))

    def _spawn_people(self) -> None:
        most = 40 if self._is_long else 10
        people = ((self._salesperson, most), (self._bookkeeper, 3), (self._attendant, 4))
        for person, most in people:
            self._spawn(person, self._chance.randint(0, most))

    def _spawn(self, person: Person, count: int, *, within_s: float | None = None) -> None:
        horizon_s = self._horizon_s if within_s is None else within_s

        def live() -> None:
            for _ in range(count):
                self._world.sleep(self._chance.expovariate(count / horizon_s))
                person.act()

        name = type(person).__name__.lower()
        self._drivers.append(self._world.scheduler.spawn(name, live))

    def _run_some(self) -> None:
        """Runs one after the other or across each other, and now and then a drain."""
        chance, world = self._chance, self._world
        runs: list[Worker] = []
        counts = (3, 4, 4, 5) if self._is_long else (1, 2, 2, 3)
        for number in range(chance.choice(counts)):
            overlaps = chance.random() < 0.35
            # A person who reads all anew waits until nothing else runs.
            run = Run(f"run{number}", is_full=not overlaps and chance.random() < 0.15)
            if run.is_full:
                self._join(runs)
            driver = self.airflow.start(run)
            runs.append(driver)
            self._drivers.append(driver)
            if chance.random() < 0.3:
                self._drivers.append(self.airflow.start_drain(f"drain{number}"))
            if chance.random() < 0.3:
                past = Run(f"past{number}", kind="history", history=self._past())
                past.queue_s = self._haste.choice((0.0, 0.0, 15.0, 60.0))
                self._drivers.append(self.airflow.start(past))
            if overlaps:
                world.sleep(chance.choice((5.0, 15.0, 60.0, 150.0, 150.0)))
            else:
                world.scheduler.join(driver)
                world.sleep(chance.choice((1.0, 90.0, 600.0)))

    def _run_in_haste(self) -> None:
        """Runs across each other while writes take long and people change their minds."""
        chance, world = self._haste, self._world
        if self._is_undisturbed:
            world.weather.clear()
        self._join_in_turn(lambda: self.airflow.start(Run("run0")))
        # The last is more than clients wait: what they give up goes on, and counts as under way.
        self._set_write_latency(chance.choice((20.0, 25.0, 40.0)))
        self._salesperson.keeps_changing_her_mind()
        for _ in range(3):
            self._spawn(self._salesperson, chance.randint(2, 4), within_s=_HASTE_S)
        people = self._drivers[-3:]
        if chance.random() < 0.6:
            past = Run("past", kind="history", history=self._past())
            past.queue_s = chance.choice((20.0, 30.0))
            self._drivers.append(self.airflow.start(past))
        for number in range(1, _MOST_HASTY_RUNS):
            # The last begins when nobody changes anything more: what it does, no other repairs.
            is_last = all(one.is_done for one in people)
            self._drivers.append(self.airflow.start(Run(f"run{number}")))
            if is_last:
                break
            world.sleep(chance.choice((12.0, 16.0, 25.0)))

    def _set_write_latency(self, seconds: float) -> None:
        if self._is_hasty:
            self._world.sandbox.xero.set_switches({"write_latency_s": seconds})

    def _past(self) -> Interval:
        """A stretch of the past: some weeks of close dates, or what changed before now."""
        now_at = self._world.scheduler.moment()
        day = datetime(2026, 11, 1, tzinfo=UTC)
        return self._chance.choice((
            Interval(day, day + timedelta(days=30), Measure.CLOSE_DATE),
            Interval(day, day + timedelta(days=20), Measure.CLOSE_DATE),
            Interval(day, now_at, Measure.STAMP),
        ))  # fmt: skip

    def _read_all_anew(self, before: tuple[Any, ...]) -> None:
        """What is in step stays so: there is nothing that the runs have missed."""
        run = Run("anew", is_full=True)
        self._join_in_turn(lambda: self.airflow.start(run))
        if run.is_whole and invariants.fingerprint(self._world) != before:
            self._world.violate("at rest", "reading all anew changes something")

    def _join_in_turn(self, *starts: Callable[[], Worker]) -> None:
        for start in starts:
            self._drivers.append(start())
            self._join(self._drivers[-1:])

    def _join(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            self._world.scheduler.join(worker)

    def _come_to_rest(self) -> None:
        """Run until a run changes nothing."""
        world = self._world
        rest_s = _REST_S
        for number in range(_MOST_ROUNDS):
            world.sleep(rest_s)
            if number == 0 and self._chance.random() < 0.5:
                self._attendant.replay_all()
            self._attendant.approve_all()
            before = invariants.fingerprint(world)
            run = Run(f"rest{number}")
            self._join_in_turn(
                lambda run=run: self.airflow.start(run),
                lambda number=number: self.airflow.start_drain(f"drain after rest{number}"),
            )
            if run.is_whole and invariants.fingerprint(world) == before:
                if self._chance.random() < _READ_ANEW_SHARE:
                    self._read_all_anew(before)
                return
            rest_s = _REST_S if run.is_whole else _LONG_REST_S
        world.violate("at rest", f"after {_MOST_ROUNDS} fair runs something still changes")


def _told(failure: BaseException) -> str:
    """The failure and where it happened: nobody expected it, so it is an error of the code."""
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"{type(failure).__name__} at {where}: {failure}"


def briefly(seed: int) -> Outcome:
    """Live through a seed and keep no log of it; here, since other processes import it."""
    return replace(simulate(seed), log=())
