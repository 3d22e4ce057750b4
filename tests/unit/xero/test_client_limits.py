"""The client keeps within limits, and stops asking a Xero that cannot be reached."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sfxero.clock import FakeClock
from sfxero.errors import (
    CircuitOpen,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    ServiceUnavailable,
    SyncError,
)
from sfxero.model.ids import TenantId
from sfxero.ratelimit.circuit import Circuit, CircuitKey, CircuitPolicy, CircuitState, after_failure
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import Grant, LimitPolicy
from sfxero.ratelimit.ports import Permit
from sfxero.xero.client import XeroClient

OK = httpx.Response(200, json={"Status": "OK"})
DOWN = httpx.ConnectError("refused")
TENANT = TenantId("7f1d0000-0000-0000-0000-000000000001")
LEDGER_DOWN = ServiceUnavailable("the ledger's database failed", service="ledger")

NewClient = Callable[..., XeroClient]


class Circuits:
    """A store of one circuit, on a clock that stands still; probes are due at once."""

    def __init__(self) -> None:
        self.state = CircuitState()
        self.successes = 0
        self.on_look: list[CircuitState] = []

    def look(self, *_: object) -> CircuitState:
        return self.on_look.pop(0) if self.on_look else self.state

    def claim_probe(self, *_: object, **__: object) -> int | None:
        return self.state.probe

    def failed(self, _: CircuitKey, *, probe: int | None, policy: CircuitPolicy) -> None:
        self.state = after_failure(self.state, probe=probe, policy=policy) or self.state

    def succeeded(self, *_: object) -> None:
        self.successes += 1
        self.state = CircuitState()


class Places:
    """Counts the permits out."""

    def __init__(self) -> None:
        self.out = 0
        self.most = 0

    def take(self, *_: object, **__: object) -> Permit:
        self.out += 1
        self.most = max(self.most, self.out)
        return Permit(1, 1)

    def give_back(self, *_: object) -> None:
        self.out -= 1


@pytest.fixture
def circuits() -> Circuits:
    return Circuits()


@pytest.fixture
def client(new_client: NewClient, circuits: Circuits) -> XeroClient:
    circuit = Circuit(circuits, CircuitKey("xero", "t-1"), policy=CircuitPolicy(failures=4))
    return new_client(circuit=circuit)


def write(client: XeroClient, *, permit_taken: bool = False) -> Any:
    return client.call(
        "PUT",
        "Invoices",
        content=b"{}",
        idempotency_key="k",
        is_write=True,
        permit_taken=permit_taken,
    )


@pytest.mark.parametrize(
    ("answer", "failures"),
    [
        (DOWN, 1),
        (httpx.ReadTimeout("slow"), 1),
        (httpx.Response(500), 1),
        (httpx.Response(503, text="The Organisation is offline"), 1),
        (httpx.Response(501, json={"ErrorNumber": 20}), 0),
        (httpx.Response(429), 0),
        (httpx.Response(400, json={"ErrorNumber": 10}), 0),
        (httpx.Response(404), 0),
    ],
)
def test_what_counts_as_not_reaching_xero(
    xero: Any, client: XeroClient, circuits: Circuits, answer: Any, failures: int
) -> None:
    xero.answers = [answer]
    with pytest.raises(SyncError):
        write(client)
    assert circuits.state.failures == failures


def test_an_answer_ends_a_row_of_failures(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    xero.answers = [DOWN, DOWN, OK, OK]
    client.call("GET", "Accounts")
    client.call("GET", "Accounts")
    assert (circuits.state, circuits.successes) == (CircuitState(), 1)


def test_a_read_stops_asking_as_soon_as_the_circuit_opens(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    circuits.state = CircuitState(failures=2)
    xero.answers = [DOWN, DOWN]
    with pytest.raises(CircuitOpen):
        client.call("GET", "Accounts")
    assert len(xero.calls) == 2


def test_a_read_whose_last_try_opens_the_circuit_says_so(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    circuits.state = CircuitState(failures=1)
    xero.answers = [DOWN] * 3
    with pytest.raises(CircuitOpen) as caught:
        client.call("GET", "Accounts")
    assert isinstance(caught.value.__context__, NotSent)


def test_a_write_of_unknown_outcome_stays_one_though_it_opens_the_circuit(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    circuits.state = CircuitState(failures=3)
    xero.answers = [httpx.ReadTimeout("slow")]
    with pytest.raises(OutcomeUnknown):
        write(client)
    assert circuits.state.openings == 1


def test_while_the_circuit_is_open_nothing_is_sent_and_no_token_fetched(
    xero: Any, client: XeroClient, circuits: Circuits, quota: Any
) -> None:
    circuits.state = CircuitState(failures=4, openings=1, wait_s=20)
    for call in (client.take_permit, lambda: client.call("GET", "Accounts"), lambda: write(client)):
        with pytest.raises(CircuitOpen):
            call()
    assert (xero.calls, xero.token_calls, quota.takes) == ([], [], [])


def test_a_circuit_that_opened_while_a_call_waited_stops_it(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    circuits.on_look = [CircuitState(), CircuitState(failures=4, openings=1, wait_s=20)]
    with pytest.raises(CircuitOpen):
        client.call("GET", "Accounts")
    assert xero.calls == []


def test_who_got_the_probe_may_make_its_call_and_closes_the_circuit(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    circuits.on_look = [CircuitState(failures=4, openings=1, probe=3)]
    circuits.state = CircuitState(failures=4, openings=1, probe=3, wait_s=60)
    client.take_permit()
    xero.answers = [OK]
    write(client, permit_taken=True)
    assert circuits.state == CircuitState()


def test_a_permit_that_nothing_was_sent_by_serves_the_next_call(
    xero: Any, client: XeroClient, quota: Any
) -> None:
    xero.answers = [OK, OK]
    client.take_permit()
    client.take_permit()
    write(client, permit_taken=True)
    assert len(quota.takes) == 1

    client.take_permit()
    write(client, permit_taken=True)
    assert len(quota.takes) == 2


def test_a_probe_that_fails_may_not_ask_twice(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    due = CircuitState(failures=4, openings=1, probe=3)
    circuits.on_look = [due]
    circuits.state = CircuitState(failures=4, openings=1, probe=3, wait_s=60)
    xero.answers = [DOWN, OK]
    with pytest.raises(CircuitOpen):
        client.call("GET", "Accounts")
    assert (len(xero.calls), circuits.state.openings) == (1, 2)


def test_a_token_endpoint_that_is_down_counts(
    xero: Any, client: XeroClient, circuits: Circuits
) -> None:
    xero.token_answers = [DOWN, httpx.Response(503), DOWN]
    with pytest.raises(SyncError):
        client.call("GET", "Accounts")
    assert circuits.state.failures == 3


def test_trouble_of_the_ledger_is_not_trouble_of_xero(
    new_client: NewClient, circuits: Circuits
) -> None:
    class Tokens:
        def get(self) -> str:
            raise LEDGER_DOWN

        def renew(self, _: str) -> str:
            raise LEDGER_DOWN

    client = new_client(circuit=Circuit(circuits, CircuitKey("xero", "t")), tokens=Tokens())
    with pytest.raises(ServiceUnavailable):
        client.call("GET", "Accounts")
    assert circuits.state.failures == 0


@pytest.mark.parametrize("answer", [OK, httpx.Response(429), DOWN])
def test_a_permit_is_held_during_a_call_and_given_back_however_it_ends(
    xero: Any, new_client: NewClient, quota: Any, clock: FakeClock, answer: Any
) -> None:
    places = Places()
    client = new_client(
        limiter=Limiter(quota, LimitPolicy(), tenant=TENANT, sleeper=clock, permits=places)
    )
    during: list[int] = []

    def reply(request: httpx.Request) -> httpx.Response:
        during.append(places.out)
        if isinstance(answer, Exception):
            raise answer
        return answer

    xero.answers = [reply]
    try:
        write(client)
    except SyncError:
        assert answer is not OK
    assert (during, places.out) == ([1], 0)


def test_a_written_reply_is_not_lost_over_a_ledger_that_fails(
    xero: Any, client: XeroClient, quota: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LEDGER_DOWN

    monkeypatch.setattr(quota, "observe", fail)
    xero.answers = [httpx.Response(200, json={}, headers={"x-minlimit-remaining": "5"})]
    assert write(client).status == 200


def test_a_write_whose_turn_moved_far_away_is_not_sent(
    xero: Any, client: XeroClient, quota: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.take_permit()
    started = clock.now()
    monkeypatch.setattr(quota, "standing", lambda *_, **__: Grant(40.0))
    with pytest.raises(RateLimited) as caught:
        write(client, permit_taken=True)
    assert (xero.calls, caught.value.retry_after_s, clock.now()) == ([], 40.0, started)


def test_the_day_may_end_between_a_permit_and_its_call(
    xero: Any, client: XeroClient, quota: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(*_: object, **__: object) -> Grant:
        raise QuotaExhausted("the day's calls are used up")

    client.take_permit()
    monkeypatch.setattr(quota, "standing", over)
    with pytest.raises(QuotaExhausted):
        write(client, permit_taken=True)
    assert xero.calls == []
