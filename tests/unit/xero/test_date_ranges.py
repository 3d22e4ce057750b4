"""Ranges of times: cut at midnights, then at seconds, without a gap or an overlap."""

from datetime import UTC, datetime

import pytest

from sfxero.xero.date_ranges import ALL_CHANGES, ChangeRange


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_all_times_are_asked_for_by_no_clause() -> None:
    assert ALL_CHANGES.where() == {}
    assert ALL_CHANGES.is_whole


def test_halves_meet_at_a_midnight_and_keep_open_ends() -> None:
    first, second = ALL_CHANGES.halves() or pytest.fail("it can be cut")

    assert first == ChangeRange(None, second.first)
    assert second.end is None
    assert (second.first or at("2026-11-22")).time() == at("2026-11-22").time()
    assert "DateTime(2044,12,31)" in first.where()["where"]


def test_a_day_is_cut_at_seconds_until_one_is_left() -> None:
    left, cuts = ChangeRange(at("2026-11-22"), at("2026-11-23")), 0
    while halves := left.halves():
        first, left = halves
        assert first.end == left.first
        cuts += 1

    assert cuts < 20
    assert left.where()["where"] == (
        "UpdatedDateUTC>=DateTime(2026,11,22,23,59,59) AND UpdatedDateUTC<DateTime(2026,11,23)"
    )
