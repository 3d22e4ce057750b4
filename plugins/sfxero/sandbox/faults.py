"""The fault schedule: which request fails how, repeatable by seed."""

import random
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfxero.sandbox.xero.failures import PlainRefusal, TooManyCalls
from sfxero.sandbox.xero.replies import Reply, json_reply


class FaultKind(StrEnum):
    """How a request fails."""

    LOST_REPLY = "lost_reply"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TIMEOUT_BEFORE = "timeout_before"
    FORCE_429 = "force_429"
    LATENCY = "latency"


class FaultRule(BaseModel):
    """One line of the schedule; `path` is a regular expression searched in the path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = ".*"
    method: str | None = None
    kind: FaultKind
    count: Annotated[int, Field(ge=1)] | None = 1
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    seed: int = 0
    status: Annotated[int, Field(ge=500, le=599)] = 503
    seconds: Annotated[float, Field(ge=0)] = 1.0
    problem: str = "minute"
    retry_after_s: Annotated[int, Field(ge=0)] | None = 2

    @field_validator("path")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value


@dataclass(slots=True)
class ArmedFault:
    """A rule with its source of chance and what is left of its count."""

    rule: FaultRule
    chance: random.Random
    left: int | None
    fired: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request fails; a strike is spent."""
        rule = self.rule
        if self.left == 0 or not re.search(rule.path, path):
            return False
        if rule.method is not None and rule.method.upper() != method:
            return False
        if self.chance.random() >= rule.probability:
            return False
        self.fired += 1
        if self.left is not None:
            self.left -= 1
        return True


@dataclass(slots=True)
class FaultPlan:
    """All armed faults; the first that strikes wins."""

    armed: list[ArmedFault] = field(default_factory=list)

    def arm(self, rule: FaultRule) -> None:
        """Add a rule."""
        chance = random.Random(rule.seed)  # noqa: S311 - faults repeat by seed, nothing secret
        self.armed.append(ArmedFault(rule, chance, rule.count))

    def clear(self) -> None:
        """Drop all rules."""
        self.armed.clear()

    def pick(self, method: str, path: str) -> FaultRule | None:
        """The rule that strikes this request, if any."""
        for fault in self.armed:
            if fault.strikes(method, path):
                return fault.rule
        return None

    def as_json(self) -> list[dict[str, object]]:
        """For the control plane."""
        return [
            {**fault.rule.model_dump(mode="json"), "left": fault.left, "fired": fault.fired}
            for fault in self.armed
        ]


def refusal_for(rule: FaultRule, service: str) -> Reply:
    """The reply of a fault, in the words of the service."""
    if rule.kind is FaultKind.FORCE_429:
        retry = rule.retry_after_s if rule.problem in {"minute", "day"} else None
        return TooManyCalls(rule.problem, retry_after_s=retry).reply("")
    status = 500 if rule.kind is FaultKind.ERROR_AFTER else rule.status
    if service == "salesforce":
        code = "SERVER_UNAVAILABLE" if status == 503 else "UNKNOWN_EXCEPTION"
        return json_reply([{"message": "An unexpected error occurred.", "errorCode": code}], status)
    text = (
        "The Xero API is temporarily unavailable"
        if status == 503
        else "An error occurred in the Xero API"
    )
    return PlainRefusal(status, text).reply("")
