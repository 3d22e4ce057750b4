"""The weather of a seed: which faults of services, network and ledger strike when."""

from random import Random
from typing import Any, Final

from tests.simulation.scheduler import Scheduler

from sfxero.sandbox.faults import FaultKind, FaultRule
from sfxero.sandbox.server import Sandbox

_XERO: Final = r"^/api\.xro/"
_WRITES: Final = r"/(Invoices|Contacts|CreditNotes|Allocations)$"
_SALESFORCE: Final = r"^/services/data"
_RESULTS: Final = r"/jobs/query/[^/]+/results$"
_ANYWHERE: Final = (_XERO, _XERO, _SALESFORCE, r".*")

# Where each kind strikes; a kind that is named here is drawn as often as any other.
_PLACES: Final[dict[FaultKind, tuple[tuple[str | None, str], ...]]] = {
    FaultKind.LOST_REPLY: (("PUT", _WRITES), ("PUT", _WRITES), ("POST", _WRITES), (None, r".*")),
    FaultKind.ERROR_AFTER: (("PUT", _WRITES), ("PUT", _WRITES), ("POST", _WRITES)),
    FaultKind.ERROR_BEFORE: (
        ("GET", _WRITES),
        *((None, one) for one in (*_ANYWHERE, "/connect/token$")),
    ),
    FaultKind.TIMEOUT_BEFORE: (("PUT", _WRITES), ("POST", _WRITES), (None, r".*")),
    FaultKind.PARTIAL_BATCH: (("PUT", _WRITES), ("PUT", _WRITES), ("POST", _WRITES)),
    FaultKind.TRUNCATED_JSON: (("PUT", _WRITES), ("GET", _XERO), (None, r".*")),
    FaultKind.CUT_REPLY: (("PUT", _WRITES), ("GET", _XERO), (None, r".*")),
    FaultKind.STALLED_REPLY: (("PUT", _WRITES), (None, r".*")),
    FaultKind.HTML_BODY: tuple((None, one) for one in _ANYWHERE),
    FaultKind.FORCE_429: ((None, _XERO), ("PUT", _WRITES), (None, _SALESFORCE)),
    FaultKind.OUTAGE: (
        (None, _XERO),
        ("GET", _WRITES),
        ("GET", _WRITES),
        (None, r"/services/"),
        (None, r".*"),
    ),
    FaultKind.LATENCY: (("PUT", _WRITES), ("POST", _WRITES), (None, r".*")),
    FaultKind.CLOCK_SKEW: ((None, r".*"), (None, _SALESFORCE)),
    FaultKind.TOKEN_EXPIRED: ((None, _XERO), ("PUT", _WRITES), (None, _SALESFORCE)),
    FaultKind.TOKEN_REVOKED: ((None, _XERO), ("PUT", _WRITES), (None, _SALESFORCE)),
    FaultKind.TENANT_DISCONNECTED: ((None, _XERO), ("PUT", _WRITES)),
    FaultKind.JOB_FAILED: ((None, r"/jobs/query/?$"),),
    FaultKind.SHORT_PAGE: ((None, _RESULTS),),
}
# What remains: the service's switches and what no fault rule can do.
_PROBLEMS: Final = (
    *("minute", "minute", "minute", "day"),
    *("concurrent", "appminute", "app-minute", "something new"),
)
_STATUSES: Final = (500, 502, 503, 503, 504)
_LATENCIES_S: Final = (0.05, 0.1, 0.2, 0.4)


class Weather:
    """All troubles of one seed; `clear` ends them."""

    def __init__(self, scheduler: Scheduler, sandbox: Sandbox, chance: Random) -> None:
        self._scheduler = scheduler
        self._sandbox = sandbox
        self._chance = chance
        self.is_clear = True
        # Smaller limits bind in smaller worlds; our own limiter is told of them.
        self.minute_limit = chance.choice((60, 60, 12))
        self._connection_share = 0.0
        self._commit_share = 0.0
        self._element_share = 0.0
        self._ledger_down: list[tuple[float, float]] = []
        self._slowness = chance.choice((1.0, 1.0, 3.0, 10.0))

    def arm(self, *, horizon_s: float) -> None:
        """Draw the troubles of the time until `horizon_s`."""
        chance = self._chance
        self._turn_switches()
        if chance.random() < 0.07:
            return  # a fine day: then, too, all must be well
        self.is_clear = False
        for kind in chance.sample(sorted(_PLACES), k=chance.choice((2, 3, 4, 6, 8))):
            for _ in range(chance.choice((1, 1, 2))):
                self._sandbox.faults.arm(self._rule(kind, horizon_s))
        self._trouble_processes()
        self._trouble_ledger(horizon_s)

    def clear(self) -> None:
        """End all troubles, and let people repair what they left."""
        self.is_clear = True
        self._scheduler.note("the weather clears")
        self._sandbox.faults.clear()
        self._sandbox.xero.identity.reconnect()
        self._sandbox.xero.set_switches({"day_limit": 5000})
        self._sandbox.org.change_switches({"fail_jobs": 0, "late_commit_s": 0})
        scheduler = self._scheduler
        scheduler.crash_share = scheduler.stall_share = 0.0
        self._connection_share = self._commit_share = self._element_share = 0.0
        self._ledger_down = []

    def latency_s(self) -> float:
        return self._chance.choice(_LATENCIES_S) * (1.0 if self.is_clear else self._slowness)

    def has_no_connection(self) -> bool:
        return self._happens(self._connection_share)

    def loses_element(self) -> bool:
        """Whether a reply comes without its first element."""
        return self._happens(self._element_share)

    def loses_commit(self) -> bool:
        """Whether the ledger commits and its word on it is lost."""
        return self._happens(self._commit_share)

    def fails_write(self) -> bool:
        """Whether the ledger takes a write not in at all."""
        return self._happens(self._commit_share)

    def is_ledger_down(self) -> bool:
        now_s = self._scheduler.elapsed()
        return any(begin <= now_s < end for begin, end in self._ledger_down)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def _turn_switches(self) -> None:
        """Draw how the services behave where their documentation leaves it open."""
        chance = self._chance
        switches: dict[str, Any] = {
            "minute_limit": self.minute_limit,
            "write_latency_s": chance.choice((0.0, 0.1, 0.5, 2.0)),
            "read_latency_s": chance.choice((0.0, 0.0, 0.2)),
            "idempotency_stores_400": chance.random() < 0.5,
            "idempotency_in_flight": chance.choice(("wait", "conflict")),
            "name_case_sensitive": chance.random() < 0.3,
            "problem_header": chance.random() < 0.8,
        }
        if chance.random() < 0.05:
            switches["day_limit"] = chance.choice((30, 60))
        self._sandbox.xero.set_switches(switches)
        self._sandbox.org.change_switches({
            "job_delay_s": chance.choice((0.0, 1.5, 8.0)),
            "page_cap": chance.choice((2, 5, 1000, 1000)),
            "line_edit_touches_opportunity": chance.random() < 0.7,
            "scramble_seed": chance.randrange(100),
        })  # fmt: skip

    def _trouble_processes(self) -> None:
        chance, scheduler = self._chance, self._scheduler
        scheduler.crash_share = chance.choice((0.0, 0.002, 0.01, 0.03))
        scheduler.crashes_left = chance.choice((1, 2, 5, 10))
        scheduler.stall_share = chance.choice((0.0, 0.0, 0.002, 0.01))
        scheduler.stalls_s = chance.choice(((5.0,), (5.0, 40.0), (40.0, 70.0, 400.0)))
        self._connection_share = chance.choice((0.0, 0.0, 0.01, 0.1))
        self._element_share = chance.choice((0.0, 0.0, 0.0, 0.1, 0.3))

    def _trouble_ledger(self, horizon_s: float) -> None:
        chance = self._chance
        self._commit_share = chance.choice((0.0, 0.0, 0.0, 0.005, 0.02))
        if chance.random() < 0.15:
            begin_s = chance.uniform(0, horizon_s)
            self._ledger_down = [(begin_s, begin_s + chance.choice((1, 20, 100)))]

    def _rule(self, kind: FaultKind, horizon_s: float) -> FaultRule:
        chance = self._chance
        method, path = chance.choice(_PLACES[kind])
        values: dict[str, Any] = {
            "kind": kind,
            "path": path,
            "method": method,
            "count": chance.choice((1, 1, 2, 3, 5)),
            "probability": chance.choice((0.1, 0.3, 1.0)),
            "seed": chance.randrange(1_000_000),
            "status": chance.choice(_STATUSES),
            "seconds": chance.choice((0.5, 5.0, 20.0, 40.0)),
            "problem": chance.choice(_PROBLEMS),
            "retry_after_s": chance.choice((1, 5, 30, 60)),
            "rows": chance.choice((1, 2)),
            # With late commits, ahead of time by less than the windows overlap.
            "skew_s": chance.choice((-300.0, -5.0, 5.0)),
            "after_s": chance.uniform(0, horizon_s) if chance.random() < 0.5 else 0.0,
        }
        if kind is FaultKind.OUTAGE:
            values |= {"count": None, "for_s": chance.choice((5.0, 60.0, 400.0, 4000.0))}
        if kind is FaultKind.FORCE_429 and values["problem"] == "day":
            values["retry_after_s"] = chance.choice((600, 3_600, 72_000))
        return FaultRule(**values)
