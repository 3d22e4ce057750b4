"""Xero's aged receivables report of some contacts, against the invoices that Xero lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.model.differences import Difference, DifferenceKind
from sfxero.proof.documents import MONEY

_TOP_SHARE: Final = 2


@dataclass(frozen=True, slots=True)
class AgedContact:
    """One contact's report: what is due by document, and the sum that the invoices come to."""

    contact_id: str
    reported: Decimal
    listed: Decimal
    other_documents: Decimal
    """Credit notes, overpayments and the like, which the report counts as well."""


def in_currency(invoices: pa.Table, base_currency: str) -> pa.Table:
    """Return the invoices in the organisation's own currency; a report converts the others."""
    return invoices.filter(pc.equal(invoices["currency"], base_currency)).combine_chunks()


def owing(invoices: pa.Table, *, as_of: date) -> pa.Table:
    """Return the approved invoices that are owed on a day."""
    owed = pc.and_(
        pc.equal(invoices["status"], "AUTHORISED"),
        pc.not_equal(invoices["due"], pa.scalar(0, MONEY)),
    )
    dated = pc.less_equal(invoices["dated_on"], pa.scalar(as_of, pa.date32()))
    return invoices.filter(pc.and_(owed, dated)).combine_chunks()


def chosen_contacts(
    owed: pa.Table, ours: pa.Array, *, count: int, turn: int, again: Sequence[str] = ()
) -> list[str]:
    """Return contacts to ask for: those to ask `again`, who owe us most, and others by turns.

    A report costs a call, so that all of them would take hours where there are thousands.
    """
    of_ours = owed.filter(pc.is_in(owed["id"], ours))
    sums = of_ours.group_by("contact_id").aggregate([("due", "sum")])
    ranked = sums.sort_by([("due_sum", "descending"), ("contact_id", "ascending")])
    ids: list[str] = ranked["contact_id"].to_pylist()
    first = ids[: -(-count // _TOP_SHARE)]
    rest = ids[len(first) :]
    start = (turn * (count - len(first))) % len(rest) if rest else 0
    by_turns = (rest[start:] + rest[:start])[: count - len(first)]
    return list(dict.fromkeys([*again, *first, *by_turns]))[:count]


def contacts_of(invoices: pa.Table, invoice_ids: Sequence[str]) -> dict[str, str]:
    """Return by invoice its contact; those that are not listed are left out."""
    wanted = pa.array(invoice_ids, pa.string())
    rows = invoices.filter(pc.is_in(invoices["id"], wanted)).select(["id", "contact_id"])
    return {row["id"]: row["contact_id"] for row in rows.to_pylist()}


def compare_report(
    contact_id: str, reported: Mapping[str, Decimal], owed: pa.Table, listed: pa.Table
) -> tuple[AgedContact, list[Difference]]:
    """Hold one report against the invoices of its contact; `reported` is what is due by document.

    `listed` are all invoices in the organisation's currency: one that is not owed is not to be in
    the report. A document that no list of invoices has is a credit, which is summed apart.
    """
    rows = owed.filter(pc.equal(owed["contact_id"], contact_id)).to_pylist()
    due_by_id = {row["id"]: row["due"] for row in rows}
    named = pa.array([one for one, due in reported.items() if due], pa.string())
    not_owed = pc.invert(pc.is_in(listed["id"], owed["id"].combine_chunks()))
    settled = listed.filter(pc.and_(not_owed, pc.is_in(listed["id"], named))).to_pylist()
    compared = [*rows, *settled]
    known = {row["id"] for row in compared}
    other = sum((due for one, due in reported.items() if one not in known), Decimal(0))
    differences = [
        _difference(row, due_by_id.get(row["id"], Decimal(0)), reported.get(row["id"], Decimal(0)))
        for row in compared
    ]
    return (
        AgedContact(
            contact_id=contact_id,
            reported=sum(reported.values(), Decimal(0)),
            listed=sum(due_by_id.values(), Decimal(0)),
            other_documents=other,
        ),
        [one for one in differences if one.amount],
    )


def still_listed(unlike: Sequence[Difference], listed: pa.Table, now: pa.Table) -> list[Difference]:
    """Leave out what was paid or edited between list and report: `now` are those invoices again."""
    before, after = _standing(listed, unlike), _standing(now, unlike)
    return [one for one in unlike if after.get(one.key, before[one.key]) == before[one.key]]


def _standing(invoices: pa.Table, unlike: Sequence[Difference]) -> dict[str, tuple[str, Decimal]]:
    wanted = pa.array([one.key for one in unlike], pa.string())
    rows = invoices.filter(pc.is_in(invoices["id"], wanted)).to_pylist()
    return {row["id"]: (row["status"], row["due"]) for row in rows}


def _difference(row: Mapping[str, Any], listed: Decimal, reported: Decimal) -> Difference:
    return Difference(
        kind=DifferenceKind.AGED_DIFFERS,
        key=row["id"],
        field="AmountDue",
        source_id=None,
        target_id=row["id"],
        number=row["number"],
        salesforce=None,
        ledger=f"{listed:.2f}",
        xero=f"{reported:.2f}",
        amount=reported - listed,
        currency=row["currency"],
        dated_on=row["dated_on"],
    )
