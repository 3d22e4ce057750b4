import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from sfxero.errors import (
    CircuitOpen,
    ConfigurationError,
    GateFailed,
    NotSent,
    QuotaExhausted,
    RateLimited,
    ServiceUnavailable,
)
from sfxero.orchestration.retry import SyncRetry


@pytest.mark.parametrize(
    ("error", "action", "delay_s"),
    [
        (QuotaExhausted("spent"), RetryAction.FAIL, None),
        (ConfigurationError("wrong"), RetryAction.FAIL, None),
        (GateFailed("lost"), RetryAction.FAIL, None),
        (RateLimited("wait", retry_after_s=7), RetryAction.RETRY, 7),
        (RateLimited("wait"), RetryAction.RETRY, 60),
        (CircuitOpen("down", retry_after_s=40), RetryAction.RETRY, 40),
        (ServiceUnavailable("down", service="xero"), RetryAction.RETRY, 30),
        (NotSent("down", service="salesforce"), RetryAction.RETRY, 30),
        # Its entries are held until the lease ends; the task's own delay is longer.
        (ServiceUnavailable("down", service="ledger"), RetryAction.DEFAULT, None),
        (RuntimeError("a bug"), RetryAction.DEFAULT, None),
    ],
)
def test_the_class_of_an_error_decides_on_another_try(
    error: Exception, action: RetryAction, delay_s: float | None
) -> None:
    decision = SyncRetry().evaluate(error, 1, 3)

    assert decision.action == action
    assert (decision.retry_delay and decision.retry_delay.total_seconds()) == delay_s
