"""The session stops asking an org that cannot be reached."""

from typing import Any

import httpx
import pytest

from sfxero.clock import FakeClock, seeded_random
from sfxero.errors import CircuitOpen, OutcomeUnknown, ServiceUnavailable, SyncError
from sfxero.ratelimit.circuit import Circuit, CircuitKey, CircuitPolicy, CircuitState, after_failure
from sfxero.salesforce.client import SalesforceClient

HOST = "https://acme.my.salesforce.com"
VERSIONS = "/services/data/"
DOWN = httpx.ConnectError("refused")
OK = httpx.Response(200, json=[], headers={"Date": "Sun, 22 Nov 2026 01:02:03 GMT"})
OPEN = CircuitState(failures=9, openings=1, probe=3, wait_s=60)


class Circuits:
    """A store of one circuit, on a clock that stands still."""

    def __init__(self) -> None:
        self.state = CircuitState()

    def look(self, *_: object) -> CircuitState:
        return self.state

    def claim_probe(self, *_: object, **__: object) -> int | None:
        return self.state.probe

    def failed(self, _: CircuitKey, *, probe: int | None, policy: CircuitPolicy) -> None:
        self.state = after_failure(self.state, probe=probe, policy=policy) or self.state

    def succeeded(self, *_: object) -> None:
        self.state = CircuitState()


@pytest.fixture
def circuits() -> Circuits:
    return Circuits()


@pytest.fixture
def client(org: Any, clock: FakeClock, circuits: Circuits) -> SalesforceClient:
    return SalesforceClient(
        login_url=HOST,
        client_id="client-id",
        client_secret="hunter2",
        api_version="66.0",
        transport=httpx.MockTransport(org),
        clock=clock,
        sleeper=clock,
        random=seeded_random(1),
        circuit=Circuit(
            circuits, CircuitKey("salesforce", "org"), policy=CircuitPolicy(failures=5)
        ),
    )


def test_tries_that_fail_open_the_circuit_and_the_caller_hears_of_it(
    org: Any, client: SalesforceClient, circuits: Circuits
) -> None:
    org.on(VERSIONS, DOWN)
    with pytest.raises(CircuitOpen):
        client.server_now()
    assert (len(org.paths()), circuits.state.openings) == (5, 1)


def test_an_open_circuit_lets_neither_call_nor_login_out(
    org: Any, client: SalesforceClient, circuits: Circuits
) -> None:
    circuits.state = OPEN
    with pytest.raises(CircuitOpen):
        client.server_now()
    assert org.requests == []


def test_an_answer_ends_a_row_of_failures(
    org: Any, client: SalesforceClient, circuits: Circuits
) -> None:
    org.on(VERSIONS, DOWN, httpx.Response(503), OK)
    client.server_now()
    assert circuits.state == CircuitState()


def test_a_login_that_cannot_be_reached_counts(
    org: Any, client: SalesforceClient, circuits: Circuits
) -> None:
    org.token_replies = [httpx.Response(503) for _ in range(5)]
    with pytest.raises(CircuitOpen):
        client.server_now()
    assert circuits.state.openings == 1


@pytest.mark.parametrize("status", [400, 404, 429])
def test_a_refusal_is_an_answer(
    org: Any, client: SalesforceClient, circuits: Circuits, status: int
) -> None:
    circuits.state = CircuitState(failures=2)
    org.on(VERSIONS, httpx.Response(status, json=[{"errorCode": "X", "message": "no"}]))
    with pytest.raises(SyncError):
        client.server_now()
    assert circuits.state.failures == 0


def test_a_refused_login_is_an_answer_too(
    org: Any, client: SalesforceClient, circuits: Circuits
) -> None:
    circuits.state = CircuitState(failures=2)
    org.token_replies = [httpx.Response(400, json={"error": "invalid_client"})]
    with pytest.raises(SyncError):
        client.server_now()
    assert circuits.state.failures == 0


def test_streams_go_through_the_circuit(
    org: Any, client: SalesforceClient, circuits: Circuits
) -> None:
    org.on("/results", DOWN)
    with (
        pytest.raises(CircuitOpen),
        client.session.stream("/results", accept="text/csv", params={}, deadline_s=5),
    ):
        pytest.fail("there is nothing to read")
    assert circuits.state.openings == 1


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("no reply"), httpx.Response(503)])
def test_a_write_that_opens_the_circuit_is_still_of_unknown_outcome(
    org: Any, client: SalesforceClient, circuits: Circuits, failure: Any
) -> None:
    assert client.session.org_id  # its login has reached the org
    circuits.state = CircuitState(failures=4)
    org.on("/composite", failure)
    with pytest.raises(OutcomeUnknown):
        client.session.write("PATCH", "/composite", content=b"{}")
    assert circuits.state.openings == 1


def test_without_a_circuit_a_failure_is_what_it_was(org: Any, clock: FakeClock) -> None:
    client = SalesforceClient(
        login_url=HOST,
        client_id="client-id",
        client_secret="hunter2",
        api_version="66.0",
        transport=httpx.MockTransport(org),
        clock=clock,
        sleeper=clock,
        random=seeded_random(1),
    )
    org.on(VERSIONS, httpx.Response(503))
    with pytest.raises(ServiceUnavailable):
        client.server_now()
