"""The frame: clock, journal, faults, control plane and server, over a real socket."""

import re
import time
from datetime import UTC, datetime

import httpx
import pytest
from typer.testing import CliRunner

from sfxero.cli.sandbox import app as sandbox_cli
from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.faults import FaultPlan, FaultRule
from sfxero.sandbox.journal import without_secrets
from sfxero.sandbox.server import SandboxSettings, build_sandbox, run_in_thread, serve, serving
from sfxero.sandbox.xero.switches import Switches

pytestmark = pytest.mark.contract

START = datetime(2026, 11, 22, tzinfo=UTC)
SECRET = "sandbox-xero-secret"
CREDENTIALS = ("sandbox-xero-client", SECRET)


@pytest.fixture
def sandbox():
    return build_sandbox(SandboxSettings(switches=Switches(write_latency_s=0.0)))


@pytest.fixture
def client(sandbox):
    """A client of a served sandbox, with a Xero token."""
    with serving(sandbox) as base_url, httpx.Client(base_url=base_url) as caller:
        form = {"grant_type": "client_credentials"}
        grant = caller.post("/connect/token", data=form, auth=CREDENTIALS).json()
        caller.headers["Authorization"] = f"Bearer {grant['access_token']}"
        caller.headers["Accept"] = "application/json"
        caller.delete("/_sandbox/journal")
        yield caller


def arm(client, kind, **rule):
    reply = client.post("/_sandbox/fault", json={"kind": kind, "path": "/Contacts$", **rule})
    assert reply.status_code == 200, reply.text


def create(client, name="Maple"):
    return client.put("/api.xro/2.0/Contacts", json={"Name": name})


def contacts(sandbox):
    return len(sandbox.xero.books.contacts)


class Ticks:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


def test_the_clock_runs_with_real_time_and_can_be_moved_and_sped_up():
    ticks = Ticks()
    clock = SandboxClock(START, ticks=ticks)
    ticks.at = 10
    assert (clock.now() - START).total_seconds() == 10
    clock.advance(60)
    clock.set_speed(100)
    ticks.at = 11
    assert (clock.now() - START).total_seconds() == 170


@pytest.mark.parametrize("move", ["advance", "set_speed"])
def test_the_clock_never_goes_back(move):
    with pytest.raises(ValueError, match="only moves forward"):
        getattr(SandboxClock(START), move)(-1)


def test_the_clock_is_moved_over_http(client):
    before = datetime.fromisoformat(client.get("/_sandbox/clock").json()["now"])
    after = client.post("/_sandbox/clock", json={"advance_s": 3600, "speed": 0}).json()
    moved = datetime.fromisoformat(after["now"]) - before
    assert 3600 <= moved.total_seconds() < 3660
    assert after["speed"] == 0


def test_a_lost_reply_commits_and_closes_the_connection(client, sandbox):
    arm(client, "lost_reply")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        create(client)
    assert contacts(sandbox) == 1
    assert create(client, "Other").status_code == 200


def test_an_error_before_commits_nothing(client, sandbox):
    arm(client, "error_before", status=503)
    reply = create(client)
    assert (reply.status_code, reply.text) == (503, "The Xero API is temporarily unavailable")
    assert "Xero-Correlation-Id" in reply.headers
    assert contacts(sandbox) == 0


def test_an_error_after_has_committed(client, sandbox):
    arm(client, "error_after")
    assert create(client).status_code == 500
    assert contacts(sandbox) == 1


def test_a_timeout_before_holds_the_call_and_commits_nothing(client, sandbox):
    arm(client, "timeout_before", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        client.put("/api.xro/2.0/Contacts", json={"Name": "Maple"}, timeout=0.1)
    assert contacts(sandbox) == 0


def test_a_timeout_that_outlasts_its_seconds_drops_the_connection(client, sandbox):
    arm(client, "timeout_before", seconds=0.05)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        create(client)
    assert contacts(sandbox) == 0


@pytest.mark.parametrize(("problem", "retry_after"), [("minute", "2"), ("concurrent", None)])
def test_a_forced_429_has_an_empty_body(client, sandbox, problem, retry_after):
    arm(client, "force_429", problem=problem)
    reply = create(client)
    assert (reply.status_code, reply.content) == (429, b"")
    assert reply.headers["X-Rate-Limit-Problem"] == problem
    assert reply.headers.get("Retry-After") == retry_after
    assert contacts(sandbox) == 0


def test_latency_delays_and_then_answers(client):
    arm(client, "latency", seconds=0.2)
    started = time.perf_counter()
    assert create(client).status_code == 200
    assert time.perf_counter() - started >= 0.2


def test_a_fault_strikes_its_path_and_verb_as_often_as_it_says(client):
    arm(client, "error_before", method="PUT", count=2)
    assert client.get("/api.xro/2.0/Contacts").status_code == 200
    assert [create(client, name).status_code for name in "abc"] == [503, 503, 200]
    [shown] = client.get("/_sandbox/fault").json()
    assert (shown["left"], shown["fired"]) == (0, 2)


def test_a_fault_strikes_salesforce_too(client):
    arm(client, "error_before", path="/services/")
    reply = client.get("/services/data")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (503, "SERVER_UNAVAILABLE")


def test_faults_of_chance_repeat_by_seed():
    def strikes(seed):
        plan = FaultPlan()
        plan.arm(FaultRule(kind="latency", probability=0.5, count=None, seed=seed))
        return [plan.pick("GET", "/") is not None for _ in range(64)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 10 < sum(strikes(1)) < 54


@pytest.mark.parametrize("rule", [{"kind": "unknown"}, {"kind": "latency", "path": "("}])
def test_an_unreadable_fault_is_refused(client, rule):
    assert client.post("/_sandbox/fault", json=rule).status_code == 422


def test_the_journal_notes_each_service_request(client):
    headers = {"Idempotency-Key": "k-1", "xero-tenant-id": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}
    client.put("/api.xro/2.0/Contacts?unitdp=4", json={"Name": "Maple"}, headers=headers)
    arm(client, "lost_reply")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        create(client, "Oak")
    first, second = client.get("/_sandbox/journal").json()
    assert (first["method"], first["path"]) == ("PUT", "/api.xro/2.0/Contacts")
    assert (first["query"], first["status"], first["service"]) == ("unitdp=4", 200, "xero")
    assert (first["idempotency_key"], first["tenant"]) == ("k-1", headers["xero-tenant-id"])
    assert (first["in_flight"], first["fault"]) == (1, None)
    assert (second["status"], second["fault"]) == (None, "lost_reply")
    assert client.get("/_sandbox/journal", params={"after": first["number"]}).json() == [second]


def test_the_journal_never_holds_credentials_or_bodies(client):
    client.post(f"/connect/token?client_secret={SECRET}", data={"client_secret": SECRET})
    create(client, "Body Words")
    text = client.get("/_sandbox/journal").text
    assert SECRET not in text
    assert "Body Words" not in text
    assert client.headers["Authorization"].split()[1] not in text


def test_only_secret_parameters_are_struck_out():
    assert without_secrets("page=1&where=a%3D%3D1") == "page=1&where=a%3D%3D1"
    assert without_secrets("page=1&refresh_token=abc") == "page=1&refresh_token=%2A%2A%2A"


def test_the_state_counts_and_dumps_with_amounts_as_text(client):
    line = {"Description": "x", "UnitAmount": 0.1, "AccountCode": "200"}
    body = {"Type": "ACCREC", "Contact": {"Name": "Maple"}, "LineItems": [line]}
    client.put("/api.xro/2.0/Invoices", json=body)
    state = client.get("/_sandbox/state").json()["xero"]
    assert (state["contacts"], state["invoices"], state["invoiced_total"]) == (1, 1, "0.11")
    assert "invoice_rows" not in state
    [invoice] = client.get("/_sandbox/state?full=1").json()["xero"]["invoice_rows"]
    assert (invoice["total"], invoice["lines"][0]["unit_amount"]) == ("0.11", "0.10")


def test_seeding_fills_salesforce_and_reset_empties_both(client):
    create(client)
    order = {"seed": 7, "accounts": 5, "opportunities": 10}
    state = client.post("/_sandbox/seed", json=order).json()
    assert (state["salesforce"]["Account"], state["salesforce"]["Opportunity"]) == (5, 10)
    assert state["xero"]["contacts"] == 1
    state = client.post("/_sandbox/reset").json()
    assert (state["salesforce"]["Account"], state["xero"]["contacts"]) == (0, 0)
    # A token from before still opens the door.
    assert client.get("/api.xro/2.0/Contacts").status_code == 200


@pytest.mark.parametrize(
    "values", [{"nonsense": 1}, {"minute_limit": "x"}, {"rounding": "up"}, {"partial_commit": 1}]
)
def test_a_switch_that_is_none_or_takes_other_values_is_refused(client, values):
    before = client.get("/_sandbox/xero/switches").json()
    assert client.post("/_sandbox/xero/switches", json=values).status_code == 400
    assert client.get("/_sandbox/xero/switches").json() == before


def test_control_paths_shadow_no_service_path(client):
    assert client.get("/api.xro/2.0/_sandbox/state").status_code == 404
    assert client.get("/_sandbox/journal").json()[-1]["path"] == "/api.xro/2.0/_sandbox/state"


def test_it_refuses_to_bind_beyond_loopback(sandbox):
    with pytest.raises(ValueError, match="loopback only"):
        serve(sandbox, host="0.0.0.0", port=0)  # noqa: S104 - the refusal is the point


def test_two_sandboxes_in_one_process_share_nothing(client):
    create(client)
    with run_in_thread() as other_url:
        state = httpx.get(f"{other_url}/_sandbox/state").json()
    assert state["xero"]["contacts"] == 0


def test_the_command_line_turns_the_knobs_of_a_running_sandbox(client):
    url = ["--url", str(client.base_url)]
    runner = CliRunner()
    clock = runner.invoke(sandbox_cli, ["clock", "--advance-s", "5", *url])
    seed = runner.invoke(sandbox_cli, ["seed", "--accounts", "3", "--opportunities", "4", *url])
    fault = runner.invoke(sandbox_cli, ["fault", "latency", "--path", "none", *url])
    create(client)
    journal = runner.invoke(sandbox_cli, ["journal", *url])
    assert [each.exit_code for each in (clock, seed, fault, journal)] == [0, 0, 0, 0]
    assert '"Account": 3' in seed.output
    assert re.search(r"200 PUT +/api\.xro/2\.0/Contacts", journal.output)


def test_the_command_line_says_when_no_sandbox_answers():
    result = CliRunner().invoke(sandbox_cli, ["clock", "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 2
    assert "No sandbox answers" in result.output


def test_the_command_line_says_when_the_address_is_refused():
    arguments = ["start", "--host", "10.0.0.1", "--accounts", "0"]
    result = CliRunner().invoke(sandbox_cli, arguments)
    assert result.exit_code == 2
    assert "loopback only" in result.output
