"""Due dates by the route's payment terms."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import NUMBER, flags, number_column
from sfxero.mapping.refusals import Findings
from sfxero.mapping.spec import MOST_DUE_DAYS, DueSection

_DAY: Final = "datetime64[D]"
_MONTH: Final = "datetime64[M]"
_ONE_DAY: Final = np.timedelta64(1, "D")
_ONE_MONTH: Final = np.timedelta64(1, "M")
_MONDAY: Final = 3
"""The weekday of 1970-01-05, counted from 1970-01-01, a Thursday."""


def due_dates(table: pa.Table, dates: pa.Array, spec: DueSection, findings: Findings) -> pa.Array:
    """Return the due date of each invoice date; null where that is null or the terms are wrong."""
    days = _days(table, spec, findings)
    known = flags(pc.and_(pc.is_valid(dates), pc.is_valid(days)))
    # Days since 1970, as Arrow keeps dates.
    invoiced = _numbers(pc.cast(dates, pa.int32())).astype(_DAY)
    counts = _numbers(days)
    due = _off_weekends(_by_terms(invoiced, counts, spec), spec)
    return pa.array(due.astype(_DAY), pa.date32(), mask=~known)


def _numbers(values: pa.Array) -> np.ndarray:
    filled: np.ndarray = pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return filled


def _days(table: pa.Table, spec: DueSection, findings: Findings) -> pa.Array:
    """Return the days of each record: its own where the route names a field and it is filled."""
    given = pa.repeat(pa.scalar(spec.days, pa.int64()), table.num_rows)
    if spec.days_from is None:
        return given
    own = number_column(table, spec.days_from)
    lowest = 1 if spec.terms in {"day_of_month", "day_of_next_month"} else 0
    highest = 31 if lowest else MOST_DUE_DAYS
    wrong = pc.or_(
        pc.not_equal(own, pc.floor(own)),
        pc.or_(
            pc.less(own, pa.scalar(lowest, NUMBER)), pc.greater(own, pa.scalar(highest, NUMBER))
        ),
    )
    findings.add(
        "due_days_invalid",
        flags(wrong),
        field=spec.days_from,
        values=own,
        hint=f"Enter whole days from {lowest} to {highest}, or leave the field empty.",
    )
    usable = pc.if_else(pc.fill_null(wrong, pa.scalar(True)), pa.scalar(None, NUMBER), own)
    counts = pc.cast(usable, pa.int64())
    refused = pa.array(flags(wrong))
    return pc.if_else(refused, pa.scalar(None, pa.int64()), pc.coalesce(counts, given))


def _by_terms(dates: np.ndarray, days: np.ndarray, spec: DueSection) -> np.ndarray:
    months = dates.astype(_MONTH)
    match spec.terms:
        case "after_date":
            return dates + days * _ONE_DAY
        case "after_month_end":
            return _last_day(months) + days * _ONE_DAY
        case "day_of_next_month":
            return _day_in(months + _ONE_MONTH, days)
        case "day_of_month":
            this_month = _day_in(months, days)
            return np.where(this_month < dates, _day_in(months + _ONE_MONTH, days), this_month)


def _day_in(months: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return a day of each month; one that the month does not have is its last."""
    wanted: np.ndarray = months.astype(_DAY) + (days - 1) * _ONE_DAY
    clipped: np.ndarray = np.minimum(wanted, _last_day(months))
    return clipped


def _last_day(months: np.ndarray) -> np.ndarray:
    last: np.ndarray = (months + _ONE_MONTH).astype(_DAY) - _ONE_DAY
    return last


def _off_weekends(dates: np.ndarray, spec: DueSection) -> np.ndarray:
    """Move dates that fall on a weekend, as the route says."""
    if spec.on_weekend == "keep":
        return dates
    weekday = (dates.astype(np.int64) + _MONDAY) % 7
    beyond_friday = np.maximum(weekday - 4, 0)
    is_forward = spec.on_weekend == "next_monday"
    moved = np.where(beyond_friday > 0, 3 - beyond_friday, 0) if is_forward else -beyond_friday
    result: np.ndarray = dates + moved * _ONE_DAY
    return result
