"""Virtual time, and the one place that decides which worker goes on: always the same by seed."""

import asyncio
import hashlib
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from contextvars import Context
from datetime import datetime, timedelta
from random import Random
from typing import Any

import greenlet

LONGEST_LOG = 20_000
MOST_EVENTS = 200_000


class Crash(BaseException):
    """The worker's process is gone: nothing that it might still do may have an effect."""


class Stuck(Exception):
    """Workers wait and nothing is left that could wake them."""


class Worker:
    """One process of ours, or one person; it runs until it hands over."""

    def __init__(
        self,
        name: str,
        body: Callable[[], object],
        *,
        hub: greenlet.greenlet,
        is_mortal: bool,
    ) -> None:
        self.name = name
        self.is_mortal = is_mortal
        self.is_dead = False
        self.is_done = False
        self.skew_s = 0.0
        self.stalls_until_s = 0.0
        """When its last stall is over: what it looked at before may have changed by then."""
        self.ledger_failed_at_s = -1.0
        """When the ledger did not take in, or did not say that it took in, what it wrote last."""
        self.failure: BaseException | None = None
        self.strand = greenlet.greenlet(self._run, hub)
        self._body = body
        self.waiters: list[Callable[[], None]] = []

    def _run(self) -> None:
        try:
            self._body()
        except BaseException as failure:  # noqa: BLE001 - whoever waits for the worker judges it
            self.failure = failure
        self.is_done = True
        for wake in self.waiters:
            wake()


class Scheduler:
    """Runs workers one at a time; `point` is where they hand over, stall or die."""

    def __init__(self, chance: Random, *, start_at: datetime) -> None:
        self.chance = chance
        self.loop = VirtualLoop(self)
        self.crash_share = 0.0
        self.stall_share = 0.0
        self.switch_share = 0.5
        self.crashes_left = 0
        self.stalls_s: tuple[float, ...] = (5.0,)
        self.is_atomic = False
        self.log: deque[str] = deque(maxlen=LONGEST_LOG)
        self._digest = hashlib.sha256()
        self._start_at = start_at
        self._now_s = 0.0
        self._hub = greenlet.getcurrent()
        self._current: Worker | None = None
        self._ready: deque[Worker] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._serials = itertools.count()
        self._living: set[Worker] = set()

    # Time.

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._now_s

    def moment(self, skew_s: float = 0.0) -> datetime:
        """The true time, or that of a clock which goes wrong by so much."""
        return self._start_at + timedelta(seconds=self._now_s + skew_s)

    def sleep(self, seconds: float) -> None:
        """Let others go on until `seconds` have passed."""
        worker = self._current
        if worker is None:
            raise RuntimeError("only a worker can sleep")
        self.at(self._now_s + max(seconds, 0.0), lambda: self._ready.append(worker))
        self._hand_over(worker)

    def at(self, when_s: float, action: Callable[[], None]) -> None:
        """Do something at a moment."""
        heapq.heappush(self._timers, (when_s, next(self._serials), action))

    # Workers.

    @property
    def current(self) -> Worker | None:
        """Who runs now."""
        return self._current

    def spawn(self, name: str, body: Callable[[], object], *, is_mortal: bool = False) -> Worker:
        """Start a worker; it runs when it is chosen."""
        worker = Worker(name, body, hub=self._hub, is_mortal=is_mortal)
        self._living.add(worker)
        self._ready.append(worker)
        return worker

    def join(self, worker: Worker, *, within_s: float | None = None) -> bool:
        """Wait for a worker's end, at most so long; says whether it has ended."""
        if worker.is_done:
            return True
        return self.wait(worker.waiters.append, within_s=within_s) or worker.is_done

    def wait(
        self, tell_me: Callable[[Callable[[], None]], object], *, within_s: float | None = None
    ) -> bool:
        """Wait until what is handed to `tell_me` is called; False if the time ran out first."""
        me, woken = self._current, []
        if me is None:
            raise RuntimeError("only a worker can wait")

        def wake(why: str) -> None:
            if not woken:
                woken.append(why)
                self._ready.append(me)

        tell_me(lambda: wake("called"))
        if within_s is not None and not woken:
            self.at(self._now_s + within_s, lambda: wake("late"))
        self._hand_over(me)
        return woken == ["called"]

    def point(self, what: str) -> None:
        """Before or after an effect of the current worker: it may hand over, stall or die here."""
        me = self._current
        if me is None:
            return
        if self.is_atomic:
            raise RuntimeError(f"{what} inside a transaction of {me.name}")
        self.note(what)
        if me.is_dead:
            raise Crash(me.name)
        chance = self.chance.random()
        if me.is_mortal and chance < self.crash_share and self.crashes_left:
            self.crashes_left -= 1
            me.is_dead = True
            self.note("dies")
            raise Crash(me.name)
        if me.is_mortal and chance > 1 - self.stall_share:
            stall_s = self.chance.choice(self.stalls_s)
            self.note(f"stalls for {stall_s} s")
            me.stalls_until_s = self._now_s + stall_s
            self.sleep(stall_s)
        elif self._ready and self.chance.random() < self.switch_share:
            self._ready.append(me)
            self._hand_over(me)
        if me.is_dead:
            raise Crash(me.name)

    def run(self) -> None:
        """Let all go on until every worker has ended; Stuck if some wait for ever."""
        for _ in range(MOST_EVENTS):
            self.loop.turn()
            if self._ready:
                self._resume(self._choose())
            elif self._timers:
                self._pass_time()
            else:
                break
        else:
            raise Stuck("there is no end to it")
        if self._living:
            names = sorted(worker.name for worker in self._living)
            raise Stuck(f"workers wait for ever: {names}")

    # The log.

    def note(self, what: str) -> None:
        """Add a line to the log, whose digest tells two histories apart."""
        who = self._current.name if self._current else "-"
        line = f"{self._now_s:.3f} {who}: {what}"
        self._digest.update(line.encode())
        self.log.append(line)

    def digest(self) -> str:
        """The fingerprint of all that has happened."""
        return self._digest.hexdigest()

    def _choose(self) -> Worker:
        if len(self._ready) > 1:
            self._ready.rotate(-self.chance.randrange(len(self._ready)))
        return self._ready.popleft()

    def _resume(self, worker: Worker) -> None:
        self._current = worker
        worker.strand.switch()
        self._current = None
        if worker.is_done:
            self._living.discard(worker)

    def _hand_over(self, _worker: Worker) -> None:
        self._hub.switch()

    def _pass_time(self) -> None:
        """Go to the next moment at which something happens, and do all of it."""
        self._now_s = max(self._now_s, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now_s:
            heapq.heappop(self._timers)[2]()


class VirtualLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as the sandbox's routes need, on the scheduler's time."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._steps: deque[asyncio.Handle] = deque()

    def turn(self) -> None:
        """Carry out all steps that are due, unless they are being carried out already."""
        if asyncio._get_running_loop() is not None:
            return
        asyncio._set_running_loop(self)
        try:
            while self._steps:
                step = self._steps.popleft()
                if not step.cancelled():
                    step._run()
        finally:
            asyncio._set_running_loop(None)

    def time(self) -> float:
        return self._scheduler.elapsed()

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._steps.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._scheduler.at(when, lambda: self._steps.append(handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **_options: Any) -> "asyncio.Task[Any]":
        return asyncio.Task(coro, loop=self)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise RuntimeError(f"the sandbox failed: {context}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: a cancelled handle does not run."""
