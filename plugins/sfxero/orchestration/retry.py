"""When Airflow tries a task again: the error's class decides."""

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from sfxero.errors import QuotaExhausted, RateLimited, SyncError


class SyncRetry(RetryPolicy):
    """Fail at once on terminal errors and spent quotas; wait as told on short limits."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,
    ) -> RetryDecision:
        """Judge one failed try."""
        if isinstance(exception, QuotaExhausted):
            return RetryDecision.fail("the quota is spent; the next run goes on")
        if isinstance(exception, RateLimited):
            wait = timedelta(seconds=exception.retry_after_s or 60)
            return RetryDecision.retry(delay=wait, reason="a short limit was met")
        if isinstance(exception, SyncError) and not exception.is_transient:
            return RetryDecision.fail("another try, unchanged, cannot succeed")
        return RetryDecision.default()
