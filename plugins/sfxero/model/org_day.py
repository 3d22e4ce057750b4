"""An org's rolling day: what of it is used, and what a run is going to need."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What was used of an allowance in the last 24 hours, by everyone."""

    used: int
    allowed: int


@dataclass(frozen=True, slots=True)
class OrgDay:
    """What an org says of its day; None for what it does not say."""

    calls: Allowance | None
    query_jobs: Allowance | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run needs at most, as far as can be told before it reads."""

    calls: int
    query_jobs: int
