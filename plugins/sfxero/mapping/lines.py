"""Opportunity products become invoice lines."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import StagingError
from sfxero.mapping.columns import (
    STAMP,
    TEXT,
    flag_column,
    flags,
    join_filled,
    number_column,
    read_frame,
    stamp_column,
    text_column,
)
from sfxero.mapping.drafts import DraftLines
from sfxero.mapping.exchange import Exchange, convert_lines
from sfxero.mapping.line_rules import (
    LinesOf,
    bounded_amounts,
    read_account_codes,
    read_descriptions,
    read_discounts,
    read_factors,
    read_item_codes,
    read_tax_types,
    read_tracking,
    tax_rates,
)
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.refusals import Findings
from sfxero.mapping.render import (
    Json,
    json_array,
    json_array_of_one,
    json_constant,
    json_number,
    json_object,
    json_text,
)
from sfxero.mapping.spec import InvoicesSection, LinesSection, SingleLineSection
from sfxero.mapping.template import FieldPath
from sfxero.mapping.totals import FACTOR, PERCENT, Totals, group_totals, line_amounts, line_taxes
from sfxero.model.findings import Severity
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity

if TYPE_CHECKING:
    import pandas as pd

_NO_DISCOUNT: Final = pa.scalar(Decimal(0), PERCENT)


@dataclass(frozen=True, slots=True)
class PricedLines:
    """The columns of invoice lines; `owners` gives the place of each line's opportunity."""

    owners: np.ndarray
    columns: dict[str, pa.Array]
    tracking: dict[str, pa.Array]
    """Options by category."""
    totals: Totals

    def between(self, start: int, stop: int) -> "PricedLines":
        """Return the lines of the opportunities at the places from `start` to below `stop`."""
        first, last = np.searchsorted(self.owners, [start, stop])
        totals = self.totals
        return PricedLines(
            self.owners[first:last] - start,
            {name: one.slice(first, last - first) for name, one in self.columns.items()},
            {name: one.slice(first, last - first) for name, one in self.tracking.items()},
            Totals(
                sub_total=totals.sub_total.slice(start, stop - start),
                tax=totals.tax.slice(start, stop - start),
                total=totals.total.slice(start, stop - start),
            ),
        )


def newest_stamps(lines: pa.Table, ids: pa.Array, stamps: pa.Array) -> pa.Array:
    """Return, per opportunity, the greatest stamp of it and of its lines, deleted ones included."""
    places = pc.index_in(text_column(lines, "OpportunityId"), ids)
    ours = pc.is_valid(places)
    newest = _micros(stamps).copy()
    line_stamps = stamp_column(lines, "SystemModstamp").filter(ours)
    np.maximum.at(newest, places.filter(ours).to_numpy(), _micros(line_stamps))
    return pc.cast(pa.array(newest), STAMP)


def _micros(stamps: pa.Array) -> np.ndarray:
    result: np.ndarray = pc.cast(stamps, pa.int64()).to_numpy()
    return result


def own_lines(lines: pa.Table, spec: LinesSection, findings: Findings) -> LinesOf:
    """Keep the live lines of the findings' opportunities, in their order."""
    places = pc.index_in(text_column(lines, "OpportunityId"), findings.ids)
    mask = pa.array(flags(pc.is_valid(places)) & ~flag_column(lines, "IsDeleted"))
    owners = places.filter(mask)
    keys = {"owner": owners, "id": text_column(lines, "Id").filter(mask)}
    order = [("owner", "ascending"), ("id", "ascending")]
    if spec.order_by is not None:
        keys["rank"] = number_column(lines, spec.order_by).filter(mask)
        order.insert(1, ("rank", "ascending"))
    sorting = pc.sort_indices(pa.table(keys), sort_keys=order)
    _refuse_repeats(keys["id"].take(sorting))
    ordered = owners.take(sorting).to_numpy(zero_copy_only=False).astype(np.int64)
    # One copy of the lines, however many there are.
    at = pa.array(np.flatnonzero(mask)).take(sorting)
    return LinesOf(lines.take(at), ordered, findings)


def without_lines(opportunities: pa.Table, lines: LinesOf, spec: InvoicesSection) -> LinesOf:
    """Return the opportunities that have no line, as lines of themselves; refuse them if so said.

    `opportunities` are the findings' records.
    """
    findings = lines.findings
    bare = np.bincount(lines.owners, minlength=len(findings.ids)) == 0
    if spec.without_lines == "refuse":
        findings.add(
            "no_lines",
            bare,
            field="OpportunityLineItems",
            hint="Add products to the opportunity: the invoice is made of them.",
        )
        bare = np.zeros_like(bare)
    places = np.flatnonzero(bare)
    return LinesOf(opportunities.take(pa.array(places)), places, findings)


def _refuse_repeats(ids: pa.Array) -> None:
    """Refuse a frame with one line twice: neighbours once sorted, and the money would be wrong."""
    if pc.any(pc.equal(ids[1:], ids[:-1])).as_py():
        raise StagingError("a staged frame holds a line twice")


def draft_lines(
    lines: LinesOf, singles: LinesOf, spec: InvoicesSection, *, organisation: OrganisationFacts
) -> DraftLines:
    """Read and check the lines; what a rule refuses is null in the columns.

    `singles` are the opportunities without lines, each of which becomes one.
    """
    drafted = DraftLines(lines.owners, _priced(lines, _line_columns(lines, spec, organisation)))
    if spec.single_line is None:
        return drafted
    columns = _priced(singles, _single_columns(singles, spec, spec.single_line))
    return drafted.with_more(DraftLines(singles.owners, columns))


def price_lines(
    lines: DraftLines, spec: InvoicesSection, *, organisation: OrganisationFacts, count: int
) -> PricedLines:
    """Predict the totals of `count` documents from their lines."""
    owners, columns, mode = lines.owners, dict(lines.columns), spec.line_amount_types
    rates = tax_rates(columns["TaxType"], organisation)
    taxes = line_taxes(columns["LineAmount"], rates, mode=mode)
    totals = group_totals(columns["LineAmount"], taxes, owners=owners, count=count, mode=mode)
    tracking = {one.category: columns.pop(one.category) for one in spec.lines.tracking}
    return PricedLines(owners, columns, tracking, totals)


def in_own_currency(
    lines: DraftLines, exchange: Exchange, findings: Findings, *, currency: FieldPath | None
) -> DraftLines:
    """Convert the lines of documents whose currency the organisation does not have."""
    if not pc.any(pc.is_valid(exchange.divisors)).as_py():
        return lines
    divisors = exchange.divisors.take(pa.array(lines.owners))
    columns, is_piece = convert_lines(lines.columns, divisors)
    lost = pc.and_(pc.is_valid(lines.columns["LineAmount"]), pc.is_null(columns["LineAmount"]))
    findings.add_at(
        "converted_range",
        np.unique(lines.owners[flags(lost)]),
        field=currency,
        shown=None,
        hint="Correct the rate or the price: a converted line must be below ten thousand million.",
    )
    pieces = np.unique(lines.owners[is_piece])
    findings.add_at(
        "converted_as_piece",
        pieces[~findings.refused[pieces]],
        field=currency,
        shown=None,
        hint="No converted price of four decimals comes to the amount of a line: it goes as one "
        "piece, without its quantity and discount.",
        severity=Severity.WARN,
    )
    return DraftLines(lines.owners, columns)


def _line_columns(
    lines: LinesOf, spec: InvoicesSection, organisation: OrganisationFacts
) -> dict[str, pa.Array]:
    rules, taxed = spec.lines, spec.line_amount_types != "NoTax"
    return {
        "ItemCode": read_item_codes(lines, rules.item_code, organisation),
        "Description": read_descriptions(lines, rules.description),
        "Quantity": read_factors(lines, rules.quantity, name="quantity"),
        "UnitAmount": read_factors(lines, rules.unit_amount, name="unit_price"),
        "DiscountRate": read_discounts(lines, rules.discount_rate),
        "AccountCode": read_account_codes(lines, rules.account_code, organisation),
        "TaxType": read_tax_types(lines, rules.tax_type, organisation, taxed=taxed),
        **{one.category: read_tracking(lines, one, organisation) for one in rules.tracking},
    }


def _single_columns(
    singles: LinesOf, spec: InvoicesSection, rules: SingleLineSection
) -> dict[str, pa.Array]:
    """Return the columns of lines that stand for a whole opportunity; preflight knows the codes."""
    count = len(singles.owners)
    one = pa.scalar(Decimal(1), FACTOR)
    return {
        "ItemCode": pa.nulls(count, TEXT),
        "Description": read_descriptions(singles, rules.description),
        "Quantity": pa.repeat(one, count),
        "UnitAmount": read_factors(singles, spec.amount, name="unit_price"),
        "DiscountRate": pa.repeat(_NO_DISCOUNT, count),
        "AccountCode": pa.repeat(pa.scalar(rules.account_code, TEXT), count),
        "TaxType": pa.repeat(pa.scalar(rules.tax_type, TEXT), count),
        **{category.category: pa.nulls(count, TEXT) for category in spec.lines.tracking},
    }


def _priced(lines: LinesOf, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    amounts = line_amounts(columns["Quantity"], columns["UnitAmount"], columns["DiscountRate"])
    return {**columns, "LineAmount": bounded_amounts(lines, amounts)}


def render_lines(lines: PricedLines, *, kept: np.ndarray, mode: str) -> Json:
    """Return the JSON array of lines of each kept opportunity."""
    mask = pa.array(kept[lines.owners])
    columns = {name: column.filter(mask) for name, column in lines.columns.items()}
    discount = columns["DiscountRate"]
    given = pc.not_equal(discount, _NO_DISCOUNT)
    fields = {
        "Description": json_text(columns["Description"]),
        "ItemCode": json_text(columns["ItemCode"]),
        "Quantity": json_number(columns["Quantity"]),
        "UnitAmount": json_number(columns["UnitAmount"]),
        "DiscountRate": json_number(pc.if_else(given, discount, pa.scalar(None, PERCENT))),
        "AccountCode": json_text(columns["AccountCode"]),
        "TaxType": json_text(columns["TaxType"]),
        "LineAmount": json_number(columns["LineAmount"]),
    }
    if lines.tracking:
        fields["Tracking"] = _tracking(lines, mask)
    if mode == "NoTax":
        del fields["TaxType"]
    counts = np.bincount(lines.owners, minlength=len(kept))[kept]
    return json_array(json_object(fields), offsets=np.concatenate([[0], np.cumsum(counts)]))


def _tracking(lines: PricedLines, mask: pa.Array) -> Json:
    """Return the JSON array of each line's categories; null for a line that is in none."""
    elements = []
    for category, options in lines.tracking.items():
        chosen = options.filter(mask)
        fields = {"Name": json_constant(category), "Option": json_text(chosen)}
        unset = pa.scalar(None, chosen.type)
        elements.append(pc.if_else(pc.is_valid(chosen), json_object(fields), unset))
    return json_array_of_one(join_filled(elements, ","))


def line_order(lines: "pd.DataFrame", spec: LinesSection, opportunity: SourceId) -> list[str]:
    """Return the ids of one opportunity's live lines in the order of its invoice."""
    findings = Findings(Entity.OPPORTUNITY, pa.array([opportunity], TEXT))
    owned = own_lines(read_frame(lines), spec, findings)
    ids: list[str] = text_column(owned.table, "Id").to_pylist()
    return ids
