from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from sfxero.proof.aged import (
    chosen_contacts,
    compare_report,
    contacts_of,
    in_currency,
    owing,
    still_listed,
)
from sfxero.proof.documents import INVOICE

TODAY = date(2026, 11, 30)


def invoices(*rows: tuple[str, str, str], **fields: Any) -> pa.Table:
    """Approved invoices: id, contact and what is due."""
    common = {"status": "AUTHORISED", "currency": "AUD", "dated_on": date(2026, 11, 1), **fields}
    return pa.Table.from_pylist(
        [
            {"id": one, "number": one, "contact_id": contact, "due": Decimal(due), **common}
            for one, contact, due in rows
        ],
        schema=INVOICE,
    )


def test_a_report_that_says_the_same_has_no_difference() -> None:
    owed = invoices(("a", "ash", "10.00"), ("b", "ash", "5.50"), ("c", "birch", "7"))
    aged, differences = compare_report("ash", {"a": Decimal(10), "b": Decimal("5.5")}, owed, owed)
    assert differences == []
    assert (aged.reported, aged.listed, aged.other_documents) == (Decimal("15.5"),) * 2 + (0,)


def test_an_invoice_that_the_report_lacks_or_values_otherwise_is_named() -> None:
    owed = invoices(("a", "ash", "10"), ("b", "ash", "5"))
    _, differences = compare_report("ash", {"a": Decimal("9.99")}, owed, owed)
    assert [(one.key, one.amount) for one in differences] == [
        ("a", Decimal("-0.01")),
        ("b", Decimal(-5)),
    ]


def test_credits_in_a_report_are_summed_apart() -> None:
    report = {"a": Decimal(10), "credit note": Decimal(-4)}
    owed = invoices(("a", "ash", "10"))
    aged, differences = compare_report("ash", report, owed, owed)
    assert (aged.other_documents, differences) == (Decimal(-4), [])


def test_an_invoice_that_is_due_by_the_report_and_paid_by_the_list_is_named() -> None:
    owed = invoices(("a", "ash", "10"))
    paid = invoices(("b", "ash", "0"), ("c", "ash", "0"), status="PAID")
    report = {"a": Decimal(10), "b": Decimal(7), "c": Decimal(0), "credit note": Decimal(-4)}
    aged, differences = compare_report("ash", report, owed, pa.concat_tables([owed, paid]))
    assert [(one.key, one.ledger, one.xero, one.amount) for one in differences] == [
        ("b", "0.00", "7.00", Decimal(7))
    ]
    assert (aged.reported, aged.listed, aged.other_documents) == (13, 10, -4)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "PAID"},
        {"status": "DRAFT"},
        {"currency": "USD"},
        {"dated_on": date(2026, 12, 1)},
    ],
)
def test_only_approved_invoices_in_the_books_currency_are_owed_today(
    fields: dict[str, Any],
) -> None:
    table = pa.concat_tables(
        [invoices(("a", "ash", "1"), ("b", "ash", "0")), invoices(("c", "ash", "1"), **fields)]
    )
    owed = owing(in_currency(table, "AUD"), as_of=TODAY)
    assert owed["id"].to_pylist() == ["a"]


def test_who_owes_most_is_asked_for_each_night_and_the_others_take_turns() -> None:
    owed = invoices(*((f"i{n}", f"c{n}", str(100 - n)) for n in range(6)), ("x", "stranger", "999"))
    ours = pa.array([f"i{n}" for n in range(6)])
    nights = [chosen_contacts(owed, ours, count=4, turn=turn) for turn in range(2)]
    assert nights == [["c0", "c1", "c2", "c3"], ["c0", "c1", "c4", "c5"]]


def test_nobody_is_asked_for_where_nobody_owes() -> None:
    assert chosen_contacts(invoices(), pa.array([], pa.string()), count=4, turn=3) == []


def test_whose_report_said_otherwise_is_asked_again_before_all_others() -> None:
    owed = invoices(*((f"i{n}", f"c{n}", str(100 - n)) for n in range(6)))
    chosen = chosen_contacts(owed, owed["id"], count=4, turn=0, again=["paid-up", "c1"])
    assert chosen == ["paid-up", "c1", "c0", "c2"]


def test_contacts_are_told_of_the_invoices_that_are_listed() -> None:
    listed = invoices(("a", "ash", "1"), ("b", "birch", "0"))
    assert contacts_of(listed, ["b", "gone"]) == {"b": "birch"}


def test_what_was_paid_or_approved_since_the_list_was_read_is_left_out() -> None:
    listed = invoices(("a", "ash", "10"), ("b", "ash", "5"), ("c", "ash", "3"))
    report = {"a": Decimal(4), "b": Decimal(1), "c": Decimal(2)}
    _, unlike = compare_report("ash", report, listed, listed)
    now = pa.concat_tables([invoices(("a", "ash", "4")), invoices(("b", "ash", "5"))])
    assert [one.key for one in still_listed(unlike, listed, now)] == ["b", "c"]
