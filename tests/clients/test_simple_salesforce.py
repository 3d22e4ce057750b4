"""simple-salesforce, unchanged: client credentials, REST, collections and Bulk API 2.0."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from tests.clients.conftest import SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET, Running

pytestmark = pytest.mark.clients


def log_in(domain: str, **options: str) -> Salesforce:
    return Salesforce(
        consumer_key=SALESFORCE_CLIENT_ID,
        **{"consumer_secret": SALESFORCE_CLIENT_SECRET, "domain": domain, **options},
    )


@pytest.fixture
def domain(running: Running, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the client pastes between `https://` and `.salesforce.com`."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca_file)
    return f"localhost:{running.port}/acme.my"


@pytest.fixture
def salesforce(domain: str, running: Running) -> Iterator[Salesforce]:
    """A client of an org with rows."""
    running.control("POST", "/seed", {"seed": 7, "accounts": 60, "opportunities": 2300})
    client = log_in(domain, version="66.0")
    yield client
    client.session.close()


def rows_of(pages: list[str]) -> list[dict[str, str]]:
    return [row for page in pages for row in csv.DictReader(io.StringIO(page))]


def ids_in_org(running: Running, object_name: str) -> set[str]:
    rows = running.control("GET", f"/salesforce/{object_name}")
    return {row["Id"] for row in rows if not row["IsDeleted"]}


def test_client_credentials_lead_to_the_address_they_were_sent_to(salesforce, running):
    assert salesforce.sf_instance == f"localhost:{running.port}"
    token_path = "/acme.my.salesforce.com/services/oauth2/token"
    assert ("POST", token_path, 200) in running.journal("salesforce")


def test_a_wrong_secret_is_the_clients_own_error(domain):
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        log_in(domain, consumer_secret="wrong")


def test_the_real_host_names_work_through_the_proxy(running, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca_file)
    monkeypatch.setenv("HTTPS_PROXY", running.addresses.proxy)
    client = log_in("acme.my")
    assert client.sf_instance == "acme.my.salesforce.com"
    assert client.query("SELECT Id FROM Organization")["totalSize"] == 1
    client.session.close()


def test_a_query_is_one_page_and_query_all_follows_the_pages(salesforce, running):
    first = salesforce.query("SELECT Id, Name, Account.Name, Amount FROM Opportunity")
    assert (first["done"], len(first["records"])) == (False, 2000)
    assert first["records"][0]["attributes"]["type"] == "Opportunity"
    everything = salesforce.query_all("SELECT Id FROM Opportunity")
    assert {row["Id"] for row in everything["records"]} == ids_in_org(running, "Opportunity")


def test_deleted_rows_are_seen_only_on_request(salesforce, running):
    [gone, *_] = ids_in_org(running, "Account")
    assert salesforce.Account.delete(gone) == 204
    question = f"SELECT Id, IsDeleted FROM Account WHERE Id = '{gone}'"  # noqa: S608 - an id
    assert salesforce.query_all(question)["totalSize"] == 0
    [row] = salesforce.query_all(question, include_deleted=True)["records"]
    assert row["IsDeleted"] is True


def test_bad_soql_is_the_clients_own_error(salesforce):
    with pytest.raises(SalesforceMalformedRequest) as refusal:
        salesforce.query("SELECT Nonsense FROM Account")
    assert refusal.value.content[0]["errorCode"] == "INVALID_FIELD"


def test_a_record_is_created_read_updated_and_missed(salesforce):
    made = salesforce.Account.create({"Name": "Maple Florist"})
    assert made["success"] is True
    assert salesforce.Account.update(made["id"], {"Phone": "02 5550 0123"}) == 204
    read = salesforce.Account.get(made["id"])
    assert (read["Name"], read["Phone"]) == ("Maple Florist", "02 5550 0123")
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Account.get("001000000000000AAA")


def test_an_external_id_creates_and_then_updates(salesforce):
    new = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-10-01"}
    key = "Xero_Invoice_Id__c/inv-1"
    assert salesforce.Opportunity.upsert(key, new) == 201
    assert salesforce.Opportunity.upsert(key, {"NextStep": "Paid"}) == 200
    read = salesforce.Opportunity.get_by_custom_id("Xero_Invoice_Id__c", "inv-1")
    assert (read["Name"], read["NextStep"]) == ("Deal", "Paid")


def test_replication_calls_list_what_changed_and_what_went(salesforce, running):
    kept, gone = (salesforce.Account.create({"Name": name})["id"] for name in ("Maple", "Oak"))
    salesforce.Account.delete(gone)
    window = running.now() - timedelta(hours=1), running.now() + timedelta(hours=1)
    updated = salesforce.Account.updated(*window)
    deleted = salesforce.Account.deleted(*window)
    assert kept in updated["ids"]
    assert gone not in updated["ids"]
    assert [each["id"] for each in deleted["deletedRecords"]] == [gone]
    assert {"earliestDateAvailable", "latestDateCovered"} <= deleted.keys()


def test_describe_lists_fields_and_objects(salesforce):
    described = salesforce.Opportunity.describe()
    types = {each["name"]: each["type"] for each in described["fields"]}
    assert (types["Amount"], types["CloseDate"], types["IsWon"]) == ("currency", "date", "boolean")
    assert "Account" in {each["name"] for each in salesforce.describe()["sobjects"]}


def test_limits_and_usage_are_read(salesforce):
    limits = salesforce.limits()["DailyApiRequests"]
    assert limits["Max"] > limits["Remaining"] > 0
    salesforce.query("SELECT Id FROM Organization")
    assert salesforce.api_usage["api-usage"].used >= 1


def test_a_bulk_query_brings_every_row_once(salesforce, running):
    pages = list(salesforce.bulk2.Opportunity.query("SELECT Id, Name FROM Opportunity"))
    ids = [row["Id"] for row in rows_of(pages)]
    assert len(pages) == 3
    assert len(ids) == len(set(ids))
    assert set(ids) == ids_in_org(running, "Opportunity")


def test_a_bulk_download_lands_in_files(salesforce, running, tmp_path):
    files = salesforce.bulk2.Account.download("SELECT Id FROM Account", str(tmp_path))
    assert sum(each["number_of_records"] for each in files) == len(ids_in_org(running, "Account"))


def test_a_bulk_insert_reports_what_worked_and_what_not(salesforce, running):
    rows = [{"Name": "First"}, {"Name": ""}, {"Name": "Third"}]
    [outcome] = salesforce.bulk2.Account.insert(records=rows)
    assert (outcome["numberRecordsProcessed"], outcome["numberRecordsFailed"]) == (3, 1)
    done = rows_of([salesforce.bulk2.Account.get_successful_records(outcome["job_id"])])
    assert {row["Name"] for row in done} == {"First", "Third"}
    assert {row["sf__Id"] for row in done} <= ids_in_org(running, "Account")
    [failed] = rows_of([salesforce.bulk2.Account.get_failed_records(outcome["job_id"])])
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING")


def test_a_bulk_update_changes_records(salesforce, running):
    chosen = sorted(ids_in_org(running, "Account"))[:3]
    rows = [{"Id": record_id, "Phone": "1300 555 019"} for record_id in chosen]
    [outcome] = salesforce.bulk2.Account.update(records=rows)
    assert outcome["numberRecordsFailed"] == 0
    phones = {salesforce.Account.get(record_id)["Phone"] for record_id in chosen}
    assert phones == {"1300 555 019"}


def test_a_collection_updates_many_and_says_so_for_each(salesforce, running):
    good, *_ = sorted(ids_in_org(running, "Account"))
    records = [
        {"attributes": {"type": "Account"}, "id": good, "Phone": "1300 555 019"},
        {"attributes": {"type": "Account"}, "id": "001000000000000AAA", "Phone": "1"},
    ]
    answers = salesforce.restful(
        "composite/sobjects", method="PATCH", json={"allOrNone": False, "records": records}
    )
    assert [each["success"] for each in answers] == [True, False]
    assert salesforce.Account.get(good)["Phone"] == "1300 555 019"


def test_expired_sessions_are_renewed_by_queries(salesforce, running):
    running.control("POST", "/salesforce/expire_tokens")
    assert salesforce.query("SELECT Id FROM Organization")["totalSize"] == 1
    statuses = [status for _, path, status in running.journal("salesforce") if "/query" in path]
    assert statuses == [401, 200]
