"""The clients from npm, unchanged: xero-node and jsforce, each run by a small script."""

import pytest
from tests.clients.conftest import (
    SALESFORCE_CLIENT_ID,
    SALESFORCE_CLIENT_SECRET,
    XERO_CLIENT_ID,
    XERO_CLIENT_SECRET,
)

# The first test of a fresh checkout installs the clients.
pytestmark = [pytest.mark.clients, pytest.mark.timeout(240)]


def run_xero(run_node, **options):
    return run_node(
        "xero.mjs",
        through_proxy=True,
        clientId=XERO_CLIENT_ID,
        clientSecret=XERO_CLIENT_SECRET,
        **options,
    )


def run_jsforce(run_node, **options):
    return run_node(
        "jsforce.mjs",
        through_proxy=False,
        clientId=SALESFORCE_CLIENT_ID,
        clientSecret=SALESFORCE_CLIENT_SECRET,
        **options,
    )


@pytest.fixture
def filled(running):
    running.control("POST", "/seed", {"seed": 7, "accounts": 60, "opportunities": 2300})
    # jsforce pipes every page into one stream and lets the first page end it, so that it
    # fails at the second: against Salesforce too, whose pages are only larger.
    running.control("POST", "/salesforce/switches", {"page_cap": 100_000})
    rows = running.control("GET", "/salesforce/Opportunity")
    return len([row for row in rows if not row["IsDeleted"]])


def test_xero_node_gets_a_token_and_its_tenant(run_node):
    said = run_xero(run_node)
    assert (said["tokenType"], said["expiresIn"]) == ("Bearer", 1800)
    assert said["organisation"] == "AUD"


def test_xero_node_creates_lists_and_is_refused(run_node):
    said = run_xero(run_node)
    assert said["contactFound"] == [True]
    assert said["batch"] == ["OK", "ERROR", "OK"]
    assert "line items" in said["problem"]
    assert (said["total"], said["dueDate"]) == (110, "2026-12-20T00:00:00.000Z")
    assert sorted(number for page in said["pages"] for number in page) == ["SF-1", "SF-3"]
    assert said["wholeBatch"]["status"] == 400
    assert said["wholeBatch"]["body"]["ErrorNumber"] == 10
    assert (said["missing"], said["stranger"]) == (404, 403)


def test_xero_node_pays_and_credits(run_node):
    said = run_xero(run_node, withMoney=True)
    dues = (said["dueAfterPayment"], said["dueAfterDeletion"], said["dueAfterCredit"])
    assert dues == (44, 110, 66)


def test_xero_node_follows_a_persons_consent_to_its_revocation(run_node, running):
    running.control("POST", "/xero/switches", {"auto_consent": True})
    consent = {
        "clientId": "sandbox-xero-web",
        "clientSecret": "sandbox-xero-web-secret",
        "redirectUri": "http://localhost:8080/callback",
        "scopes": ["openid", "profile", "email", "offline_access", "accounting.contacts"],
    }
    said = run_xero(run_node, consent=consent)
    assert said["consentHost"].endswith("xero.com")
    assert said["idTokenClaims"] is True
    assert (said["tenantsOfUser"], said["rotated"]) == (1, True)
    assert said["afterRevocation"] == 400


def test_jsforce_reads_by_rest_and_by_bulk_query(run_node, running, filled):
    said = run_jsforce(run_node)
    assert said["instanceUrl"] == f"https://localhost:{running.port}"
    assert said["firstPage"] == [False, 2000, filled]
    assert (said["autoFetched"], said["bulkRows"]) == (filled, filled)
    assert (said["amountType"], said["hasAccount"]) == ("currency", True)
    assert said["refusal"] == "INVALID_FIELD"


def test_jsforce_writes_records(run_node, filled):
    said = run_jsforce(run_node)
    assert (said["account"], said["left"]) == ("02 5550 0123", 0)


def test_jsforce_renews_a_spent_session_once(run_node, running, filled):
    assert run_jsforce(run_node)["renewed"] == 1
    statuses = [status for _, path, status in running.journal("salesforce") if "/query" in path]
    assert statuses[-2:] == [401, 200]


def test_jsforce_keeps_its_default_host_names_through_the_proxy(run_node, running, filled):
    said = run_jsforce(
        run_node, loginUrl="https://acme.my.salesforce.com", httpProxy=running.addresses.proxy
    )
    assert said["instanceUrl"] == "https://acme.my.salesforce.com"
    assert said["bulkRows"] == filled


def test_jsforce_writes_by_collections_and_by_bulk_ingest(run_node, filled):
    said = run_jsforce(run_node, withCollections=True, withIngest=True)
    assert said["collection"] == [True, False]
    assert said["ingested"] == ["First", "Third"]
    assert said["refused"] == ["REQUIRED_FIELD_MISSING"]
    assert said["unprocessed"] == 0
