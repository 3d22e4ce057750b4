"""Draining: what waits in the outbox goes on its way without reading anything anew."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sfxero.model.ids import RouteName, TenantId
from sfxero.model.states import Entity

if TYPE_CHECKING:
    from sfxero.ledger.outbox import Outbox

PUBLISHED: Final = (Entity.CONTACT, Entity.INVOICE)
"""Parents first."""


def tenant_with_work(
    outbox: "Outbox", route: RouteName, *, now: datetime, configured: TenantId | None
) -> TenantId | None:
    """Return the organisation for which something of the route can go now; None if nothing can.

    The ledger alone answers, so that an idle outbox costs no call. Entries of an organisation that
    the route no longer means stay where they are.
    """
    for tenant in outbox.tenants_at_work(route):
        is_meant = configured is None or tenant == configured
        if is_meant and has_work(outbox, tenant, now=now):
            return tenant
    return None


def has_work(outbox: "Outbox", tenant: TenantId, *, now: datetime) -> bool:
    """Say whether an entry is due, or an outcome is to be looked up."""
    if outbox.has_doubts(tenant, now=now):
        return True
    return any(
        outbox.has_due(tenant, entity, now=now, is_migration=is_migration)
        for entity in PUBLISHED
        for is_migration in (False, True)
    )
