"""Item 15: stamps, commits that show up late, and formulas that leave no trace."""

import pytest

pytestmark = pytest.mark.contract


def stamps(bench, name, fields="Id, SystemModstamp"):
    return {row["Id"]: row for row in bench.select(fields, name, "")}


def test_item_15_late_commits_show_up_with_the_stamp_they_were_given(empty, deal):
    first = deal(Name="Before")
    empty.switch(late_commit_s=30)
    second = deal(Name="Late")
    empty.call("PATCH", f"/sobjects/Opportunity/{first}", json={"Name": "Changed late"})
    empty.switch(late_commit_s=0)
    empty.clock.advance(10)
    third = deal(Name="In time, with a higher stamp")
    seen = stamps(empty, "Opportunity", "Id, Name, SystemModstamp")
    assert seen.keys() == {first, third}
    assert seen[first]["Name"] == "Before"
    assert empty.call("GET", f"/sobjects/Opportunity/{second}").status_code == 404
    job_id = empty.finished_job("SELECT Id FROM Opportunity")
    assert second not in empty.call("GET", f"/jobs/query/{job_id}/results").text
    empty.clock.advance(20)
    later = stamps(empty, "Opportunity", "Id, Name, SystemModstamp")
    assert later.keys() == {first, second, third}
    assert later[first]["Name"] == "Changed late"
    assert later[second]["SystemModstamp"] < later[third]["SystemModstamp"]


def test_item_15_deletes_can_be_late_as_well(empty, deal):
    victim = deal()
    empty.switch(late_commit_s=30)
    empty.call("DELETE", f"/sobjects/Opportunity/{victim}")
    empty.switch(late_commit_s=0)
    assert victim in stamps(empty, "Opportunity")
    empty.clock.advance(31)
    assert victim not in stamps(empty, "Opportunity")


def test_item_15_formula_changes_without_a_new_stamp(empty, deal):
    body = {"Name": "Acme", "ABN__c": "1"}
    account = empty.call("POST", "/sobjects/Account", json=body).json()["id"]
    opportunity = deal(AccountId=account)
    fields = "Id, Account_ABN__c, SystemModstamp, LastModifiedDate"
    before = stamps(empty, "Opportunity", fields)[opportunity]
    empty.clock.advance(60)
    empty.call("PATCH", f"/sobjects/Account/{account}", json={"ABN__c": "2"})
    after = stamps(empty, "Opportunity", fields)[opportunity]
    assert (before.pop("Account_ABN__c"), after.pop("Account_ABN__c")) == ("1", "2")
    assert before == after
    reply = empty.call(
        "PATCH", f"/sobjects/Opportunity/{opportunity}", json={"Account_ABN__c": "3"}
    )
    assert reply.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_item_15_rows_of_one_bulk_update_share_one_stamp(empty, deal):
    ids = [deal(Name=f"Deal {place}") for place in range(5)]
    empty.clock.advance(60)
    records = [
        {"attributes": {"type": "Opportunity"}, "id": each, "NextStep": "Call"} for each in ids
    ]
    empty.call("PATCH", "/composite/sobjects", json={"records": records})
    assert {row["SystemModstamp"] for row in stamps(empty, "Opportunity").values()} == {
        "2026-11-01T03:05:05.000+0000"
    }


def test_item_15_changes_carry_the_user_who_made_them(empty, deal, shown):
    opportunity = deal()
    assert shown("Opportunity", opportunity)["LastModifiedById"] == empty.org.user_id
    empty.control("POST", f"/Opportunity/{opportunity}/reopen")
    assert shown("Opportunity", opportunity)["LastModifiedById"] == empty.org.sales_user_id
