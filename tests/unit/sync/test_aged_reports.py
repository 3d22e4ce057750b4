from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sfxero.errors import (
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RequestRejected,
    SyncError,
    UnexpectedResponse,
)
from sfxero.model.ids import TargetId
from sfxero.sync.books_reading import aged_reports, look_again

TODAY = date(2026, 11, 30)


class FailingBooks:
    """Books that give the report of one contact, and fail for all others."""

    def __init__(self, error: SyncError) -> None:
        self._error = error

    def invoices(self, **_: Any) -> Iterator[Mapping[str, Any]]:
        yield from ()

    def aged_receivables(self, contact_id: TargetId, *, on: Any) -> Mapping[str, Decimal]:
        if (contact_id, on) == ("ash", TODAY):
            return {"a": Decimal(10)}
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        RequestRejected("no such resource", status=404),
        UnexpectedResponse("no report"),
        NotSent("no connection"),
        OutcomeUnknown("no answer in time"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_report_that_xero_does_not_give_is_told_and_stops_nothing(error: SyncError) -> None:
    found, trouble = aged_reports(FailingBooks(error), ["ash", "birch"], on=TODAY)
    assert list(found) == ["ash"]
    assert trouble == f"Xero gave no report ({error.message})"


class SilentAccounting:
    """Gives no invoice, for one reason or another."""

    def __init__(self, error: SyncError) -> None:
        self._error = error

    def invoices_by_id(self, *_: Any, **__: Any) -> Any:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [QuotaExhausted("the day is over"), OutcomeUnknown("no answer in time")],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_be_looked_at_again_stops_nothing(error: SyncError) -> None:
    assert look_again(SilentAccounting(error), ["a"]).num_rows == 0  # type: ignore[arg-type] # all that it needs
