"""Assembles the sandbox and serves it on loopback."""

import argparse
import ipaddress
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sfxero.sandbox.app import build_app
from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.control import SeedOrder
from sfxero.sandbox.doors import Addresses, Doors, TlsDoor
from sfxero.sandbox.faults import FaultPlan
from sfxero.sandbox.journal import Journal
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.seed import seed_org
from sfxero.sandbox.tls import LOCAL_HOSTS, SERVICE_HOSTS, TlsFiles, prepare_tls
from sfxero.sandbox.xero.identity import App
from sfxero.sandbox.xero.service import XeroService
from sfxero.sandbox.xero.switches import Switches

START_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How a sandbox starts; without accounts the org starts empty."""

    seed: int = 42
    accounts: int = 0
    opportunities: int = 0
    app: App = field(default_factory=App)
    switches: Switches = field(default_factory=Switches)
    clock_start_at: datetime | None = None
    clock_speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Https:
    """The folder of the certificates, and the ports of HTTPS and of the proxy; 0: a free one."""

    folder: Path
    port: int = 0
    proxy_port: int = 0


class Sandbox:
    """Both services with their clock, journal and faults; `app` is the ASGI application."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Build and, if asked for, seed."""
        self.clock = SandboxClock(settings.clock_start_at, speed=settings.clock_speed)
        self.org = SalesforceOrg(self.clock)
        self.xero = XeroService(self.clock, settings.app, settings.switches)
        self.journal = Journal()
        self.faults = FaultPlan(self.clock.now)
        self.app = build_app(self, reset=self.reset, seed=self.seed)
        if settings.accounts:
            self._fill(settings.seed, settings.accounts, settings.opportunities)

    def reset(self) -> None:
        """Empty both services, the journal and the faults; the clock goes on."""
        self.org.reset()
        self.xero.reset()
        self.journal.clear()
        self.faults.clear()

    def seed(self, order: SeedOrder) -> None:
        """Start the org again from seeded rows; Xero keeps what it has."""
        self.org.reset()
        self._fill(order.seed, order.accounts, order.opportunities)

    def _fill(self, seed: int, accounts: int, opportunities: int) -> None:
        seed_org(self.org, seed=seed, accounts=accounts, opportunities=opportunities)


def build_sandbox(settings: SandboxSettings | None = None) -> Sandbox:
    """Build a sandbox that is not yet served."""
    return Sandbox(settings or SandboxSettings())


def serve(
    sandbox: Sandbox,
    *,
    host: str = "127.0.0.1",
    port: int = 8099,
    allow_non_loopback: bool = False,
    https: Https | None = None,
) -> None:
    """Serve until interrupted; refuses to be reached from elsewhere unless told otherwise."""
    with _opened(sandbox, host, port, https=https, allow_non_loopback=allow_non_loopback) as doors:
        sys.stdout.write(f"sandbox ready at {doors.addresses.plain}\n")
        if https is not None:
            sys.stdout.write(
                f"  HTTPS at {doors.addresses.tls}, proxy at {doors.addresses.proxy}\n"
            )
            sys.stdout.write(f"  certificate authority: {doors.addresses.ca_file}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):  # Ctrl-C is how a sandbox ends
            doors.run()


@contextmanager
def serving_all(sandbox: Sandbox, *, https: Https | None = None) -> Iterator[Addresses]:
    """Serve a sandbox in a thread on free ports; yields its addresses."""
    with _opened(sandbox, "127.0.0.1", 0, https=https, allow_non_loopback=False) as doors:
        thread = threading.Thread(target=doors.run, name="sandbox", daemon=True)
        thread.start()
        try:
            yield doors.addresses
        finally:
            doors.stop()
            thread.join(START_TIMEOUT_S)


@contextmanager
def serving(sandbox: Sandbox) -> Iterator[str]:
    """Serve a sandbox in a thread on a free port; yields its address."""
    with serving_all(sandbox) as addresses:
        yield addresses.plain


@contextmanager
def run_in_thread(settings: SandboxSettings | None = None) -> Iterator[str]:
    """Build and serve in a thread on a free port; yields its address."""
    with serving(build_sandbox(settings)) as base_url:
        yield base_url


@contextmanager
def _opened(
    sandbox: Sandbox, host: str, port: int, *, https: Https | None, allow_non_loopback: bool
) -> Iterator[Doors]:
    """Bind all ports at once, so that calls wait in the queue until the server takes them."""
    if not allow_non_loopback and not _is_loopback(host):
        raise ValueError(f"The sandbox serves loopback only, not {host}; allow it if you mean it.")
    with ExitStack() as open_sockets:

        def bound(wanted: int) -> socket.socket:
            return open_sockets.enter_context(_listener(host, wanted))

        if https is None:
            yield Doors(sandbox.app, bound(port))
        else:
            yield Doors(
                sandbox.app,
                bound(port),
                TlsDoor(bound(https.port), bound(https.proxy_port), _certificates(https)),
            )


def _certificates(https: Https) -> TlsFiles:
    return prepare_tls(https.folder, hosts=(*LOCAL_HOSTS, *SERVICE_HOSTS))


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _main() -> None:
    parser = argparse.ArgumentParser(description="Serve the sandbox.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--accounts", type=int, default=300)
    parser.add_argument("--opportunities", type=int, default=1200)
    parser.add_argument("--daily-limit", type=int, default=Switches().day_limit)
    given = parser.parse_args()
    settings = SandboxSettings(
        seed=given.seed,
        accounts=given.accounts,
        opportunities=given.opportunities,
        switches=Switches(day_limit=given.daily_limit),
    )
    serve(build_sandbox(settings), host=given.host, port=given.port)


if __name__ == "__main__":
    _main()
