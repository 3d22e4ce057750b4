"""Locked periods: invoices stay out of them, and those that Xero has keep the date they bear."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, date_column, flags, read_frame, text_column
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.refusals import Findings
from sfxero.mapping.spec import InvoicesSection
from sfxero.model.ids import SourceId

if TYPE_CHECKING:
    import pandas as pd

PERIOD_LOCKED: Final = "period_locked"


def locked_ids(
    opportunities: "pd.DataFrame", spec: InvoicesSection, organisation: OrganisationFacts
) -> list[str]:
    """Return the opportunities whose own date lies in a locked period."""
    last = organisation.locked_until_on
    if last is None:
        return []
    table = read_frame(opportunities)
    locked = _is_locked(date_column(table, spec.date), last)
    found: list[str] = text_column(table, "Id").filter(locked).to_pylist()
    return found


def off_locked_days(
    dates: pa.Array,
    spec: InvoicesSection,
    organisation: OrganisationFacts,
    findings: Findings,
    *,
    written: Mapping[SourceId, date],
) -> tuple[pa.Array, pa.Array]:
    """Hold invoices out of locked periods, or date them on the first day that is open.

    Returns the dates, and for each that was moved what the log shall say of it.

    `written` holds the dates of invoices that Xero has, by opportunity: a period that is locked
    later moves none of them, and refuses none whose date is still the opportunity's.
    """
    last = organisation.locked_until_on
    if last is None:
        return dates, pa.nulls(len(dates), TEXT)
    locked = _is_locked(dates, last)
    borne = pa.array([written.get(one) for one in findings.ids.to_pylist()], pa.date32())
    if spec.lock_dates == "first_open_day":
        first_open = pa.scalar(last + timedelta(days=1), pa.date32())
        moved = pc.if_else(locked, pc.coalesce(borne, first_open), dates)
        return moved, _told(moved, dates, last)
    findings.add(
        PERIOD_LOCKED,
        flags(locked) & ~flags(pc.equal(borne, dates)),
        field=spec.date,
        values=pc.cast(dates, TEXT),
        hint=hint_of(last),
    )
    return dates, pa.nulls(len(dates), TEXT)


def _told(moved: pa.Array, dates: pa.Array, last: date) -> pa.Array:
    ending = pa.scalar(f", since the organisation is locked to {last}", TEXT)
    words = (pa.scalar("dated ", TEXT), pc.cast(moved, TEXT), pa.scalar(" and not ", TEXT))
    told = pc.binary_join_element_wise(*words, pc.cast(dates, TEXT), ending, pa.scalar("", TEXT))
    return pc.if_else(pc.equal(moved, dates), pa.scalar(None, TEXT), told)


def hint_of(last: date) -> str:
    """Return what a person can do about a locked period."""
    return f"The organisation is locked to {last}: unlock it in Xero, or change the date."


def _is_locked(dates: pa.Array, last: date) -> pa.Array:
    return pc.fill_null(pc.less_equal(dates, pa.scalar(last, pa.date32())), pa.scalar(False))
