"""What the limiter needs from the store that all workers share."""

from dataclasses import dataclass
from typing import Protocol

from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import Budget, Grant, LimitPolicy, Observed


class QuotaStore(Protocol):
    """Keeps one row per tenant, on the store's own clock."""

    def take(
        self,
        tenant: TenantId,
        policy: LimitPolicy,
        *,
        budget: Budget = Budget.SYNC,
        is_again: bool = False,
    ) -> Grant:
        """Claim the next start time in one statement; QuotaExhausted if the day is used up.

        With `is_again` the place of a ticket that came too late is taken, and no call counted.
        """
        ...

    def standing(self, tenant: TenantId, ticket: int, *, budget: Budget = Budget.SYNC) -> Grant:
        """Return when a ticket may leave now; QuotaExhausted if the day ended meanwhile."""
        ...

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        """Correct the row by what the service says is left."""
        ...

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        """Let no call of the tenant leave for `seconds`; `problem` names the limit met."""
        ...


@dataclass(frozen=True, slots=True)
class Permit:
    """One of a tenant's places for calls under way; `number` tells its holder from the next."""

    place: int
    number: int


class PermitStore(Protocol):
    """Keeps a tenant's places for calls under way, each leased for a time."""

    def take(self, tenant: TenantId, *, limit: int, lease_s: float) -> Permit | None:
        """Take one of `limit` places; None if all are taken. A lease that ran out frees its own."""
        ...

    def give_back(self, tenant: TenantId, permit: Permit) -> None:
        """Free a place, unless its lease ran out and another took it."""
        ...
