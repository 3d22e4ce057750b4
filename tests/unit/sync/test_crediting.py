"""The difference of two versions of an invoice, as the lines of a credit note."""

import json
from decimal import Decimal
from typing import Any

import pytest

from sfxero.sync.crediting import credit_of, same_sale


def line(amount: str, text: str = "Thing", **more: Any) -> dict[str, Any]:
    return {"Description": text, "AccountCode": "200", "LineAmount": float(amount), **more}


def version(*lines: dict[str, Any], **heads: Any) -> str:
    known = {"LineAmountTypes": "Exclusive", "Date": "2026-11-20", "InvoiceNumber": "SF-1"}
    return json.dumps({**known, **heads, "LineItems": lines})


def amounts(credit: Any) -> list[tuple[str, Decimal]]:
    return [(one["Description"], one["LineAmount"]) for one in credit["LineItems"]]


def test_each_line_that_is_less_has_a_line_of_its_own() -> None:
    before = version(line("100"), line("50", "Other"), line("0.5", "Other"), line("0.5", "Other"))
    after = version(line("80"), line("50", "Other"))

    credit = credit_of(before, after)

    assert isinstance(credit, dict)
    half = Decimal("0.5")
    assert amounts(credit) == [("Thing", Decimal(20)), ("Other", half), ("Other", half)]
    assert credit["SubTotal"] == Decimal(21)


def sale(pieces: int, price: str, **more: Any) -> dict[str, Any]:
    amount = str(more.pop("amount", pieces * Decimal(price)))
    return line(amount, ItemCode="I-1", Quantity=pieces, UnitAmount=float(price), **more)


@pytest.mark.parametrize(
    ("former", "wished", "told"),
    [
        (sale(3, "10"), None, ("I-1", 3, 10)),
        (sale(3, "10"), sale(2, "10"), ("I-1", 1, 10)),
        (sale(3, "10"), sale(3, "9"), (None, 1, 3)),
        (sale(3, "10"), sale(2, "9"), (None, 1, 12)),
        (sale(3, "10", amount="15", DiscountRate=50), None, (None, 1, 15)),
    ],
    ids=["gone", "a piece less", "a lower price", "both", "at a discount"],
)
def test_only_pieces_that_are_not_sold_go_back_on_stock(
    former: dict[str, Any], wished: dict[str, Any] | None, told: tuple[str | None, int, int]
) -> None:
    rest = line("5", "Other")

    credit = credit_of(version(former, rest), version(*filter(None, (wished, rest))))

    assert isinstance(credit, dict)
    (found,) = credit["LineItems"]
    assert (found.get("ItemCode"), found["Quantity"], found["UnitAmount"]) == told


def test_no_piece_goes_back_on_stock_where_another_line_takes_its_place() -> None:
    credit = credit_of(version(sale(3, "10")), version(sale(2, "10", Tracking=[{"Name": "R"}])))

    assert isinstance(credit, dict)
    assert [one.get("ItemCode") for one in credit["LineItems"]] == [None, None]


def test_lines_that_are_split_are_not_the_same_sale() -> None:
    before, after = version(line("100")), version(line("50"), line("50"))

    assert not same_sale(before, after)
    assert credit_of(before, after) == "its lines changed, and not its amount"


def test_a_line_that_is_new_is_charged_in_the_same_credit_note() -> None:
    credit = credit_of(version(line("100")), version(line("30", "Other")))

    assert isinstance(credit, dict)
    assert amounts(credit) == [("Thing", Decimal(100)), ("Other", Decimal(-30))]
    assert credit["SubTotal"] == Decimal(70)


def test_prices_with_tax_are_checked_with_tax() -> None:
    heads = {"LineAmountTypes": "Inclusive"}
    credit = credit_of(version(line("11"), **heads), version(line("5.5"), **heads))

    assert isinstance(credit, dict)
    assert credit["Total"] == Decimal("5.5")
    assert "SubTotal" not in credit


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (None, version(line("1")), "not known"),
        (version(line("1")), version(line("2")), "rose"),
        (version(line("1")), version(line("1", "Other")), "not its amount"),
        (version(line("2")), version(line("1"), Date="2026-11-21"), "changed: Date"),
        (version(line("2")), version(line("1"), Reference="R"), "changed: Reference"),
        (version(line("2")), version(line("1"), InvoiceNumber="SF-2"), "changed: InvoiceNumber"),
    ],
    ids=["nothing before", "more", "other words", "date", "reference", "number"],
)
def test_what_a_credit_note_cannot_make_good_is_said(
    before: str | None, after: str, why: str
) -> None:
    found = credit_of(before, after)
    assert isinstance(found, str)
    assert why in found


def test_a_revision_of_the_number_is_no_change() -> None:
    assert same_sale(version(line("1"), InvoiceNumber="SF-1-R2"), version(line("1")))
    assert not same_sale(version(line("1")), version(line("2")))
    assert not same_sale(None, version(line("2")))
