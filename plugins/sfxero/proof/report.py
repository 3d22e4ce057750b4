"""The report of one reconciliation: a page that needs nothing but itself."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup, escape

from sfxero.model.differences import KINDS, DifferenceKind
from sfxero.pages import page_template
from sfxero.proof.charts import Chart, columns, pairs
from sfxero.proof.receivables import BUCKETS, is_owed

if TYPE_CHECKING:
    from sfxero.ledger.differences import StoredDifference
    from sfxero.proof.aged import AgedContact
    from sfxero.proof.proof import Proof

_MONTHS: Final = 12
_DEBTORS: Final = 10
_MOST_ROWS: Final = 250
_STYLES: Final = ("b0", "b1", "b2", "b3", "b4")
_ZERO: Final = Decimal(0)
_AMOUNT: Final = re.compile(r"-?\d+\.\d{2}")
_CODE: Final = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """All that the page tells."""

    route: str
    organisation: str
    short_code: str | None
    org_url: str
    proof: "Proof"
    stored: "Sequence[StoredDifference]"
    aged: "Sequence[AgedContact]"
    aged_trouble: str | None
    period: tuple[date, date] | None
    as_of: date
    began_at: datetime
    ended_at: datetime
    verdict: str
    is_in_step: bool


@dataclass(frozen=True, slots=True)
class Bridge:
    """From what was won to what is invoiced, in one currency."""

    currency: str
    won: Decimal
    invoiced: Decimal
    steps: Sequence[tuple[str, int, Decimal]]


@dataclass(frozen=True, slots=True)
class Owed:
    """What customers owe in one currency."""

    currency: str
    due: Decimal
    overdue: Decimal
    chart: Chart
    buckets: Sequence[tuple[str, int, Decimal]]
    debtors: Sequence[tuple[str, int, Decimal, int]]


@dataclass(frozen=True, slots=True)
class Group:
    """The differences of one kind."""

    kind: DifferenceKind
    title: str
    next_step: str
    rows: "Sequence[StoredDifference]"
    count: int
    amounts: Sequence[tuple[str, Decimal]]
    oldest_days: int


def render(facts: ReportFacts) -> str:
    """Return the page; every value of a record or a service is escaped."""
    template = page_template(
        "sfxero.proof", "report.html.j2", {"money": money, "said": said, "marked": marked}
    )
    return template.render(
        facts=facts,
        bridges=list(_bridges(facts)),
        owed=list(what_is_owed(facts.proof.receivables)),
        months=list(_months(facts)),
        needed=_groups(facts, is_wanted=_is_open),
        explained=_groups(facts, is_wanted=_is_explained),
        accepted=_groups(facts, is_wanted=lambda one: one.accepted_at is not None),
        kinds=KINDS,
        days=lambda moment: (facts.ended_at - moment).days,
    )


def money(value: Decimal | None, *, is_signed: bool = False) -> str:
    """Return an amount with separators and cents, and a proper minus."""
    if value is None:
        return ""
    text = f"{abs(value):,.2f}"
    if value < 0:
        return f"\N{MINUS SIGN}{text}"
    return f"+{text}" if is_signed and value > 0 else text


def said(text: str | None) -> str:
    """Return what a side says; an amount as amounts are written."""
    if text is None or not _AMOUNT.fullmatch(text):
        return text or ""
    return money(Decimal(text))


def marked(text: str) -> Markup:
    """Return a text of ours with what stands between backticks set as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _bridges(facts: ReportFacts) -> Iterator[Bridge]:
    sums = facts.proof.sums
    for currency in sorted({*sums.won, *sums.invoiced} - {""}):
        yield Bridge(
            currency=currency,
            won=sums.won.get(currency, _ZERO),
            invoiced=sums.invoiced.get(currency, _ZERO),
            steps=[
                (KINDS[one.kind].title, one.records, one.amount)
                for one in sums.bridges
                if one.currency == currency
            ],
        )


def what_is_owed(rows: pa.Table) -> Iterator[Owed]:
    """Yield by currency what the receivables come to; a draft is owed by nobody yet."""
    for currency in sorted(filter(None, rows["currency"].unique().to_pylist())):
        mine = rows.filter(pc.equal(rows["currency"], currency))
        owed = mine.filter(is_owed(mine["status"], mine["due"]))
        found = {
            row["ageing_bucket"]: (row["due_count"], row["due_sum"])
            for row in owed.group_by("ageing_bucket")
            .aggregate([("due", "count"), ("due", "sum")])
            .to_pylist()
        }
        buckets = [(name, *found.get(name, (0, _ZERO))) for name in BUCKETS]
        due = sum((amount for _, _, amount in buckets), _ZERO)
        yield Owed(
            currency=currency,
            due=due,
            overdue=due - buckets[0][2],
            chart=columns(
                [
                    (name, amount, style)
                    for (name, _, amount), style in zip(buckets, _STYLES, strict=True)
                ]
            ),
            buckets=buckets,
            debtors=_debtors(owed),
        )


def _debtors(owed: pa.Table) -> list[tuple[str, int, Decimal, int]]:
    # By its id: two customers may have one name.
    sums = owed.group_by(["account_id", "account"]).aggregate(
        [("due", "count"), ("due", "sum"), ("days_overdue", "max")]
    )
    ranked = sums.sort_by([("due_sum", "descending"), ("account", "ascending")])
    return [
        (row["account"] or "an account that is gone", row["due_count"], row["due_sum"],
         row["days_overdue_max"])
        for row in ranked.slice(0, _DEBTORS).to_pylist()
    ]  # fmt: skip


def _months(facts: ReportFacts) -> Iterator[tuple[str, Chart, list[dict[str, Any]]]]:
    rows = facts.proof.sums.by("month")
    for currency in dict.fromkeys(row["currency"] for row in rows):
        mine = [row for row in rows if row["currency"] == currency and row["month"]]
        if currency and mine:
            shown = mine[-_MONTHS:]
            drawn = pairs([(row["month"], row["won"], row["invoiced"]) for row in shown])
            yield currency, drawn, shown[::-1]


def _is_open(one: "StoredDifference") -> bool:
    return not KINDS[one.difference.kind].is_explained and one.accepted_at is None


def _is_explained(one: "StoredDifference") -> bool:
    return KINDS[one.difference.kind].is_explained


def _groups(facts: ReportFacts, *, is_wanted: Any) -> list[Group]:
    """Return the differences by kind, as the kinds are told, the oldest first."""
    by_kind: dict[DifferenceKind, list[StoredDifference]] = {}
    for one in filter(is_wanted, facts.stored):
        by_kind.setdefault(one.difference.kind, []).append(one)
    return [
        _group(kind, by_kind[kind], facts.ended_at) for kind in DifferenceKind if kind in by_kind
    ]


def _group(kind: DifferenceKind, rows: "list[StoredDifference]", now: datetime) -> Group:
    amounts: dict[str, Decimal] = {}
    for one in rows:
        if one.difference.amount is not None:
            currency = one.difference.currency or ""
            amounts[currency] = amounts.get(currency, _ZERO) + one.difference.amount
    return Group(
        kind=kind,
        title=KINDS[kind].title,
        next_step=KINDS[kind].next_step,
        rows=rows[:_MOST_ROWS],
        count=len(rows),
        amounts=sorted(amounts.items()),
        oldest_days=max((now - one.first_seen_at).days for one in rows),
    )
