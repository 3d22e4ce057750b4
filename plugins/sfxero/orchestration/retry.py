"""When Airflow tries a task again: the error's class decides."""

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import RetryDecision, RetryPolicy

from sfxero.errors import CircuitOpen, QuotaExhausted, RateLimited, SyncError

_SOON: Final = timedelta(seconds=30)
_LEDGER: Final = "ledger"


class SyncRetry(RetryPolicy):
    """Fail at once where another try would meet the same; wait as told on short limits."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,
    ) -> RetryDecision:
        """Judge one failed try."""
        if not isinstance(exception, SyncError):
            return RetryDecision.default()
        if isinstance(exception, QuotaExhausted):
            return RetryDecision.fail("the quota is spent; the next run goes on")
        if not exception.is_transient:
            return RetryDecision.fail("another try, unchanged, cannot succeed")
        if isinstance(exception, RateLimited | CircuitOpen):
            wait = timedelta(seconds=exception.retry_after_s or 60)
            return RetryDecision.retry(delay=wait, reason="told when to come again")
        if exception.service == _LEDGER:
            # Nothing could be given back to it, so the lease must be outlived as after a crash.
            return RetryDecision.default()
        return RetryDecision.retry(delay=_SOON, reason="a service failed for a moment")
