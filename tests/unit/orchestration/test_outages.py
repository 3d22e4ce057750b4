"""Which failure leaves a step to the next run, and which is one."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from sfxero.errors import (
    AuthenticationFailed,
    CircuitOpen,
    ConsentRevoked,
    IncompleteExtract,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    ServiceUnavailable,
    StagingError,
    SyncError,
)
from sfxero.model.ids import RunId
from sfxero.orchestration import outages
from sfxero.orchestration.outages import left_to_the_next_run, must_wait

RUN = RunId("demo/r1")


class Runs:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.noted: list[tuple[RunId, str]] = []

    def defer(self, run_id: RunId, reason: str) -> None:
        self.noted.append((run_id, reason))


@pytest.fixture
def runs() -> Runs:
    return Runs()


@contextmanager
def trying(
    monkeypatch: pytest.MonkeyPatch, runs: Any, *, try_number: int, max_tries: int = 2
) -> Iterator[None]:
    task = SimpleNamespace(try_number=try_number, max_tries=max_tries)
    monkeypatch.setattr(outages, "get_current_context", lambda: {"ti": task})
    with left_to_the_next_run(runs, RUN):
        yield


@pytest.mark.parametrize(
    ("error", "first", "last"),
    [
        # A spent day is not over within a run; what nobody asks for a while may be.
        (QuotaExhausted("spent", service="xero"), True, True),
        (CircuitOpen("down", service="xero", retry_after_s=600), True, True),
        (CircuitOpen("down", service="xero", retry_after_s=30), False, True),
        (ServiceUnavailable("down", service="xero"), False, True),
        (ServiceUnavailable("down", service="salesforce"), False, True),
        (NotSent("down", service="xero-identity"), False, True),
        (RateLimited("wait", service="xero"), False, True),
        # Without the ledger nothing may be sent, and nothing can be noted.
        (ServiceUnavailable("down", service="ledger"), False, False),
        (ServiceUnavailable("whose?"), False, False),
        # A person must act, or look.
        (OutcomeUnknown("sent?", service="xero"), False, False),
        (AuthenticationFailed("no", service="xero"), False, False),
        (ConsentRevoked("no", service="xero"), False, False),
        (IncompleteExtract("3 of 4", service="salesforce"), False, False),
        (StagingError("disk full"), False, False),
    ],
)
def test_the_error_decides_whether_the_next_run_goes_on(
    error: SyncError, first: bool, last: bool
) -> None:
    assert must_wait(error, is_last_try=False) is first
    assert must_wait(error, is_last_try=True) is last


def test_an_outage_is_met_again_until_the_last_try_skips_the_task(
    monkeypatch: pytest.MonkeyPatch, runs: Runs
) -> None:
    error = ServiceUnavailable("Xero is down", service="xero", status=503)
    for try_number in (1, 2):
        with (
            pytest.raises(ServiceUnavailable),
            trying(monkeypatch, runs, try_number=try_number),
        ):
            raise error
    assert runs.noted == []

    with (
        pytest.raises(AirflowSkipException, match="Xero is down") as caught,
        trying(monkeypatch, runs, try_number=3),
    ):
        raise error

    assert caught.value.__cause__ is error
    assert runs.noted == [(RUN, str(error))]


def test_other_failures_pass_even_on_the_last_try(
    monkeypatch: pytest.MonkeyPatch, runs: Runs
) -> None:
    for error in (ServiceUnavailable("gone", service="ledger"), RuntimeError("a bug")):
        with pytest.raises(type(error)), trying(monkeypatch, runs, try_number=3):
            raise error
    assert runs.noted == []


def test_a_reason_that_cannot_be_stored_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Runs):
        def defer(self, run_id: RunId, reason: str) -> None:
            raise ServiceUnavailable(f"gone: {run_id} {reason}", service="ledger")

    with (
        pytest.raises(ServiceUnavailable, match="gone"),
        trying(monkeypatch, Gone(), try_number=3),
    ):
        raise QuotaExhausted("spent", service="xero")
