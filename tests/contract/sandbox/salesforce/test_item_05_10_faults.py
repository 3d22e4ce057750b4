"""Items 5 and 10 over a socket: replies of the edge, cut and stalled downloads, short pages."""

import httpx
import pytest

from sfxero.sandbox.server import SandboxSettings, run_in_thread

pytestmark = pytest.mark.contract
ROOT = "/services/data/v66.0"


@pytest.fixture(scope="module")
def address():
    with run_in_thread(SandboxSettings(accounts=20, opportunities=200)) as address:
        yield address


@pytest.fixture
def http(address):
    with httpx.Client(base_url=address, timeout=10) as client:
        form = {
            "grant_type": "client_credentials", "client_id": "sandbox-sf-client",
            "client_secret": "sandbox-sf-secret",
        }  # fmt: skip
        token = client.post("/services/oauth2/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        client.post("/_sandbox/salesforce/switches", json={"job_delay_s": 0})
        yield client
        client.delete("/_sandbox/fault")


@pytest.fixture
def results(http):
    body = {"operation": "query", "query": "SELECT Id, Name, Description FROM Opportunity"}
    job = http.post(f"{ROOT}/jobs/query", json=body).json()
    return f"{ROOT}/jobs/query/{job['id']}/results"


def arm(http, kind, **rule):
    reply = http.post("/_sandbox/fault", json={"kind": kind, **rule})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("status", [420, 502, 503])
def test_item_05_edge_failures_can_have_html_bodies(http, status):
    arm(http, "html_body", status=status, path="/limits")
    reply = http.get(f"{ROOT}/limits")
    assert (reply.status_code, reply.headers["content-type"][:9]) == (status, "text/html")
    assert http.get(f"{ROOT}/limits").status_code == 200


@pytest.mark.parametrize("status", [406, 429])
def test_item_05_406_and_429_come_without_a_body(http, status):
    arm(http, "error_before", status=status, path="/limits")
    reply = http.get(f"{ROOT}/limits")
    assert (reply.status_code, reply.content) == (status, b"")


def test_item_10_cut_download_can_be_read_again(http, results):
    arm(http, "cut_reply", path="/results")
    with pytest.raises(httpx.RemoteProtocolError):
        http.get(results)
    assert http.get(results).text == http.get(results).text


def test_item_10_stalled_download_outlasts_the_clients_patience(http, results):
    arm(http, "stalled_reply", path="/results", seconds=2)
    with pytest.raises(httpx.ReadTimeout):
        http.get(results, timeout=0.3)
    assert http.get(results).status_code == 200


def test_item_10_short_page_holds_fewer_rows_than_its_header_says(http, results):
    arm(http, "short_page", rows=3)
    short, whole = http.get(results), http.get(results)
    promised = short.headers["Sforce-NumberOfRecords"]
    assert promised == whole.headers["Sforce-NumberOfRecords"]
    assert whole.content.startswith(short.content)
    assert len(short.content) < len(whole.content)
