"""Item 25: the control plane, the salesperson's hands and rows by the million."""

import csv
import io

import pytest

pytestmark = pytest.mark.contract


@pytest.fixture
def sold(bench):
    """A won opportunity with lines, and those."""
    for opportunity in bench.org.records.rows("Opportunity"):
        lines = bench.org.records.lines_of(str(opportunity["Id"]))
        if opportunity["IsWon"] and not opportunity["IsDeleted"] and len(lines) > 1:
            return opportunity["Id"], [line["Id"] for line in lines]
    raise AssertionError("the seed has no such opportunity")


def test_item_25_control_is_not_reachable_as_a_service(empty):
    for path in ("/services/_sandbox/salesforce/switches", "/services/data/v66.0/_sandbox/state"):
        assert empty.http.get(path).status_code == 404


def test_item_25_clone_copies_lines_but_no_external_id(bench, sold):
    opportunity, lines = sold
    bench.control("PATCH", f"/Opportunity/{opportunity}", json={"Xero_Invoice_Id__c": "inv"})
    copy = bench.control("POST", f"/Opportunity/{opportunity}/clone")
    assert copy.status_code == 201, copy.text
    body = copy.json()
    original = bench.control("GET", f"/Opportunity/{opportunity}").json()
    assert (body["StageName"], body["Xero_Invoice_Id__c"]) == ("Prospecting", None)
    assert body["Opportunity_Number__c"] != original["Opportunity_Number__c"]
    assert len(bench.org.records.lines_of(body["Id"])) == len(lines)
    assert (body["Name"], body["Amount"]) == (original["Name"], original["Amount"])


def test_item_25_lines_are_changed_added_and_removed_at_once(bench, sold):
    opportunity, lines = sold
    product = bench.org.records.get("OpportunityLineItem", lines[0])["Product2Id"]
    body = {
        "change": {lines[0]: {"Quantity": 2, "UnitPrice": 10, "Discount": None}},
        "remove": lines[1:], "add": [{"Product2Id": product, "Quantity": 1, "UnitPrice": 5}],
    }  # fmt: skip
    shown = bench.control("POST", f"/Opportunity/{opportunity}/lines", json=body)
    assert shown.json()["Amount"] == "25.00"
    path = f"/Opportunity/{opportunity}/lines"
    broken = {"change": {lines[0]: {"Quantity": 9}}, "add": [{"Quantity": 1}]}
    assert bench.control("POST", path, json=broken).status_code == 400
    assert bench.control("GET", f"/Opportunity/{opportunity}").json()["Amount"] == "25.00"
    assert bench.control("POST", path, json={"x": 1}).status_code == 400


def test_item_25_rename_win_and_reopen(bench, sold):
    opportunity, _ = sold
    body = {"name": "Another name"}
    shown = bench.control("POST", f"/Opportunity/{opportunity}/rename", json=body).json()
    assert shown["Name"] == "Another name"
    assert bench.control("POST", f"/Opportunity/{opportunity}/reopen").json()["IsWon"] is False
    assert bench.control("POST", f"/Opportunity/{opportunity}/win").json()["IsWon"] is True


def test_item_25_apps_are_shown_without_their_secrets(empty):
    shown = empty.control("GET", "/clients")
    assert shown.json()[0]["run_as"] == "integration@example.com"
    assert "sandbox-sf-secret" not in shown.text
    assert empty.control("POST", "/clients", json={"run_as": "nobody"}).status_code == 400
    body = {"username": "integration@example.com"}
    assert empty.control("POST", "/users", json=body).status_code == 400


def test_item_25_computed_rows_read_like_stored_ones(bench):
    assert bench.control("POST", "/seed_big", json={"rows": 3000}).json() == {"rows": 3040}
    bench.switch(page_cap=100_000)
    fields = "Id, Name, Account.Name, Amount, SystemModstamp, Description"
    soql = " ".join(("SELECT", fields, "FROM Opportunity"))
    job_id = bench.finished_job(soql, operation="queryAll")
    text = bench.call("GET", f"/jobs/query/{job_id}/results").text
    found = {row["Id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert len(found) == 3040
    assert list(found) != sorted(found)
    rest = bench.select(fields, "Opportunity", "WHERE Name LIKE 'Big deal%'")
    assert len(rest) == 2000
    for row in rest[:50]:
        csv_row = found[row["Id"]]
        assert csv_row["Name"] == row["Name"]
        assert csv_row["Account.Name"] == row["Account"]["Name"]
        assert csv_row["Description"] == (row["Description"] or "")
        assert float(csv_row["Amount"]) == row["Amount"]
        assert bench.org.records.get("Opportunity", row["Id"])["Name"] == row["Name"]


def test_item_25_computed_rows_can_be_changed_deleted_and_filtered(bench):
    bench.control("POST", "/seed_big", json={"rows": 500})
    big = "WHERE Name LIKE 'Big deal%'"
    one, two = (row["Id"] for row in bench.select("Id", "Opportunity", f"{big} LIMIT 2"))
    path = f"/sobjects/Opportunity/{one}"
    assert bench.call("PATCH", path, json={"Name": "Mine"}).status_code == 204
    assert bench.call("DELETE", f"/sobjects/Opportunity/{two}").status_code == 204
    assert len(bench.select("Id", "Opportunity", big)) == 498
    assert bench.select("Id", "Opportunity", "WHERE Name = 'Mine'")[0]["Id"] == one
    count = bench.query(" ".join(("SELECT COUNT() FROM Opportunity", big))).json()
    assert count["totalSize"] == 498
    stamps = [
        row["SystemModstamp"]
        for row in bench.select("SystemModstamp", "Opportunity", f"{big} ORDER BY SystemModstamp")
    ]
    assert stamps == sorted(stamps)
    middle = stamps[200].replace("+0000", "Z")
    halves = [
        len(bench.select("Id", "Opportunity", f"{big} AND SystemModstamp {sign} {middle}"))
        for sign in ("<", ">=")
    ]
    assert (sum(halves), halves[0]) == (498, 200)
    assert bench.control("POST", "/seed_big", json={"rows": 5}).status_code == 400


def test_item_25_a_lead_becomes_an_account_with_a_contact(bench):
    body = {"LastName": "Doe", "Company": "Doe Ltd", "Phone": "02 9374 4000", "Email": "d@x.org"}
    lead = bench.control("POST", "/Lead", json=body).json()["Id"]
    shown = bench.control("POST", f"/Lead/{lead}/convert").json()
    assert shown["IsConverted"] is True
    account = bench.control("GET", f"/Account/{shown['ConvertedAccountId']}").json()
    contact = bench.control("GET", f"/Contact/{shown['ConvertedContactId']}").json()
    assert (account["Name"], account["Phone"]) == ("Doe Ltd", "02 9374 4000")
    assert (contact["AccountId"], contact["Email"]) == (account["Id"], "d@x.org")
    # Both are committed at once.
    assert account["SystemModstamp"] == shown["SystemModstamp"]


def test_item_25_a_converted_lead_is_changed_no_more(bench):
    account = bench.control("POST", "/Account", json={"Name": "There"}).json()["Id"]
    body = {"LastName": "Doe", "Company": "Doe Ltd"}
    lead = bench.control("POST", "/Lead", json=body).json()["Id"]
    unknown = {"account_id": "001000000000009AAA"}
    assert bench.control("POST", f"/Lead/{lead}/convert", json=unknown).status_code == 404
    assert bench.control("GET", f"/Lead/{lead}").json()["IsConverted"] is False
    shown = bench.control("POST", f"/Lead/{lead}/convert", json={"account_id": account}).json()
    assert shown["ConvertedAccountId"] == account
    for path, change in ((f"/Lead/{lead}", {"Company": "X"}), (f"/Lead/{lead}/convert", {})):
        refused = bench.control("POST", path, json=change)
        assert refused.json()[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
