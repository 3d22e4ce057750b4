"""Limiters and circuits over the ledger, which all workers on all machines share."""

from typing import TYPE_CHECKING, Final

from sfxero.clock import SystemSleeper
from sfxero.ratelimit.circuit import Circuit, CircuitKey
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import Budget, LimitPolicy, Reserves

_PATIENCE_S: Final = 20.0
"""How long a person is kept waiting."""

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.mapping.spec import XeroSection
    from sfxero.model.ids import TenantId


def xero_policy(section: "XeroSection") -> LimitPolicy:
    """Return the limits that a route configures; tenants of one connection share the app's."""
    return LimitPolicy(
        day=section.daily_limit,
        reserves=Reserves(**section.budget.model_dump()),
        app=section.connection,
    )


def xero_limiter(
    ledger: "Ledger", tenant: "TenantId", *, policy: LimitPolicy, budget: Budget
) -> Limiter:
    """Return the limiter of a tenant for one class of calls."""
    return Limiter(
        ledger.quota,
        policy,
        tenant=tenant,
        sleeper=SystemSleeper(),
        permits=ledger.permits,
        budget=budget,
    )


def looking_limiter(ledger: "Ledger", tenant: "TenantId", *, conn_id: str) -> Limiter | None:
    """Return the limiter for a person's single look; None while there is no ledger to ask."""
    if not ledger.exists():
        return None
    ledger.migrate()
    return Limiter(
        ledger.quota,
        LimitPolicy(app=conn_id),
        tenant=tenant,
        sleeper=SystemSleeper(),
        permits=ledger.permits,
        budget=Budget.INTERACTIVE,
        patience_s=_PATIENCE_S,
    )


def xero_circuit(ledger: "Ledger", name: str) -> Circuit:
    """Return the circuit of Xero, as far as one tenant or connection reaches it."""
    return Circuit(ledger.circuits, CircuitKey("xero", name))


def salesforce_circuit(ledger: "Ledger", conn_id: str) -> Circuit:
    """Return the circuit of the org that a connection leads to."""
    return Circuit(ledger.circuits, CircuitKey("salesforce", conn_id))
