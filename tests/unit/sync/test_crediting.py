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


def test_what_is_less_is_credited_by_kind_of_line() -> None:
    before = version(line("100"), line("50", "Other"), line("0.5", "Other"))
    after = version(line("80"), line("50", "Other"))

    credit = credit_of(before, after)

    assert isinstance(credit, dict)
    assert amounts(credit) == [("Thing", Decimal(20)), ("Other", Decimal("0.5"))]
    assert credit["SubTotal"] == Decimal("20.5")


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
