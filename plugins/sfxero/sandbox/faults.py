"""The fault schedule: which request fails how, repeatable by seed."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sfxero.clock import SystemClock
from sfxero.sandbox.salesforce.switches import ChunkFailureCode


class FaultKind(StrEnum):
    """How a request fails; the documentation says in detail what each one does."""

    # Before anything is done.
    ERROR_BEFORE = "error_before"
    TIMEOUT_BEFORE = "timeout_before"
    FORCE_429 = "force_429"
    HTML_BODY = "html_body"
    OUTAGE = "outage"
    # After all, or a part, is done.
    LOST_REPLY = "lost_reply"
    REFRESH_REPLY_LOST = "refresh_reply_lost"
    ERROR_AFTER = "error_after"
    PARTIAL_BATCH = "partial_batch"
    # The reply arrives damaged.
    TRUNCATED_JSON = "truncated_json"
    EMPTY_BODY = "empty_body"
    CUT_REPLY = "cut_reply"
    STALLED_REPLY = "stalled_reply"
    SHORT_PAGE = "short_page"
    # The reply is whole, but late or dated wrongly.
    LATENCY = "latency"
    CLOCK_SKEW = "clock_skew"
    # The service itself is in another state from now on, or for this request.
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a name
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a name
    TENANT_DISCONNECTED = "tenant_disconnected"
    JOB_FAILED = "job_failed"
    ROW_LOCKED = "row_locked"
    CHUNK_FAILED = "chunk_failed"
    LATE_COMMIT = "late_commit"


_TOKEN_PATHS = r"/connect/token$|/services/oauth2/token$"  # noqa: S105 - a path
_ROW_WRITES = r"/services/data/v[^/]+/(sobjects|composite|jobs/ingest)"
_SERVICE_CALLS = r"^/api\.xro/|^/services/data/v"
# Where a kind strikes if the rule does not say: elsewhere it could do nothing.
USUAL_PATHS = {
    FaultKind.REFRESH_REPLY_LOST: _TOKEN_PATHS,
    FaultKind.TOKEN_EXPIRED: _SERVICE_CALLS,
    FaultKind.TOKEN_REVOKED: _SERVICE_CALLS,
    FaultKind.TENANT_DISCONNECTED: r"^/api\.xro/",
    FaultKind.PARTIAL_BATCH: r"^/api\.xro/",
    FaultKind.JOB_FAILED: r"/jobs/(query|ingest)/?$",
    FaultKind.ROW_LOCKED: _ROW_WRITES,
    FaultKind.CHUNK_FAILED: _ROW_WRITES,
    FaultKind.LATE_COMMIT: r"/services/data/v[^/]+/(sobjects|composite)",
    FaultKind.SHORT_PAGE: r"/jobs/query/[^/]+/results$",
}
_WRITES_ONLY = frozenset(
    {
        FaultKind.PARTIAL_BATCH,
        FaultKind.ROW_LOCKED,
        FaultKind.CHUNK_FAILED,
        FaultKind.LATE_COMMIT,
    }
)
WRITES = frozenset({"POST", "PUT", "PATCH"})


class FaultRule(BaseModel):
    """One line of the schedule; `path` is a regular expression searched in the path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    path: str = ".*"
    method: str | None = None
    count: Annotated[int, Field(ge=1)] | None = 1
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    seed: int = 0
    status: Annotated[int, Field(ge=400, le=599)] = 503
    seconds: Annotated[float, Field(ge=0)] = 1.0
    problem: str = "minute"
    retry_after_s: Annotated[int, Field(ge=0)] | None = 2
    rows: Annotated[int, Field(ge=1)] = 1
    code: ChunkFailureCode = "UNABLE_TO_LOCK_ROW"
    skew_s: float = 300.0
    # On the sandbox's clock, counted from the moment of arming.
    after_s: Annotated[float, Field(ge=0)] = 0.0
    for_s: Annotated[float, Field(gt=0)] | None = None

    @field_validator("path")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, given: object) -> object:
        """An outage has no count but an end; some kinds make sense on some paths only."""
        if not isinstance(given, dict):
            return given
        kind = str(given.get("kind"))
        usual: dict[str, object] = {}
        if kind == FaultKind.OUTAGE:
            usual = {"count": None, "for_s": 60.0}
        if kind in set(USUAL_PATHS):
            usual["path"] = USUAL_PATHS[FaultKind(kind)]
        return usual | given


@dataclass(slots=True)
class ArmedFault:
    """A rule with its source of chance and what is left of its count."""

    rule: FaultRule
    chance: random.Random
    armed_at: datetime
    left: int | None
    fired: int = 0

    def strikes(self, method: str, path: str, now: datetime) -> bool:
        """Whether this request fails; a strike is spent."""
        rule = self.rule
        if self.left == 0 or not self._is_open(now) or not re.search(rule.path, path):
            return False
        if rule.method is not None and rule.method.upper() != method:
            return False
        if rule.kind in _WRITES_ONLY and method not in WRITES:
            return False
        if self.chance.random() >= rule.probability:
            return False
        self.fired += 1
        if self.left is not None:
            self.left -= 1
        return True

    def _is_open(self, now: datetime) -> bool:
        opens_at = self.armed_at + timedelta(seconds=self.rule.after_s)
        if now < opens_at:
            return False
        return self.rule.for_s is None or now < opens_at + timedelta(seconds=self.rule.for_s)


@dataclass(slots=True)
class FaultPlan:
    """All armed faults; the first that strikes wins."""

    now: Callable[[], datetime] = SystemClock().now
    armed: list[ArmedFault] = field(default_factory=list)

    def arm(self, rule: FaultRule) -> None:
        """Add a rule."""
        chance = random.Random(rule.seed)  # noqa: S311 - faults repeat by seed, nothing secret
        self.armed.append(ArmedFault(rule, chance, self.now(), rule.count))

    def clear(self) -> None:
        """Drop all rules."""
        self.armed.clear()

    def pick(self, method: str, path: str) -> FaultRule | None:
        """The rule that strikes this request, if any."""
        if not self.armed:
            return None
        now = self.now()
        for fault in self.armed:
            if fault.strikes(method, path, now):
                return fault.rule
        return None

    def as_json(self) -> list[dict[str, object]]:
        """For the control plane."""
        return [
            {
                **fault.rule.model_dump(mode="json"),
                "armed_at": fault.armed_at.isoformat(),
                "left": fault.left,
                "fired": fault.fired,
            }
            for fault in self.armed
        ]
