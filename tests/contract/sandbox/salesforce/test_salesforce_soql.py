import pytest

pytestmark = pytest.mark.contract


@pytest.fixture
def people(empty):
    """Three accounts and three opportunities with known values."""
    ids = [
        empty.control("POST", "/Account", json=body).json()["Id"]
        for body in (
            {"Name": "Acme", "Phone": "1", "AccountNumber": "50%_off"},
            {"Name": "ACME", "Phone": "2"},
            {"Name": "O'Brien \\ Sons", "Description": "long"},
        )
    ]
    for name, account, amount, close, stage in (
        ("One", ids[0], 10, "2026-10-31", "Closed Won"),
        ("Two", ids[2], 20.5, "2026-11-01", "Closed Lost"),
        ("Three", None, None, "2025-01-15", "Prospecting"),
    ):
        empty.clock.advance(60)
        empty.control("POST", "/Opportunity", json={
            "Name": name, "AccountId": account, "Amount": amount, "CloseDate": close,
            "StageName": stage,
        })  # fmt: skip
    return empty


def names(bench, where):
    return [row["Name"] for row in bench.select("Name", "Opportunity", f"WHERE {where}")]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Name = 'one'", ["One"]),
        ("Name <> 'ONE'", ["Two", "Three"]),
        ("Amount > 10", ["Two"]),
        ("Amount >= 10.0 AND Amount <= 20.50", ["One", "Two"]),
        ("Amount = null", ["Three"]),
        ("amount != NULL", ["One", "Two"]),
        ("Amount < 1e3", ["One", "Two"]),
        ("IsWon = TRUE", ["One"]),
        ("NOT IsClosed = true", ["Three"]),
        ("NOT (IsWon = true OR Name = 'Two')", ["Three"]),
        ("(IsWon = true OR Amount > 20) AND Name LIKE 't%'", ["Two"]),
        ("Name IN ('one', 'THREE')", ["One", "Three"]),
        ("Name NOT IN ('one')", ["Two", "Three"]),
        ("Amount IN (10, 20.5)", ["One", "Two"]),
        ("CloseDate = 2026-10-31", ["One"]),
        ("CloseDate < 2026-11-01", ["One", "Three"]),
        ("CloseDate = TODAY", ["Two"]),
        ("CloseDate = YESTERDAY", ["One"]),
        ("CloseDate = LAST_N_DAYS:1", ["One", "Two"]),
        ("CloseDate > LAST_YEAR", ["One", "Two"]),
        ("CloseDate < THIS_MONTH", ["One", "Three"]),
        ("CreatedDate = TODAY", ["One", "Two", "Three"]),
        ("Account.Name = 'acme'", ["One"]),
        ("Account.Owner.IsActive = true", ["One", "Two"]),
        ("Opportunity.Account.Name LIKE '%brien%'", ["Two"]),
        ("SystemModstamp >= 2026-11-01T03:06:05Z", ["Two", "Three"]),
        ("SystemModstamp >= 2026-11-01T14:06:05+11:00", ["Two", "Three"]),
        ("SystemModstamp < 2026-11-01T00:06:05.000-0300", ["One"]),
        ("AccountId IN (SELECT Id FROM Account WHERE Name = 'Acme')", ["One"]),
        ("AccountId NOT IN (SELECT Id FROM Account WHERE Phone != null)", ["Two", "Three"]),
    ],
)
def test_item_13_where_selects_as_the_service_does(people, where, found):
    assert names(people, where) == found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (r"Name = 'O\'Brien \\ Sons'", 1),
        (r"AccountNumber LIKE '50\%\_off'", 1),
        (r"AccountNumber LIKE '50\_%'", 0),
        ("Name LIKE 'a_me'", 2),
        ("Name = 'Acme' LIMIT 1", 1),
    ],
)
def test_escapes_and_patterns(people, where, found):
    assert len(people.select("Id", "Account", f"WHERE {where}")) == found


def test_item_22_ids_of_15_characters_are_accepted(people):
    row = people.rows("SELECT Id FROM Account WHERE Phone = '1'")[0]
    assert people.select("Id", "Account", f"WHERE Id = '{row['Id'][:15]}'")[0] == row


def test_order_limit_and_nulls(people):
    def ordered(how):
        rows = people.select("Name", "Opportunity", f"ORDER BY {how}")
        return [row["Name"] for row in rows]

    assert ordered("Amount") == ["Three", "One", "Two"]
    assert ordered("Amount DESC NULLS LAST") == ["Two", "One", "Three"]
    assert ordered("IsClosed DESC, Name LIMIT 2") == ["One", "Two"]
    assert ordered("Name LIMIT 2 OFFSET 1") == ["Three", "Two"]


def test_count_alone_gives_a_size_without_records(people):
    body = people.query("SELECT COUNT() FROM Opportunity WHERE IsClosed = true").json()
    assert body == {"totalSize": 2, "done": True, "records": []}


def test_json_shows_parents_nulls_and_java_numbers(people):
    soql = "SELECT Name, Amount, CloseDate, CreatedDate, Account.Name FROM Opportunity"
    reply = people.query(soql)
    first, _, last = reply.json()["records"]
    assert '"Amount":10.0' in reply.text
    assert first["attributes"]["url"].startswith("/services/data/v66.0/sobjects/Opportunity/006")
    assert first["Account"]["Name"] == "Acme"
    assert first["Account"]["attributes"]["type"] == "Account"
    assert first["CreatedDate"] == "2026-11-01T03:05:05.000+0000"
    assert (last["Account"], last["Amount"], last["CloseDate"]) == (None, None, "2025-01-15")


def test_compound_addresses_are_objects_in_rest(people):
    people.control("POST", "/Account", json={"Name": "Z", "BillingCity": "Perth"})
    row = people.rows("SELECT BillingAddress FROM Account WHERE Name = 'Z'")[0]
    assert row["BillingAddress"]["city"] == "Perth"


def test_item_23_long_results_come_in_pages_of_two_thousand(empty):
    for number in range(2_003):
        empty.org.records.put("Account", {
            "Id": empty.org.records.new_id("Account"), "Name": f"A{number}", "IsDeleted": False,
        })  # fmt: skip
    body = empty.query("SELECT Name FROM Account").json()
    assert (body["totalSize"], body["done"], len(body["records"])) == (2003, False, 2000)
    more = empty.http.get(body["nextRecordsUrl"]).json()
    assert (more["done"], len(more["records"])) == (True, 3)
    assert "nextRecordsUrl" not in more
    assert empty.call("GET", "/query/01gxx-2000").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    head = {"Sforce-Query-Options": "batchSize=200"}
    small = empty.call("GET", "/query", params={"q": "SELECT Id FROM Account"}, headers=head)
    assert len(small.json()["records"]) == 200


def test_item_14_query_all_shows_deleted_rows(people):
    row = people.rows("SELECT Id FROM Opportunity WHERE Name = 'One'")[0]
    people.control("POST", f"/Opportunity/{row['Id']}/delete")
    assert names(people, "Name = 'One'") == []
    soql = "SELECT Name, IsDeleted FROM Opportunity WHERE IsDeleted = true"
    assert [each["Name"] for each in people.rows(soql, "queryAll")] == ["One"]


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        ("", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT FROM Account", "MALFORMED_QUERY", "unexpected token: 'Account'"),
        ("SELECT Id Account", "MALFORMED_QUERY", "unexpected token: 'Account'"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Account WHERE Name == 'x'", "MALFORMED_QUERY", "unexpected token: '='"),
        ("SELECT Id FROM Account WHERE Name = \"x\"", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY", "right quote"),
        (r"SELECT Id FROM Account WHERE Name = '\q'", "MALFORMED_QUERY", "Illegal string"),
        ("SELECT Id FROM Account WHERE Id IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("SELECT Id FROM Account LIMIT x", "MALFORMED_QUERY", "unexpected token: 'x'"),
        (
            "SELECT Id FROM Account WHERE Name='a' AND Name='b' OR Name='c'",
            "MALFORMED_QUERY", "unexpected token: 'OR'",
        ),
        ("SELECT Name, COUNT(Id) FROM Account GROUP BY Name", "MALFORMED_QUERY", "COUNT()"),
        ("SELECT Id FROM Account GROUP BY Id", "MALFORMED_QUERY", "GROUP BY"),
        ("SELECT MAX(Amount) FROM Opportunity", "MALFORMED_QUERY", "MAX()"),
        ("SELECT Id, COUNT() FROM Account", "MALFORMED_QUERY", "only element"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "FIELDS()"),
        ("SELECT TYPEOF Owner WHEN User THEN Id END FROM Account", "MALFORMED_QUERY", "TYPEOF"),
        ("SELECT Id, (SELECT Id FROM Opportunities) FROM Account", "MALFORMED_QUERY", "subquery"),
        ("SELECT Id FROM Lead2", "INVALID_TYPE", "sObject type 'Lead2' is not supported"),
        ("SELECT Foo__c FROM Account", "INVALID_FIELD", "No such column 'Foo__c' on entity"),
        ("SELECT CurrencyIsoCode FROM Opportunity", "INVALID_FIELD", "CurrencyIsoCode"),
        ("SELECT BillingStateCode FROM Account", "INVALID_FIELD", "BillingStateCode"),
        ("SELECT Id FROM Account WHERE Foo = 1", "INVALID_FIELD", "No such column 'Foo'"),
        ("SELECT Id FROM Account ORDER BY Foo", "INVALID_FIELD", "No such column 'Foo'"),
        ("SELECT Nope.Name FROM Account", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        ("SELECT Id, id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        (
            "SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD", "must be of type dateTime and should not be enclosed in quotes",
        ),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-01-01", "INVALID_FIELD", "dateTime"),
        (
            "SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z",
            "INVALID_FIELD", "must be of type date ",
        ),
        ("SELECT Id FROM Opportunity WHERE IsWon = 'true'", "INVALID_FIELD", "type boolean"),
        ("SELECT Id FROM Opportunity WHERE IsWon > true", "INVALID_FIELD", "invalid operator"),
        ("SELECT Id FROM Opportunity WHERE Amount LIKE '1%'", "INVALID_FIELD", "invalid operator"),
        ("SELECT Id FROM Opportunity WHERE Amount = '1'", "INVALID_FIELD", "type double"),
        ("SELECT Id FROM Opportunity WHERE Description = 'x'", "INVALID_FIELD", "not be filtered"),
        ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID"),
        ("SELECT Id FROM Opportunity WHERE CloseDate = 2026-02-30", "MALFORMED_QUERY", "a valid"),
        ("SELECT Id FROM Opportunity WHERE CloseDate = SOMEDAY", "MALFORMED_QUERY", "SOMEDAY"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("SELECT Id FROM Account WHERE Name = :name", "MALFORMED_QUERY", "unexpected token: ':'"),
    ],
)  # fmt: skip
def test_item_13_refusals_by_rest_and_by_bulk(empty, soql, code, part):
    error = empty.query(soql)
    assert (error.status_code, error.json()[0]["errorCode"]) == (400, code)
    assert part in error.json()[0]["message"]
    assert empty.create_job(soql).status_code == 400


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        ("SELECT COUNT() FROM Account", "API_ERROR", "Aggregate"),
        ("SELECT Id FROM Account LIMIT 5 OFFSET 5", "API_ERROR", "OFFSET"),
        ("SELECT BillingAddress FROM Account", "API_ERROR", "Selecting compound data"),
        ("SELECT Id FROM OpportunityStage", "INVALIDENTITY", "not supported by the Bulk API"),
    ],
)
def test_item_13_refusals_by_bulk_only(empty, soql, code, part):
    assert empty.query(soql).status_code == 200
    error = empty.create_job(soql)
    assert (error.status_code, error.json()[0]["errorCode"]) == (400, code)
    assert part in error.json()[0]["message"]


def test_item_13_whether_bulk_reads_the_stages_is_a_switch(empty):
    empty.switch(stages_by_bulk=True)
    job_id = empty.finished_job("SELECT MasterLabel, IsWon FROM OpportunityStage")
    text = empty.call("GET", f"/jobs/query/{job_id}/results").text
    assert '"Closed Won","true"' in text
    assert text.count("\n") == 11


def test_item_13_bulk_takes_parents_lists_date_literals_order_and_limit(people):
    soql = (
        "SELECT Name, Account.Name FROM Opportunity WHERE Name IN ('One', 'Two', 'Three') "
        "AND CloseDate >= LAST_N_DAYS:30 ORDER BY CloseDate DESC LIMIT 1"
    )
    job_id = people.finished_job(soql)
    text = people.call("GET", f"/jobs/query/{job_id}/results").text
    assert text.splitlines()[1] == '"Two","O\'Brien \\ Sons"'


def test_item_21_a_hidden_field_fails_as_if_it_did_not_exist(bench):
    soql = "SELECT Id, ABN__c FROM Account"
    assert bench.query(soql).status_code == 200
    bench.switch(hidden_fields=["Account.ABN__c"])
    assert "No such column 'ABN__c'" in bench.query(soql).text
    assert "ABN__c" not in bench.call("GET", "/sobjects/Account/describe").text


def test_item_13_a_query_over_the_length_limit_is_refused(empty):
    soql = "SELECT Id FROM Account WHERE Name = '" + "x" * 100_000 + "'"
    assert empty.create_job(soql).json()[0]["errorCode"] == "MALFORMED_QUERY"
