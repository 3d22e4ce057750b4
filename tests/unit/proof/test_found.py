from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from sfxero.model.differences import DifferenceKind as Kind
from sfxero.proof.found import Found, Sides, shown


def found(*keys: str) -> Found:
    column = pa.array(keys)
    nothing = pa.nulls(len(keys), pa.string())
    return Found(
        {"key": column, "source_id": column, "target_id": nothing, "number": nothing,
         "currency": nothing, "dated_on": pa.nulls(len(keys), pa.date32())}
    )  # fmt: skip


def test_a_record_is_named_by_its_first_difference_and_all_are_told() -> None:
    records = found("a", "b", "c")
    records.add(Kind.INVOICE_VOIDED, np.array([True, False, False]))
    sides = Sides(xero=pa.array(["x", "y", "z"]))
    records.add(Kind.EDITED_IN_XERO, np.array([True, True, False]), sides, about="Url")
    assert [(one.kind, one.key, one.xero) for one in records.rows] == [
        (Kind.INVOICE_VOIDED, "a", None),
        (Kind.EDITED_IN_XERO, "a", "x"),
        (Kind.EDITED_IN_XERO, "b", "y"),
    ]
    kinds = list(Kind)
    assert [kinds[place] if place >= 0 else None for place in records.primary] == [
        Kind.INVOICE_VOIDED,
        Kind.EDITED_IN_XERO,
        None,
    ]


def test_a_claimed_record_is_named_without_a_row_of_its_own() -> None:
    records = found("a", "b")
    records.claim(Kind.LINK_MISSING, np.array([True, False]))
    assert (records.rows, records.named.tolist()) == ([], [True, False])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (Decimal("12.5000"), "12.50"),
        (Decimal("0.1234"), "0.1234"),
        (Decimal("-3.0000"), "-3.00"),
        (date(2026, 11, 30), "2026-11-30"),
        ("AUD", "AUD"),
    ],
)
def test_values_are_told_as_people_read_them(value: object, text: str | None) -> None:
    assert shown(value) == text
