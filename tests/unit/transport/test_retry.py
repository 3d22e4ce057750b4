import pytest

from sfxero.clock import seeded_random
from sfxero.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from sfxero.transport.retry import Decision, Outcome, RetryPolicy, Step, decide

POLICY = RetryPolicy(attempts=3, base_s=1.0, longest_wait_s=10.0)


def _decide(outcome: Outcome, attempt: int = 1, seed: int = 1) -> Decision:
    return decide(outcome, attempt=attempt, policy=POLICY, random=seeded_random(seed))


@pytest.mark.parametrize(
    ("outcome", "attempt", "step"),
    [
        (Outcome(NotSent("x")), 1, Step.RETRY),
        (Outcome(ServiceUnavailable("x")), 2, Step.RETRY),
        (Outcome(RateLimited("x")), 1, Step.RETRY),
        (Outcome(RateLimited("x", retry_after_s=10.0)), 1, Step.RETRY),
        (Outcome(RateLimited("x", retry_after_s=10.1)), 1, Step.GIVE_UP),
        (Outcome(ServiceUnavailable("x")), 3, Step.GIVE_UP),
        (Outcome(NotSent("x")), 3, Step.GIVE_UP),
        (Outcome(OutcomeUnknown("x")), 1, Step.GIVE_UP),
        (Outcome(QuotaExhausted("x")), 1, Step.GIVE_UP),
        (Outcome(AuthenticationFailed("x")), 1, Step.RENEW_TOKEN),
        (Outcome(AuthenticationFailed("x")), 3, Step.RENEW_TOKEN),
        (Outcome(AuthenticationFailed("x"), is_token_renewed=True), 1, Step.GIVE_UP),
        (Outcome(PermissionDenied("x")), 1, Step.GIVE_UP),
        (Outcome(RequestRejected("x")), 1, Step.GIVE_UP),
        (Outcome(UnexpectedResponse("x")), 1, Step.GIVE_UP),
        (Outcome(ConfigurationError("x")), 1, Step.GIVE_UP),
    ],
)
def test_next_step_follows_from_failure_and_attempt(outcome, attempt, step):
    assert _decide(outcome, attempt).step is step


def test_wait_is_spread_over_a_doubling_range_up_to_the_bound():
    policy = RetryPolicy(attempts=9, base_s=1.0, longest_wait_s=10.0)
    for attempt, ceiling in ((1, 1.0), (3, 4.0), (5, 10.0), (8, 10.0)):
        waits = [
            decide(
                Outcome(ServiceUnavailable("x")),
                attempt=attempt,
                policy=policy,
                random=seeded_random(seed),
            ).delay_s
            for seed in range(200)
        ]
        assert all(0.0 <= wait <= ceiling for wait in waits)
        assert max(waits) > 0.9 * ceiling
        assert min(waits) < 0.1 * ceiling


def test_wait_is_never_shorter_than_the_service_asks():
    waits = [
        _decide(Outcome(RateLimited("x", retry_after_s=5.0)), seed=n).delay_s for n in range(50)
    ]
    assert min(waits) >= 5.0
