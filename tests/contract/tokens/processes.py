"""What the processes of the tests do; started afresh, so importable by name."""

import os
from typing import Any

from tests.contract.tokens.consenting import BOOKS, client, refresh, rotation

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.ledger import Ledger
from sfxero.transport.tokens import Grant

CRASHED = 9


def take_token(url: str, _number: int, address: str, key: str) -> str:
    """Take the connection's token, as each task does."""
    with Ledger(url, token_keys=[key]) as ledger:
        source = rotation(address, ledger, clock=SystemClock(), sleeper=SystemSleeper())
        return source.fetch().value


def call(url: str, _number: int, address: str, key: str) -> int:
    """Make one call; a token that the service refuses is renewed on the way."""
    with Ledger(url, token_keys=[key]) as ledger:
        one = client(address, ledger, clock=SystemClock(), sleeper=SystemSleeper())
        try:
            return one.call("GET", "Organisation").status
        finally:
            one.close()


def die_between_service_and_store(url: str, address: str, key: str) -> None:
    """Let the service rotate, and end before anything is stored."""
    with Ledger(url, token_keys=[key]) as ledger:

        def exchange(refresh_token: str) -> Grant:
            refresh(address, refresh_token)
            os._exit(CRASHED)

        clock: Any = SystemClock()
        rotation(address, ledger, clock=clock, sleeper=SystemSleeper(), exchange=exchange).fetch()


def die_with_the_lease(url: str, _address: str, key: str) -> None:
    """Claim, and end before the service is asked."""
    ledger = Ledger(url, token_keys=[key])
    held = ledger.tokens.read(BOOKS)
    assert held is not None
    ledger.tokens.claim(BOOKS, version=held.version, owner="dead", lease_s=60)
    os._exit(CRASHED)
