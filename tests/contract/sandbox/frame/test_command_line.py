"""`sfxero sandbox …`: each command is one call of a running sandbox."""

import json
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from sfxero.cli.sandbox import app

pytestmark = pytest.mark.contract

FIXTURE = {
    "salesforce": {
        "Account": [{"_ref": "maple", "Name": "Maple Florist"}, {"Name": "Oak Joinery"}],
        "Opportunity": [
            {
                "_ref": "deal",
                "Name": "Shop fit-out",
                "AccountId": "@maple",
                "StageName": "Prospecting",
                "CloseDate": "2026-11-20",
                "Amount": 0.1,
            }
        ],
    },
    "xero": {
        "contacts": [{"_ref": "contact", "Name": "Maple Florist"}, {"Name": "Oak Joinery"}],
        "invoices": [
            {
                "_ref": "invoice",
                "Type": "ACCREC",
                "Status": "AUTHORISED",
                "InvoiceNumber": number,
                "Contact": {"ContactID": "@contact"},
                "Date": "2026-11-20",
                "DueDate": "2026-12-20",
                "LineItems": [{"Description": "x", "UnitAmount": 100, "AccountCode": "200"}],
            }
            for number in ("SF-1", "SF-2")
        ],
        "payments": [{"invoice": "@invoice", "amount": 10.10}],
    },
}


@pytest.fixture
def run(caller):
    """Run a command against the sandbox and read what it prints."""

    def run(*arguments, ends=0):
        url = ["--url", str(caller.client.base_url)]
        result = CliRunner().invoke(app, [*arguments, *url])
        assert result.exit_code == ends, result.output
        return json.loads(result.stdout) if not ends else result.output

    return run


@pytest.fixture
def loaded(run, tmp_path):
    file = tmp_path / "fixture.json"
    file.write_text(json.dumps(FIXTURE), encoding="utf-8")
    return run("load", str(file))["ids"]


def invoice(run, number):
    rows = run("state", "--full")["xero"]["invoice_rows"]
    return next(row for row in rows if row["number"] == number)


def test_a_file_fills_both_services_and_its_rows_name_each_other(run, loaded, caller):
    state = run("state")
    assert (state["salesforce"]["Account"], state["salesforce"]["Opportunity"]) == (2, 1)
    assert (state["xero"]["contacts"], state["xero"]["invoices"]) == (2, 2)
    deal = caller.sandbox.org.records.get("Opportunity", loaded["deal"])
    assert (deal["AccountId"], deal["Amount"]) == (loaded["maple"], Decimal("0.10"))
    assert invoice(run, "SF-2")["amount_paid"] == "10.10"


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [
        ({"salesforce": {"Account": [{"Name": "@nobody"}]}}, "Account, row 1: no row"),
        ({"salesforce": {"Account": [{"Nonsense": 1}]}}, "Account, row 1"),
        ({"xero": {"contacts": [{"Name": "A"}, {}]}}, "contacts, row 2"),
        ({"xero": {"payments": [{"amount": 1}]}}, "payments, row 1"),
        ({"elsewhere": {}}, "elsewhere"),
    ],
)
def test_a_row_that_its_service_refuses_is_named(run, tmp_path, fixture, reason):
    file = tmp_path / "fixture.json"
    file.write_text(json.dumps(fixture), encoding="utf-8")
    assert reason in run("load", str(file), ends=2)


def test_reset_empties_both_services(run, loaded):
    state = run("reset")
    assert (state["salesforce"]["Account"], state["xero"]["contacts"]) == (0, 0)


def test_the_bookkeeper_pays_credits_and_voids(run, loaded):
    run("bookkeeper", "part-pay", "SF-1", "--amount", "40.00")
    assert invoice(run, "SF-1")["amount_due"] == "70.00"
    run("bookkeeper", "credit", "SF-1", "--amount", "20.00")
    assert invoice(run, "SF-1")["amount_due"] == "50.00"
    run("bookkeeper", "pay", "SF-1")
    assert invoice(run, "SF-1")["status"] == "PAID"
    for row in run("state", "--full")["xero"]["payment_rows"]:
        run("bookkeeper", "delete-payment", row["payment_id"])
    assert invoice(run, "SF-1")["amount_due"] == "90.00"
    run("bookkeeper", "void", "SF-2")
    assert invoice(run, "SF-2")["status"] == "VOIDED"
    # A credit is still allocated to it.
    assert "refused (409)" in run("bookkeeper", "void", "SF-1", ends=2)


def test_the_bookkeeper_edits_archives_merges_locks_and_disconnects(run, loaded, caller):
    run("bookkeeper", "edit", "SF-1", "--set", "Reference=Order 9")
    assert invoice(run, "SF-1")["reference"] == "Order 9"
    assert run("bookkeeper", "merge", "Oak Joinery", "--into", "Maple Florist")
    assert run("bookkeeper", "archive", "Maple Florist")["status"] == "ARCHIVED"
    assert run("bookkeeper", "lock", "--period", "2026-10-31")["period_lock_date"] == "2026-10-31"
    assert run("bookkeeper", "lock", "--unlock")["period_lock_date"] is None
    run("bookkeeper", "disconnect")
    assert caller.xero("GET", "Contacts").status_code == 403
    run("bookkeeper", "reconnect")
    caller.log_in()
    assert caller.xero("GET", "Contacts").status_code == 200


def test_the_salesperson_wins_reopens_clones_and_edits_lines(run, loaded):
    assert run("salesperson", "win", "Shop fit-out")["IsWon"] is True
    assert run("salesperson", "reopen", "Shop fit-out")["IsWon"] is False
    copy = run("salesperson", "clone", "Shop fit-out")
    assert copy["Id"] != loaded["deal"]
    assert "2 Opportunity records match" in run("salesperson", "win", "Shop fit-out", ends=2)
    edits = json.dumps({"remove": []})
    assert run("salesperson", "edit-lines", copy["Id"], "--json", edits)["Id"] == copy["Id"]


def test_the_salesperson_renames_merges_and_deletes_accounts(run, loaded, caller):
    assert run("salesperson", "rename", "Oak Joinery", "Oak & Sons")["Name"] == "Oak & Sons"
    run("salesperson", "merge", "Maple Florist", "Oak & Sons")
    run("salesperson", "delete", "Maple Florist")
    rows = caller.control("GET", "/salesforce/Account")
    assert all(row["IsDeleted"] for row in rows)
    assert rows[1]["MasterRecordId"] == loaded["maple"]


def test_faults_are_scheduled_listed_and_cleared(run, caller):
    run("fault", "outage", "--path", "^/api.xro", "--set", "for_s=5", "--set", "status=502")
    [listed] = run("fault")
    assert (listed["kind"], listed["for_s"], listed["left"]) == ("outage", 5, None)
    assert caller.xero("GET", "Contacts").status_code == 502
    assert run("fault", "--clear") == []
    assert "Input should be" in run("fault", "nonsense", ends=2)


def test_switches_are_shown_and_set(run):
    assert run("switch", "xero")["minute_limit"] == 60
    assert run("switch", "xero", "minute_limit=7", "rounding=half_even")["minute_limit"] == 7
    assert run("switch", "salesforce", "page_cap=9")["page_cap"] == 9
