"""What a comparison is about: all links, or those of a period; and what its lists lack."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.proof.documents import text
from sfxero.proof.owners import named_by_url, short_ids


def within(
    links: pa.Table, opportunity_ids: Any, invoices: pa.Table, *, period: tuple[date, date]
) -> pa.Table:
    """Return the links that a period is about: by either record, or by the day agreed on.

    So are those of opportunities that an invoice of the period names, which may be their second.
    """
    first, last = (pa.scalar(day, pa.date32()) for day in period)
    days = links["dated_on"]
    in_period = pc.and_(pc.greater_equal(days, first), pc.less_equal(days, last))
    known = pc.or_(
        pc.is_in(links["source_id"], text(opportunity_ids)),
        pc.is_in(links["id"], text(invoices["id"])),
    )
    named = named_by_url(text(invoices["url"])).drop_null()
    known = pc.or_(known, pc.is_in(short_ids(text(links["source_id"])), named))
    return links.filter(pc.or_(known, pc.fill_null(in_period, True))).combine_chunks()


def missing_opportunities(links: pa.Table, staged: pa.Table) -> list[str]:
    """Return the opportunities of links that were not read."""
    return _lacking(links["source_id"], text(staged["Id"]))


def missing_invoices(links: pa.Table, invoices: pa.Table) -> list[str]:
    """Return the invoices of links that were not read."""
    return _lacking(links["id"], text(invoices["id"]))


def joined(table: pa.Table, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Return the table with further rows of its schema."""
    further = pa.Table.from_batches(batches, schema=table.schema)
    return pa.concat_tables([table, further]).combine_chunks()


def _lacking(wanted: Any, known: pa.Array) -> list[str]:
    missing: list[str] = wanted.filter(pc.invert(pc.is_in(wanted, known))).unique().to_pylist()
    return sorted(missing)
