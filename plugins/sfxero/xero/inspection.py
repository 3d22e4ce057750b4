"""What an app reaches: organisations, scopes and what is left of the limits, in one look."""

from collections.abc import Callable
from dataclasses import dataclass

from sfxero.errors import ConfigurationError
from sfxero.model.ids import TenantId
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import Observed
from sfxero.xero.client import XeroClient
from sfxero.xero.scopes import missing
from sfxero.xero.tenants import Tenant, list_organisations, pick_tenant


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one look found; `left` is of the one tenant that is certain, if there is one."""

    organisations: tuple[Tenant, ...]
    scopes: tuple[str, ...]
    tenant: Tenant | None = None
    left: Observed | None = None

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """What the sync needs and the token does not claim; nothing if it claims no scopes."""
        return missing(self.scopes) if self.scopes else ()

    @property
    def verdict(self) -> tuple[bool, str]:
        """Whether a sync could run, and all that was found, in words."""
        parts = [f"Connected to {', '.join(map(_named, self.organisations))}"]
        if self.scopes:
            parts.append(f"scopes: {' '.join(sorted(self.scopes))}")
        if self.missing_scopes:
            parts.append(f"MISSING scopes: {' '.join(self.missing_scopes)}")
        if self.tenant is None:
            parts.append("several organisations: name one as tenant ID, here or in the route")
        if self.left is not None:
            parts.append(
                f"calls left: {_count(self.left.minute_remaining)} this minute, "
                f"{_count(self.left.day_remaining)} today"
            )
        return not self.missing_scopes, "; ".join(parts)


def inspect(
    client: XeroClient,
    wanted: TenantId | None,
    *,
    limiter_for: Callable[[TenantId], Limiter | None] = lambda _: None,
) -> Inspection:
    """Look once: the token, the organisations, and one call to the tenant for its limits.

    That one call counts as all others do: it asks the limiter that the tenant's workers share.
    """
    organisations = tuple(list_organisations(client))
    try:
        tenant = pick_tenant(organisations, wanted)
    except ConfigurationError:
        tenant = None
    found = Inspection(organisations, client.scopes(), tenant)
    if tenant is None or found.missing_scopes:
        return found
    client.serve(tenant.tenant_id, limiter_for(tenant.tenant_id))
    left = client.call("GET", "Organisation").observed
    return Inspection(organisations, found.scopes, tenant, left)


def _named(tenant: Tenant) -> str:
    return f"{tenant.name} ({tenant.tenant_id})"


def _count(remaining: int | None) -> str:
    return "?" if remaining is None else str(remaining)
