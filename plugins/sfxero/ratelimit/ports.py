"""What the limiter needs from the store that all workers share."""

from typing import Protocol

from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import Grant, LimitPolicy, Observed


class QuotaStore(Protocol):
    """Keeps one row per tenant, on the store's own clock."""

    def take(self, tenant: TenantId, policy: LimitPolicy) -> Grant:
        """Claim the next start time in one statement; QuotaExhausted if the day is used up."""
        ...

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        """Correct the row by what the service says is left."""
        ...

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        """Let no call of the tenant leave for `seconds`; `problem` names the limit met."""
        ...
