from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sfxero.proof.receivables import RECEIVABLES
from sfxero.proof.report import what_is_owed


def invoice(account_id: str, due: str, **fields: Any) -> dict[str, Any]:
    """An approved invoice, ten days late, of a customer whose name another has as well."""
    return {
        "account_id": account_id,
        "account": "Smith Pty Ltd",
        "status": "AUTHORISED",
        "currency": "AUD",
        "due_on": date(2026, 11, 20),
        "due": Decimal(due),
        "days_overdue": 10,
        "ageing_bucket": "1-30",
    } | fields


def owed(*rows: dict[str, Any]) -> Any:
    (found,) = what_is_owed(pa.Table.from_pylist(list(rows), schema=RECEIVABLES))
    return found


def test_customers_of_one_name_owe_apart() -> None:
    debtors = owed(invoice("001A", "10"), invoice("001B", "5"), invoice("001B", "2")).debtors
    assert debtors == [
        ("Smith Pty Ltd", 1, Decimal(10), 10),
        ("Smith Pty Ltd", 2, Decimal(7), 10),
    ]


def test_a_draft_is_not_owed() -> None:
    found = owed(invoice("001A", "10"), invoice("001A", "90", status="DRAFT"))
    assert (found.due, found.overdue) == (10, 10)
    assert [row[2] for row in found.debtors] == [10]
