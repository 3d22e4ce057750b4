"""Whether a failed call is worth another try, and after how long: pure decisions."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from sfxero.errors import (
    AuthenticationFailed,
    NotSent,
    RateLimited,
    ServiceUnavailable,
    SyncError,
)


class Step(StrEnum):
    """What to do next."""

    RETRY = "retry"
    RENEW_TOKEN = "renew_token"  # noqa: S105 - a word, not a token
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of patience inside one task; anything longer is the next run's matter."""

    attempts: int = 5
    base_s: float = 0.5
    longest_wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call failed; `is_token_renewed` says that a new token was tried already."""

    failure: SyncError
    is_token_renewed: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step, and the wait before it."""

    step: Step
    delay_s: float = 0.0


_GIVE_UP = Decision(Step.GIVE_UP)


def decide(outcome: Outcome, *, attempt: int, policy: RetryPolicy, random: Random) -> Decision:
    """Return what follows the `attempt`-th try, counted from 1, of a call that may be repeated.

    OutcomeUnknown is never repeated here: only a look-up can tell what became of it.
    """
    failure = outcome.failure
    if isinstance(failure, AuthenticationFailed):
        return _GIVE_UP if outcome.is_token_renewed else Decision(Step.RENEW_TOKEN)
    if attempt >= policy.attempts:
        return _GIVE_UP
    if not isinstance(failure, NotSent | ServiceUnavailable | RateLimited):
        return _GIVE_UP
    asked_s = failure.retry_after_s or 0.0 if isinstance(failure, RateLimited) else 0.0
    if asked_s > policy.longest_wait_s:
        return _GIVE_UP
    ceiling_s = min(policy.longest_wait_s, policy.base_s * 2 ** (attempt - 1))
    return Decision(Step.RETRY, max(asked_s, random.uniform(0.0, ceiling_s)))
