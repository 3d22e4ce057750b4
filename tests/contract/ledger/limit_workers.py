"""What the processes of the tests of limits do; started afresh, so importable by name."""

from tests.contract.ledger.making import TENANT

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.ratelimit.circuit import Circuit, CircuitKey, CircuitPolicy
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import LimitPolicy
from sfxero.xero.client import XeroClient

KEY = CircuitKey("xero", "tenant-1")


def raise_alerts(url: str, number: int, count: int) -> list[bool]:
    """Meet the same trouble `count` times; tell which sightings were new."""
    with Ledger(url) as ledger:
        return [
            ledger.alerts.raise_(
                AlertKind.OUTAGE, "xero/t", message=f"seen by {number}", hint="Wait."
            )
            for _ in range(count)
        ]


def take_places(url: str, _number: int, limit: int) -> list[int]:
    """Take as many places as there are; return which."""
    with Ledger(url) as ledger:
        taken = (ledger.permits.take(TENANT, limit=limit, lease_s=60) for _ in range(limit))
        return [permit.place for permit in taken if permit is not None]


def take_and_give_back(url: str, _number: int, limit: int, count: int) -> list[tuple[int, int]]:
    """Hold a place again and again; return each holding's place and number."""
    held = []
    with Ledger(url) as ledger:
        while len(held) < count:
            permit = ledger.permits.take(TENANT, limit=limit, lease_s=60)
            if permit is not None:
                held.append((permit.place, permit.number))
                ledger.permits.give_back(TENANT, permit)
    return held


def claim_probe(url: str, _number: int) -> int | None:
    """Ask for the right to ask first."""
    with Ledger(url) as ledger:
        return ledger.circuits.claim_probe(KEY, lease_s=60)


def fail_to_reach(url: str, _number: int, count: int) -> None:
    """Meet a service that is down."""
    with Ledger(url) as ledger:
        for _ in range(count):
            ledger.circuits.failed(KEY, probe=None, policy=CircuitPolicy())


def call_xero(url: str, _number: int, address: str, policy: LimitPolicy, count: int) -> int:
    """Make calls as a task does: its own ledger, limiter and client; return how many came back."""
    with Ledger(url) as ledger:
        limiter = Limiter(
            ledger.quota,
            policy,
            tenant=TENANT,
            sleeper=SystemSleeper(),
            permits=ledger.permits,
        )
        client = XeroClient(
            api_url=address,
            token_url=f"{address}/connect/token",
            client_id="id",
            client_secret="secret",
            scopes=None,
            tenant_id=TENANT,
            limiter=limiter,
            circuit=Circuit(ledger.circuits, KEY),
            clock=SystemClock(),
            sleeper=SystemSleeper(),
        )
        replies = [client.call("GET", "Organisation") for _ in range(count)]
        client.close()
    return len(replies)
