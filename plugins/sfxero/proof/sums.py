"""Sums by contact, currency and month: what Salesforce won, what Xero holds, and what names it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.model.differences import Difference, DifferenceKind
from sfxero.proof.documents import MONEY, one_piece, text
from sfxero.proof.found import Found
from sfxero.proof.pairs import Pairs, minus

_GROUP: Final = ("contact_id", "currency", "month")
_SUMS: Final = ("won", "invoiced", "named", "records")
_CENT: Final = Decimal("0.01")
_NOBODY: Final = pa.scalar("", pa.string())


@dataclass(frozen=True, slots=True)
class Bridge:
    """One step from what Salesforce won to what Xero holds, in one currency."""

    currency: str
    kind: DifferenceKind
    records: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Sums:
    """The groups as a table, their totals by currency, and the steps between both sides."""

    groups: pa.Table
    won: dict[str, Decimal]
    invoiced: dict[str, Decimal]
    bridges: list[Bridge]

    def unexplained(self) -> list[Difference]:
        """Return a difference for each group whose gap is not that of its named records."""
        gap = minus(self.groups["invoiced"], self.groups["won"])
        left = minus(gap, self.groups["named"])
        rows = self.groups.append_column("left", left)
        return [
            Difference(
                kind=DifferenceKind.UNEXPLAINED,
                key=f"{row['contact_id'] or 'no contact'} {row['currency']} {row['month']}",
                field="sum",
                source_id=None,
                target_id=row["contact_id"] or None,
                number=None,
                salesforce=f"{row['won']:.2f}",
                ledger=None,
                xero=f"{row['invoiced']:.2f}",
                amount=row["left"],
                currency=row["currency"],
                dated_on=_first_day(row["month"]),
            )
            for row in rows.filter(pc.not_equal(left, pa.scalar(0, MONEY))).to_pylist()
        ]

    def by(self, name: str) -> list[dict[str, Any]]:
        """Return the sums by currency and `month`, or `contact_id`, in order."""
        rows: list[dict[str, Any]] = _summed(self.groups, ["currency", name]).to_pylist()
        return rows


def sum_up(pairs: Pairs, found: Found, strays: pa.Table, found_strays: Found) -> Sums:
    """Add up both sides; a record that has a difference carries its gap as named."""
    won = pairs.flag("s_scoped")
    live = pairs.is_invoiced
    parts = [
        _side(pairs["s_contact_id"], pairs["s_currency"], pairs["s_closed_on"],
              amounts=pairs["s_amount"], counts=won, found=found, is_won=True,
              is_first=np.ones(len(pairs), dtype=bool)),
        _side(pairs["x_contact_id"], pairs["x_currency"], pairs["x_dated_on"],
              amounts=pairs["x_amount"], counts=live, found=found, is_won=False, is_first=~won),
        _side(text(strays["contact_id"]), text(strays["currency"]), one_piece(strays["dated_on"]),
              amounts=one_piece(strays["amount"]), counts=np.ones(strays.num_rows, dtype=bool),
              found=found_strays, is_won=False, is_first=~found_strays.claimed),
    ]  # fmt: skip
    rows = pa.concat_tables(parts)
    totals = _summed(rows, ["currency"]).to_pylist()
    return Sums(
        groups=_summed(rows, list(_GROUP)),
        won={one["currency"]: one["won"] for one in totals},
        invoiced={one["currency"]: one["invoiced"] for one in totals},
        bridges=_bridges(rows),
    )


def _summed(rows: pa.Table, keys: list[str]) -> pa.Table:
    """Return the sums of each group, in order; sums of money stay as narrow as money is."""
    sums = rows.group_by(keys).aggregate([(name, "sum") for name in _SUMS])
    columns = {name: sums[name] for name in keys}
    columns |= {name: pc.cast(sums[f"{name}_sum"], rows.schema.field(name).type) for name in _SUMS}
    return pa.table(columns).sort_by([(name, "ascending") for name in keys]).combine_chunks()


def _side(
    contacts: pa.Array,
    currencies: pa.Array,
    days: pa.Array,
    *,
    amounts: pa.Array,
    counts: np.ndarray,
    found: Found,
    is_won: bool,
    is_first: np.ndarray,
) -> pa.Table:
    """Return one side's amounts as rows; the other side's columns are nothing.

    A record of both sides is counted once, where it `is_first`.
    """
    nothing = pa.scalar(0, MONEY)
    kept = pa.array(counts)
    amounts = pc.fill_null(amounts.filter(kept), nothing)
    zeroes = pa.repeat(nothing, len(amounts))
    effect = minus(zeroes, amounts) if is_won else amounts
    named = pa.array(found.named[counts])
    return pa.table(
        {
            "contact_id": pc.fill_null(contacts.filter(kept), _NOBODY),
            "currency": pc.fill_null(currencies.filter(kept), _NOBODY),
            "month": pc.fill_null(pc.strftime(days.filter(kept), format="%Y-%m"), _NOBODY),
            "won": amounts if is_won else zeroes,
            "invoiced": zeroes if is_won else amounts,
            "effect": effect,
            "named": pc.if_else(named, effect, nothing),
            "records": pa.array(np.full(len(amounts), int(is_won)), pa.int64()),
            "counted": pa.array(is_first[counts].astype(np.int64)),
            "kind": pa.array(found.primary[counts], pa.int16()),
        }
    )


def _bridges(rows: pa.Table) -> list[Bridge]:
    """Return, for each kind of difference, what it makes between both sides."""
    named = rows.filter(pc.greater_equal(rows["kind"], 0))
    steps = named.group_by(["currency", "kind"]).aggregate([("effect", "sum"), ("counted", "sum")])
    known = list(DifferenceKind)
    return [
        Bridge(row["currency"], known[row["kind"]], row["counted_sum"], row["effect_sum"])
        for row in steps.sort_by([("currency", "ascending"), ("kind", "ascending")]).to_pylist()
        if row["effect_sum"]
    ]


def _first_day(month: str) -> date | None:
    return date.fromisoformat(f"{month}-01") if month else None
