from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.contract.ledger.making import CONTACT, ROUTE, START

from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.model.ids import RunId
from sfxero.model.states import Entity, WindowState

pytestmark = pytest.mark.contract


def _at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def _open(
    ledger: Ledger,
    run: str,
    hours: tuple[float | None, float],
    *,
    moves: bool = True,
    entity: Entity = CONTACT,
) -> int:
    start, end = hours
    return ledger.windows.open(
        RunId(run),
        ROUTE,
        entity,
        from_at=None if start is None else _at(start),
        to_at=_at(end),
        moves_watermark=moves,
    )


def _prepare(ledger: Ledger, *window_ids: int) -> datetime | None:
    for window_id in window_ids:
        ledger.windows.mark_staged(window_id, manifest="m.json", row_count=1)
    ledger.windows.mark_prepared(window_ids)
    return ledger.windows.watermark(ROUTE, CONTACT)


def test_a_window_keeps_bounds_job_and_manifest(ledger: Ledger) -> None:
    window_id = _open(ledger, "r1", (None, 1))
    ledger.windows.attach_job(window_id, job_id="750x", api_version="v62.0")
    ledger.windows.mark_staged(window_id, manifest="m.json", row_count=7)
    window = ledger.windows.get(window_id)
    assert (window.from_at, window.to_at, window.moves_watermark) == (None, _at(1), True)
    assert (window.job_id, window.api_version) == ("750x", "v62.0")
    assert (window.manifest, window.row_count) == ("m.json", 7)
    assert window.state is WindowState.STAGED
    assert ledger.windows.of_run(RunId("r1")) == [window]


def test_opening_again_starts_the_same_window_anew(ledger: Ledger) -> None:
    window_id = _open(ledger, "r1", (0, 1))
    ledger.windows.attach_job(window_id, job_id="750x", api_version="v62.0")
    ledger.windows.mark_staged(window_id, manifest="m.json", row_count=7)
    assert _open(ledger, "r1", (0, 2)) == window_id
    window = ledger.windows.get(window_id)
    assert (window.state, window.to_at) == (WindowState.OPEN, _at(2))
    assert (window.job_id, window.manifest, window.row_count) == (None, None, None)


def test_the_watermark_is_the_end_of_what_is_prepared(ledger: Ledger) -> None:
    assert ledger.windows.watermark(ROUTE, CONTACT) is None
    assert _prepare(ledger, _open(ledger, "r1", (None, 1))) == _at(1)
    assert _prepare(ledger, _open(ledger, "r2", (0.5, 2))) == _at(2)
    assert ledger.windows.watermark(ROUTE, Entity.INVOICE) is None


def test_the_watermark_never_goes_back(ledger: Ledger) -> None:
    older = _open(ledger, "r1", (None, 1))
    _prepare(ledger, _open(ledger, "r2", (None, 2)))
    assert _prepare(ledger, older) == _at(2)


def test_the_watermark_never_jumps_a_gap(ledger: Ledger) -> None:
    _prepare(ledger, _open(ledger, "r1", (None, 1)))
    assert _prepare(ledger, _open(ledger, "r2", (3, 4))) == _at(1)


def test_a_restricted_window_leaves_the_watermark_alone(ledger: Ledger) -> None:
    assert _prepare(ledger, _open(ledger, "r1", (None, 1), moves=False)) is None


def test_preparing_all_or_nothing(ledger: Ledger) -> None:
    staged = _open(ledger, "r1", (None, 1))
    unstaged = _open(ledger, "r1", (None, 1), entity=Entity.INVOICE)
    ledger.windows.mark_staged(staged, manifest="m.json", row_count=1)
    with pytest.raises(LedgerError, match="from open to prepared"):
        ledger.windows.mark_prepared([staged, unstaged])
    assert ledger.windows.watermark(ROUTE, CONTACT) is None
    assert ledger.windows.get(staged).state is WindowState.STAGED


def test_preparing_twice_is_once(ledger: Ledger) -> None:
    window_id = _open(ledger, "r1", (None, 1))
    _prepare(ledger, window_id)
    ledger.windows.mark_prepared([window_id])
    assert ledger.windows.get(window_id).state is WindowState.PREPARED


def test_a_prepared_window_cannot_be_staged_again(ledger: Ledger) -> None:
    window_id = _open(ledger, "r1", (None, 1))
    _prepare(ledger, window_id)
    with pytest.raises(LedgerError, match="prepared or superseded"):
        ledger.windows.mark_staged(window_id, manifest="other.json", row_count=1)


def test_windows_that_are_not_there_are_refused_by_name(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"no windows \[9\]"):
        ledger.windows.mark_prepared([9])
    with pytest.raises(LedgerError, match="no window 9"):
        ledger.windows.get(9)


def test_only_windows_that_a_later_run_covers_are_superseded(ledger: Ledger) -> None:
    covered = _open(ledger, "r1", (0, 1))
    reaches_back = _open(ledger, "r2", (-5, 1))
    restricted = _open(ledger, "r3", (0, 1), moves=False)
    other_entity = _open(ledger, "r1", (0, 1), entity=Entity.INVOICE)
    _open(ledger, "r4", (-1, 2))
    assert ledger.windows.supersede_unprepared(ROUTE, before_run=RunId("r4")) == 1
    assert ledger.windows.get(covered).state is WindowState.SUPERSEDED
    for window_id in (reaches_back, restricted, other_entity):
        assert ledger.windows.get(window_id).state is WindowState.OPEN


def test_moments_keep_their_microseconds_and_become_utc(ledger: Ledger) -> None:
    east = datetime(2026, 11, 1, 10, 0, 0, 1, tzinfo=timezone(timedelta(hours=10)))
    window_id = ledger.windows.open(
        RunId("r1"), ROUTE, CONTACT, from_at=None, to_at=east, moves_watermark=True
    )
    to_at = ledger.windows.get(window_id).to_at
    assert to_at.isoformat() == datetime(2026, 11, 1, 0, 0, 0, 1, tzinfo=UTC).isoformat()


def test_a_moment_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="aware datetimes only"):
        ledger.windows.open(
            RunId("r1"),
            ROUTE,
            CONTACT,
            from_at=None,
            to_at=START.replace(tzinfo=None),
            moves_watermark=True,
        )
