"""Real processes at once on one consent, on both stores."""

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contract.ledger.workers import Crew
from tests.contract.tokens import processes
from tests.contract.tokens.consenting import BOOKS, Control, app_at, consent, rotation

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger

pytestmark = [pytest.mark.contract, pytest.mark.timeout(90)]


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.dismiss()


@pytest.fixture
def ended(url: str, address: str, key: str, control: Control) -> str:
    """A consent whose access token has ended; returns its refresh token."""
    with Ledger(url, token_keys=[key]) as ledger:
        ledger.migrate()
        given = consent(address)
        ledger.tokens.keep(BOOKS, app_at(address), replace(given, life_s=0))
    control.token_calls()
    assert given.refresh_token
    return given.refresh_token


def stored(url: str, key: str) -> tuple[str, str]:
    with Ledger(url, token_keys=[key]) as ledger:
        held = ledger.tokens.read(BOOKS)
    assert held is not None
    return held.access_token, held.refresh_token


def test_processes_that_need_a_token_at_once_cause_one_exchange_and_share_its_token(
    url: str, address: str, key: str, control: Control, crew: Crew, ended: str
) -> None:
    # Slow enough that the others ask while it is under way.
    control.arm("latency", path="/connect/token$", seconds=1.0)

    taken = crew.all_do(processes.take_token, url, address, key)

    assert [call["status"] for call in control.token_calls()] == [200]
    access_token, refresh_token = stored(url, key)
    assert set(taken) == {access_token}
    assert refresh_token != ended


def test_processes_whose_token_is_refused_at_once_cause_one_exchange(
    url: str, address: str, key: str, control: Control, crew: Crew, ended: str
) -> None:
    crew.all_do(processes.take_token, url, address, key)
    control.token_calls()
    control.post("/xero/tokens/expire")

    assert crew.all_do(processes.call, url, address, key) == [200] * Crew.SIZE

    # One that sees the refusal after the others have used the new token needs none of its own.
    assert len(control.token_calls()) == 1


@pytest.mark.parametrize(
    ("die", "exchanges"),
    [
        (processes.die_between_service_and_store, 2),
        (processes.die_with_the_lease, 1),
    ],
    ids=["after the service rotated", "before the service was asked"],
)
def test_a_process_that_dies_while_renewing_is_followed_by_another(
    url: str,
    address: str,
    key: str,
    control: Control,
    ended: str,
    die: Callable[..., Any],
    exchanges: int,
) -> None:
    dying = multiprocessing.get_context("spawn").Process(target=die, args=(url, address, key))
    dying.start()
    dying.join(30)
    assert dying.exitcode == processes.CRASHED
    assert stored(url, key)[1] == ended

    # A minute later its lease is over.
    later = FakeClock(datetime.now(UTC) + timedelta(seconds=61))
    with Ledger(url, clock=later, token_keys=[key]) as ledger:
        token = rotation(address, ledger, clock=later, sleeper=later).fetch()

    assert token.value == stored(url, key)[0]
    assert len(control.token_calls()) == exchanges
