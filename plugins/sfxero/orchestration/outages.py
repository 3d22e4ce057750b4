"""A step meets a service that is down, or whose day is spent: it is skipped, its run deferred."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from sfxero.errors import (
    CircuitOpen,
    NotSent,
    QuotaExhausted,
    RateLimited,
    ServiceUnavailable,
    SyncError,
)
from sfxero.model.ids import RunId

if TYPE_CHECKING:
    from sfxero.ledger.runs import Runs

log = logging.getLogger(__name__)

_AT_LAST: Final = (NotSent, RateLimited, ServiceUnavailable)
"""Often over in a moment, so the task's own tries come first."""
_NOT_A_SERVICE: Final = frozenset({None, "ledger"})
"""Without the ledger nothing may be sent or noted: that is a failure."""
_PATIENCE_S: Final = 120.0
"""For how long a task waits until a service that is believed down is asked again."""


def must_wait(error: SyncError, *, is_last_try: bool) -> bool:
    """Say whether the step is to be left to a later run, and nobody has to do anything."""
    if isinstance(error, QuotaExhausted):
        return True
    if isinstance(error, CircuitOpen):
        return is_last_try or error.retry_after_s > _PATIENCE_S
    return is_last_try and isinstance(error, _AT_LAST) and error.service not in _NOT_A_SERVICE


@contextmanager
def left_to_the_next_run(runs: "Runs", run_id: RunId) -> Iterator[None]:
    """Skip the task, with the reason noted in the ledger, if its service takes no calls for now."""
    try:
        yield
    except SyncError as error:
        if not must_wait(error, is_last_try=_is_last_try()):
            raise
        leave(runs, run_id, reason=str(error), cause=error)


def leave(runs: "Runs", run_id: RunId, *, reason: str, cause: SyncError | None = None) -> None:
    """Note why the run cannot go on for now, and skip the task."""
    runs.defer(run_id, reason)
    log.warning("step_deferred reason=%s", reason)
    raise AirflowSkipException(f"deferred: {reason}") from cause


def _is_last_try() -> bool:
    task = get_current_context()["ti"]
    return task.try_number > task.max_tries
