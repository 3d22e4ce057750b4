"""Lines held against the opportunity's amount; what a small difference does, the route says."""

from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import NUMBER, TEXT, flags, number_column
from sfxero.mapping.drafts import DraftLines
from sfxero.mapping.money_rules import RoundingLineSection
from sfxero.mapping.refusals import Findings, take
from sfxero.mapping.spec import InvoicesSection
from sfxero.mapping.totals import AMOUNT, FACTOR, document_sums
from sfxero.model.findings import Severity

_WIDE: Final = pa.decimal128(37, 18)
"""Amounts of 18 digits fit, and so does their difference in 38."""


def balance(
    table: pa.Table, lines: DraftLines, spec: InvoicesSection, findings: Findings
) -> tuple[DraftLines, pa.Array]:
    """Refuse what the lines do not add up to; return the lines, and a note per rounded document.

    `table` has the findings' records. Without all of its lines, a document's sum says nothing, so
    those that are refused already are passed over.
    """
    amounts = number_column(table, spec.amount)
    findings.add(
        "amount_missing",
        flags(pc.is_null(amounts)),
        field=spec.amount,
        hint="Without an amount there is nothing to check the lines against.",
    )
    priced = {"amount": lines.columns["LineAmount"]}
    (sums,) = document_sums(priced, owners=lines.owners, count=len(amounts))
    gaps = pc.subtract(pc.cast(amounts, _WIDE), pc.cast(sums, _WIDE))
    differs = flags(pc.not_equal(gaps, pa.scalar(Decimal(0), NUMBER))) & ~findings.refused
    is_small = flags(_is_small(gaps, spec))
    _report(findings, sums, amounts, spec, differs=differs, is_small=is_small)
    rounded = differs & is_small
    notes = pc.if_else(pa.array(rounded), _note(gaps), pa.scalar(None, TEXT))
    if spec.rounding.line is not None and rounded.any():
        lines = lines.with_more(_rounding_lines(lines, gaps, rounded, spec.rounding.line))
    return lines, notes


def _is_small(gaps: pa.Array, spec: InvoicesSection) -> pa.Array:
    """Say which differences the route lets go; a line of its own can only be one of cents."""
    small = pc.less_equal(pc.abs(gaps), pa.scalar(spec.rounding.tolerance, pa.decimal128(3, 2)))
    if spec.rounding.line is None:
        return small
    return pc.and_(small, pc.equal(gaps, pc.round(gaps, ndigits=2)))


def _report(
    findings: Findings,
    sums: pa.Array,
    amounts: pa.Array,
    spec: InvoicesSection,
    *,
    differs: np.ndarray,
    is_small: np.ndarray,
) -> None:
    name = "total" if spec.line_amount_types == "Inclusive" else "subtotal"

    def both(mask: np.ndarray) -> list[str]:
        places = np.flatnonzero(mask)
        pairs = zip(take(sums, places), take(amounts, places), strict=True)
        return [
            f"predicted {name} {ours}, {spec.amount} {theirs.normalize():f}"
            for ours, theirs in pairs
        ]

    beyond, within = differs & ~is_small, differs & is_small
    findings.add_at(
        "total_mismatch",
        np.flatnonzero(beyond),
        field=spec.amount,
        shown=both(beyond),
        hint="Correct the products or the amount so that they agree to the cent.",
    )
    goes = "stays with the lines" if spec.rounding.line is None else "is a line of its own"
    findings.add_at(
        "amount_rounded",
        np.flatnonzero(within),
        field=spec.amount,
        shown=both(within),
        hint=f"The difference is within the route's tolerance and {goes}.",
        severity=Severity.WARN,
    )


def _note(gaps: pa.Array) -> pa.Array:
    """Say by how much the amount is more than the lines."""
    cents = pc.cast(pc.round(gaps, ndigits=4), pa.decimal128(24, 4))
    return pc.binary_join_element_wise(
        pa.scalar("amount less lines ", TEXT), pc.cast(cents, TEXT), pa.scalar("", TEXT)
    )


def _rounding_lines(
    lines: DraftLines, gaps: pa.Array, rounded: np.ndarray, rule: RoundingLineSection
) -> DraftLines:
    """Return a line for each difference."""
    owners = np.flatnonzero(rounded)
    amounts = pc.cast(pc.round(gaps.filter(pa.array(rounded)), ndigits=2), AMOUNT)
    columns = {
        name: pa.nulls(len(owners), column.type) for name, column in lines.columns.items()
    } | {
        "Description": pa.repeat(pa.scalar(rule.description, TEXT), len(owners)),
        "Quantity": pa.repeat(pa.scalar(Decimal(1), FACTOR), len(owners)),
        "UnitAmount": pc.cast(amounts, FACTOR),
        "DiscountRate": pa.repeat(
            pa.scalar(Decimal(0), lines.columns["DiscountRate"].type), len(owners)
        ),
        "AccountCode": pa.repeat(pa.scalar(rule.account_code, TEXT), len(owners)),
        "TaxType": pa.repeat(pa.scalar(rule.tax_type, TEXT), len(owners)),
        "LineAmount": amounts,
    }
    return DraftLines(owners, columns)
