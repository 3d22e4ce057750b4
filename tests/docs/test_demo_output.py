"""The README shows what the demo prints today."""

import re
from decimal import Decimal
from io import StringIO

from rich.console import Console
from tests.docs.pages import blocks

from sfxero.cli.demo.report import Outcome, show


def shown() -> str:
    found = [one for one in blocks("README.md", "") if "What happened" in one]
    assert len(found) == 1
    return found[0]


def cells() -> dict[str, str]:
    rows = (line.strip("│").split("│") for line in shown().splitlines() if line.startswith("│"))
    return {label.strip(): value.strip() for label, value in rows}


def counts(told: dict[str, str], prefix: str) -> dict[str, int]:
    return {
        label.removeprefix(prefix): int(value)
        for label, value in told.items()
        if label.startswith(prefix)
    }


def payments(told: dict[str, str]) -> int:
    (label,) = [one for one in told if one.startswith("paid in Xero")]
    return int(re.sub(r"\D", "", label))


def money(text: str) -> Decimal:
    return Decimal(re.sub(r"[^0-9.]", "", text))


def test_the_table_in_the_readme_is_what_the_demo_prints_for_these_figures() -> None:
    told = cells()
    calls, writes = (int(one) for one in told["Xero calls, of these writes"].split(", "))
    outcome = Outcome(
        contacts=int(told["contacts in Xero"]),
        invoices=int(told["invoices in Xero"]),
        quarantined=counts(told, "quarantined: "),
        warned=counts(told, "warned: "),
        calls=calls,
        writes=writes,
        limited=int(told["calls refused with 429"]),
        salesforce_total=money(told["won and valid in Salesforce"]),
        xero_total=money(told["invoiced in Xero, before tax"]),
        payments=payments(told),
        xero_paid=money(told[f"paid in Xero, by {payments(told)} payments"]),
        salesforce_paid=money(told["paid, as opportunities show"]),
        faults=(),
    )
    console = Console(file=StringIO(), width=100)
    show(outcome, console, state=told["run"])
    printed = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]  # a StringIO
    assert "\n".join(printed) in shown()


def test_the_run_in_the_readme_went_well() -> None:
    told = cells()
    assert told["run"] == "success"
    assert told["calls refused with 429"] == "0"
    assert money(told["difference"]) == 0
    paid = money(told[f"paid in Xero, by {payments(told)} payments"])
    assert money(told["paid, as opportunities show"]) == paid > 0
