from datetime import timedelta

import pytest

pytestmark = pytest.mark.contract


def described(bench, name):
    body = bench.call("GET", f"/sobjects/{name}/describe").json()
    return {each["name"]: each for each in body["fields"]}


def test_item_21_describe_reports_types_and_sizes(empty):
    line, opportunity = described(empty, "OpportunityLineItem"), described(empty, "Opportunity")
    price = line["UnitPrice"]
    assert (price["type"], price["precision"], price["scale"]) == ("currency", 18, 4)
    assert (line["Quantity"]["precision"], line["Quantity"]["scale"]) == (12, 2)
    assert (line["Description"]["length"], line["Name"]["length"]) == (255, 376)
    number = opportunity["Opportunity_Number__c"]
    assert (number["custom"], number["autoNumber"], number["updateable"]) == (True, True, False)
    assert opportunity["AccountId"]["referenceTo"] == ["Account"]
    assert opportunity["AccountId"]["relationshipName"] == "Account"
    assert "CurrencyIsoCode" not in opportunity
    account = described(empty, "Account")
    assert account["BillingStreet"]["compoundFieldName"] == "BillingAddress"
    assert account["ABN__c"]["nillable"] is True
    assert "IsActive" in described(empty, "Product2")


def test_item_21_describe_answers_304_until_the_metadata_changes(empty):
    first = empty.call("GET", "/sobjects/Account/describe")
    head = {"If-Modified-Since": first.headers["Last-Modified"]}
    again = empty.call("GET", "/sobjects/Account/describe", headers=head)
    assert (again.status_code, again.content) == (304, b"")
    empty.switch(hidden_fields=["Account.Fax"])
    assert empty.call("GET", "/sobjects/Account/describe", headers=head).status_code == 200


def make(bench, **lines):
    """Return the ids of an opportunity and its lines, sold from the catalogue."""
    opportunity = bench.call("POST", "/sobjects/Opportunity", json={
        "Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-01", "Amount": 5,
    }).json()["id"]  # fmt: skip
    product = bench.rows("SELECT Id FROM Product2 LIMIT 1")[0]["Id"]
    line = bench.call("POST", "/sobjects/OpportunityLineItem", json={
        "OpportunityId": opportunity, "Product2Id": product, **lines,
    }).json()["id"]  # fmt: skip
    return opportunity, line


def shown(bench, name, record_id):
    return bench.control("GET", f"/{name}/{record_id}").json()


def test_item_22_amount_is_the_sum_of_lines_rounded_per_line(empty):
    opportunity, line = make(empty, Quantity=3, UnitPrice=33.3333, Discount=12.5)
    # 3 x 33.3333 x 0.875 = 87.4999...
    assert shown(empty, "OpportunityLineItem", line)["TotalPrice"] == "87.50"
    assert shown(empty, "OpportunityLineItem", line)["Subtotal"] == "100.00"
    assert shown(empty, "Opportunity", opportunity)["Amount"] == "87.50"
    assert shown(empty, "Opportunity", opportunity)["HasOpportunityLineItem"] is True
    empty.control("PATCH", f"/OpportunityLineItem/{line}", json={"Discount": 50})
    assert shown(empty, "Opportunity", opportunity)["Amount"] == "50.00"
    empty.control("POST", f"/OpportunityLineItem/{line}/delete")
    assert shown(empty, "Opportunity", opportunity)["HasOpportunityLineItem"] is False


def test_item_22_half_cents_round_away_from_zero_on_both_sides(empty):
    for price, total in (("0.005", "0.01"), ("-0.005", "-0.01")):
        _, line = make(empty, Quantity=1, UnitPrice=price)
        assert shown(empty, "OpportunityLineItem", line)["TotalPrice"] == total


def test_item_22_writing_an_amount_beside_lines_is_silently_ignored_unless_allowed(empty):
    opportunity, line = make(empty, Quantity=2, UnitPrice=10)
    path = f"/sobjects/Opportunity/{opportunity}"
    assert empty.call("PATCH", path, json={"Amount": 99}).status_code == 204
    assert shown(empty, "Opportunity", opportunity)["Amount"] == "20.00"
    empty.switch(allow_amount_mismatch=True)
    empty.control("PATCH", f"/Opportunity/{opportunity}", json={"Amount": 99})
    assert shown(empty, "Opportunity", opportunity)["Amount"] == "99.00"
    empty.control("PATCH", f"/OpportunityLineItem/{line}", json={"Quantity": 3})
    assert shown(empty, "Opportunity", opportunity)["Amount"] == "30.00"


def test_item_15_editing_a_line_bumps_both_stamps_by_default(empty):
    opportunity, line = make(empty, Quantity=2, UnitPrice=10)

    def stamps_after(body):
        empty.clock.advance(100)
        empty.control("PATCH", f"/OpportunityLineItem/{line}", json=body)
        return (
            shown(empty, "OpportunityLineItem", line)["SystemModstamp"],
            shown(empty, "Opportunity", opportunity)["SystemModstamp"],
        )

    own, parent = stamps_after({"Quantity": 3})
    assert own == parent == "2026-11-01T03:05:45+00:00"
    empty.switch(line_edit_touches_opportunity=False)
    assert stamps_after({"Quantity": 4}) == ("2026-11-01T03:07:25+00:00", parent)


def test_item_22_stage_decides_closed_and_won_which_cannot_be_written(empty):
    opportunity, _ = make(empty, Quantity=1, UnitPrice=1)
    won = empty.control("POST", f"/Opportunity/{opportunity}/win").json()
    assert (won["IsClosed"], won["IsWon"], won["Probability"]) == (True, True, "100")
    open_again = empty.control("POST", f"/Opportunity/{opportunity}/reopen").json()
    assert (open_again["IsClosed"], open_again["IsWon"]) == (False, False)
    reply = empty.call("PATCH", f"/sobjects/Opportunity/{opportunity}", json={"IsWon": True})
    assert reply.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert reply.json()[0]["fields"] == ["IsWon"]


def test_numbers_count_up_and_ids_have_prefix_and_checksum(empty):
    opportunity, line = make(empty, Quantity=1, UnitPrice=1)
    other, _ = make(empty, Quantity=1, UnitPrice=1)
    assert shown(empty, "Opportunity", opportunity)["Opportunity_Number__c"] == "OPP-000001"
    assert shown(empty, "Opportunity", other)["Opportunity_Number__c"] == "OPP-000002"
    assert (opportunity[:3], line[:3], len(line)) == ("006", "00k", 18)


def test_item_23_one_record_reads_whole_or_in_part(empty):
    opportunity, _ = make(empty, Quantity=1, UnitPrice=1)
    path = f"/sobjects/Opportunity/{opportunity}"
    assert empty.call("GET", path[:-3]).json()["Name"] == "Deal"
    part = empty.call("GET", path, params={"fields": "name,CloseDate"}).json()
    assert set(part) == {"attributes", "Id", "Name", "CloseDate"}
    wrong = empty.call("GET", path, params={"fields": "Nope"})
    assert wrong.json()[0]["errorCode"] == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Nope__c": 1}, "INVALID_FIELD"),
        ({"Name": None}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "x" * 121}, "STRING_TOO_LONG"),
        ({"AccountId": "abc"}, "MALFORMED_ID"),
        ({"AccountId": "001000000000001"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"StageName": "Dreaming"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"CloseDate": "31/12/2026"}, "JSON_PARSER_ERROR"),
        ({"Amount": "much"}, "JSON_PARSER_ERROR"),
        ({"Amount": 1e17}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Name": 5}, "JSON_PARSER_ERROR"),
    ],
)
def test_bad_values_are_refused_and_nothing_is_saved(empty, body, code):
    opportunity, _ = make(empty, Quantity=1, UnitPrice=1)
    before = shown(empty, "Opportunity", opportunity)
    empty.clock.advance(10)
    reply = empty.call(
        "PATCH", f"/sobjects/Opportunity/{opportunity}", json=body | {"Description": "touched"}
    )
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, code)
    assert shown(empty, "Opportunity", opportunity) == before


def test_creating_without_required_fields_is_refused(empty):
    reply = empty.call("POST", "/sobjects/Opportunity", json={"Name": "x"})
    assert reply.json()[0]["message"] == "Required fields are missing: [StageName, CloseDate]"
    opportunity, _ = make(empty, Quantity=1, UnitPrice=1)
    bare = {"OpportunityId": opportunity, "Quantity": 1}
    reply = empty.call("POST", "/sobjects/OpportunityLineItem", json=bare)
    assert reply.json()[0]["fields"] == ["PricebookEntryId"]


def test_item_14_deleting_an_account_takes_its_opportunities_and_lines_along(bench):
    account = bench.rows("SELECT AccountId FROM Opportunity WHERE AccountId != null LIMIT 1")
    account_id = account[0]["AccountId"]
    bench.clock.advance(5)
    assert bench.call("DELETE", f"/sobjects/Account/{account_id}").status_code == 204
    where = f"WHERE AccountId = '{account_id}'"
    assert bench.select("Id", "Opportunity", where) == []
    gone = bench.select("IsDeleted, SystemModstamp", "Opportunity", where, "queryAll")
    assert {(each["IsDeleted"], each["SystemModstamp"][:19]) for each in gone} == {
        (True, "2026-11-01T03:04:10")
    }
    again = bench.call("DELETE", f"/sobjects/Account/{account_id}")
    assert (again.status_code, again.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")


def test_setup_objects_cannot_be_changed(empty):
    user = empty.org.user_id
    assert empty.call("PATCH", f"/sobjects/User/{user}", json={"Name": "x"}).status_code == 400


def test_item_25_unknown_switches_change_nothing(empty):
    reply = empty.control("POST", "/switches", json={"page_cap": 7, "warp": True})
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALID_SWITCH")
    assert empty.control("GET", "/switches").json()["page_cap"] == 1000


def test_reset_forgets_rows_and_keeps_sessions(bench):
    bench.org.reset()
    assert bench.query("SELECT COUNT() FROM Account").json()["totalSize"] == 0
    assert bench.query("SELECT COUNT() FROM OpportunityStage").json()["totalSize"] == 10


def test_item_25_the_dump_shows_decimals_as_text_and_the_truth_follows_edits(bench):
    rows = bench.control("GET", "/Opportunity").json()
    assert len(rows) == 40
    assert all(row["Amount"] is None or isinstance(row["Amount"], str) for row in rows)
    truth = bench.control("GET", "/truth").json()
    good = next(key for key, value in truth.items() if value["good"])
    for line in bench.org.records.lines_of(good):
        bench.control("POST", f"/OpportunityLineItem/{line['Id']}/delete")
    assert bench.control("GET", "/truth").json()[good]["reason"] == "no_lines"
    bench.control("PATCH", f"/Opportunity/{good}", json={"AccountId": None})
    assert bench.control("GET", "/truth").json()[good]["reason"] == "no_account"


def test_item_15_stamps_are_whole_seconds(bench):
    bench.clock.advance(0.9)
    account = bench.control("POST", "/Account", json={"Name": "Late"}).json()
    assert account["SystemModstamp"] == "2026-11-01T03:04:06+00:00"
    assert bench.org.now() - bench.clock.now() > timedelta(seconds=-1)
