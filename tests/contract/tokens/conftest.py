"""A ledger with a consent in it, and the sandbox that gave it, over a socket."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from tests.contract.ledger.conftest import postgres_url, url  # noqa: F401 - fixtures
from tests.contract.tokens.consenting import BOOKS, Control, app_at, consent, rotation

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox, serving
from sfxero.sandbox.xero.switches import Switches
from sfxero.transport.tokens import Grant
from sfxero.xero.rotation import Rotation


@pytest.fixture
def sandbox() -> Sandbox:
    return build_sandbox(SandboxSettings(switches=Switches(minute_limit=1000, auto_consent=True)))


@pytest.fixture
def address(sandbox: Sandbox) -> Iterator[str]:
    with serving(sandbox) as base_url:
        yield base_url


@pytest.fixture
def control(address: str) -> Iterator[Control]:
    control = Control(address)
    yield control
    control.close()


@pytest.fixture
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture
def ledger(tmp_path: Path, clock: FakeClock, key: str) -> Iterator[Ledger]:
    """Its store of tokens behaves alike on PostgreSQL (tests of the ledger)."""
    with Ledger(f"sqlite:///{tmp_path / 'books.db'}", clock=clock, token_keys=[key]) as ledger:
        ledger.migrate()
        yield ledger


@pytest.fixture
def grant(ledger: Ledger, address: str, control: Control) -> Grant:
    """A consent that was given and stored just now."""
    given = consent(address)
    ledger.tokens.keep(BOOKS, app_at(address), given)
    control.token_calls()
    return given


@pytest.fixture
def passes(clock: FakeClock, sandbox: Sandbox) -> Callable[[float], None]:
    """Let time pass, here and there."""

    def pass_by(seconds: float) -> None:
        clock.advance(seconds)
        sandbox.clock.advance(seconds)

    return pass_by


@pytest.fixture
def new_rotation(address: str, ledger: Ledger, clock: FakeClock) -> Callable[..., Rotation]:
    """Build what renews; keywords replace the usual parts."""

    def build(**changes: Any) -> Rotation:
        return rotation(address, ledger, **{"clock": clock, "sleeper": clock, **changes})

    return build
