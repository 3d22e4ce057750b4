"""Item 14: recycle bin, merges, hard deletes and the `/deleted` log."""

import pytest

pytestmark = pytest.mark.contract
START = "2026-11-01T03:00:00Z"


@pytest.fixture
def account(empty):
    def create(name, **values):
        body = {"Name": name, **values}
        return empty.call("POST", "/sobjects/Account", json=body).json()["id"]

    return create


def all_rows(bench, name, fields="Id, IsDeleted"):
    return {row["Id"]: row for row in bench.select(fields, name, "", "queryAll")}


def deleted_log(bench, name, start=START, **params):
    end = params.get("end", bench.clock.now().isoformat())
    return bench.call("GET", f"/sobjects/{name}/deleted/", params={"start": start, "end": end})


def test_item_14_merge_points_losers_at_the_winner_and_moves_their_children(
    empty, account, deal, shown
):
    winner, loser = account("Acme"), account("ACME")
    opportunity = deal(AccountId=loser)
    person = {"LastName": "Ng", "AccountId": loser}
    contact = empty.call("POST", "/sobjects/Contact", json=person).json()["id"]
    empty.clock.advance(60)
    empty.control("POST", f"/Account/{winner}/merge", json={"loser_ids": [loser]})
    rows = all_rows(empty, "Account", "Id, IsDeleted, MasterRecordId, SystemModstamp")
    assert (rows[loser]["IsDeleted"], rows[loser]["MasterRecordId"]) == (True, winner)
    assert (rows[winner]["IsDeleted"], rows[winner]["MasterRecordId"]) == (False, None)
    assert {each["SystemModstamp"] for each in rows.values()} == {"2026-11-01T03:05:05.000+0000"}
    assert shown("Opportunity", opportunity)["AccountId"] == winner
    assert shown("Contact", contact)["AccountId"] == winner
    assert empty.rows("SELECT Id FROM Account")[0]["Id"] == winner


def test_item_14_merge_refuses_nonsense(empty, account):
    one = account("One")
    for body in ({"loser_ids": []}, {"loser_ids": [one]}, {"loser_ids": [one] * 3}):
        assert empty.control("POST", f"/Account/{one}/merge", json=body).status_code == 400


def test_item_14_hard_deleted_rows_vanish_and_only_the_log_remembers(empty, account, deal):
    victim = account("Gone")
    opportunity = deal(AccountId=victim)
    empty.clock.advance(120)
    assert empty.control("POST", f"/Account/{victim}/hard_delete").status_code == 204
    assert all_rows(empty, "Account") == all_rows(empty, "Opportunity") == {}
    assert empty.call("GET", f"/sobjects/Account/{victim}").status_code == 404
    empty.clock.advance(120)
    body = deleted_log(empty, "Account").json()
    assert body["deletedRecords"] == [{"id": victim, "deletedDate": "2026-11-01T03:06:05.000+0000"}]
    assert body["latestDateCovered"].startswith("2026-11-01T03:08:0")
    log = deleted_log(empty, "Opportunity").json()["deletedRecords"]
    assert [each["id"] for each in log] == [opportunity]


def test_item_14_undelete_brings_back_what_went_along_and_leaves_the_log(empty, account, deal):
    parent = account("Back")
    child = deal(AccountId=parent)
    alone = deal(AccountId=parent, Name="Deleted before")
    empty.call("DELETE", f"/sobjects/Opportunity/{alone}")
    empty.clock.advance(90)
    empty.call("DELETE", f"/sobjects/Account/{parent}")
    empty.clock.advance(90)
    assert empty.control("POST", f"/Account/{parent}/undelete").status_code == 200
    found = empty.select("Id, SystemModstamp", "Opportunity", "")
    assert [each["Id"] for each in found] == [child]
    assert found[0]["SystemModstamp"] == "2026-11-01T03:07:05.000+0000"
    log = deleted_log(empty, "Opportunity").json()["deletedRecords"]
    assert [each["id"] for each in log] == [alone]
    assert empty.control("POST", f"/Account/{parent}/undelete").status_code == 404


def test_item_14_emptied_bin_hides_rows_even_from_query_all(empty, account):
    gone = account("Gone")
    account("Kept")
    empty.call("DELETE", f"/sobjects/Account/{gone}")
    assert gone in all_rows(empty, "Account")
    assert empty.control("POST", "/empty_bin").json() == {"removed": 1}
    assert gone not in all_rows(empty, "Account")


def test_item_14_log_is_purged_and_says_how_far_back_it_reaches(empty, account):
    victim = account("Old")
    empty.call("DELETE", f"/sobjects/Account/{victim}")
    empty.switch(delete_log_days=2, session_s=10_000_000)
    empty.log_in()
    empty.clock.advance(86_400)
    body = deleted_log(empty, "Account").json()
    assert len(body["deletedRecords"]) == 1
    assert body["earliestDateAvailable"].startswith("2026-10-31T03:04:0")
    empty.clock.advance(86_400 * 2)
    refused = deleted_log(empty, "Account")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (
        400, "INVALID_REPLICATION_DATE",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("start", "end"),
    [(START, START), ("2026-08-01T00:00:00Z", "2026-11-01T03:00:00Z"), ("soon", START)],
)
def test_item_14_senseless_ranges_are_refused(empty, start, end):
    for name in ("deleted", "updated"):
        reply = empty.call("GET", f"/sobjects/Account/{name}/", params={"start": start, "end": end})
        assert reply.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


def test_item_14_updated_lists_live_changes(empty, account):
    one = account("One")
    empty.clock.advance(120)
    params = {"start": START, "end": empty.clock.now().isoformat()}
    body = empty.call("GET", "/sobjects/Account/updated/", params=params).json()
    assert body["ids"] == [one]
