"""Xero's dates become aware UTC moments and calendar days."""

from datetime import UTC, date, datetime

import pytest

from sfxero.errors import UnexpectedResponse
from sfxero.xero.dates import parse_xero_date, parse_xero_day


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("/Date(1795312800123+0000)/", datetime(2026, 11, 22, 2, 0, 0, 123_000, tzinfo=UTC)),
        ("/Date(1795312800123+1300)/", datetime(2026, 11, 22, 2, 0, 0, 123_000, tzinfo=UTC)),
        ("/Date(1795312800000)/", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("/Date(-1000)/", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-11-22T00:00:00", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T02:00:00Z", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("2026-11-22T02:00:00+02:00", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-02T21:14:03.4417330", datetime(2026, 11, 2, 21, 14, 3, 441_733, tzinfo=UTC)),
    ],
)
def test_both_forms_are_read_as_utc(text: str, moment: datetime) -> None:
    assert parse_xero_date(text) == moment
    assert parse_xero_date(text).tzinfo is UTC


def test_a_document_date_keeps_its_day_whatever_the_offset_says() -> None:
    assert parse_xero_day("/Date(1795305600000+1300)/") == date(2026, 11, 22)


@pytest.mark.parametrize("text", ["", "tomorrow", "/Date(99999999999999999)/", "2026-13-01"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UnexpectedResponse):
        parse_xero_date(text)
