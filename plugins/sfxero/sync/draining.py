"""Draining: what waits in the outbox goes on its way without reading anything anew."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sfxero.model.ids import RouteName, TenantId
from sfxero.model.states import Entity

if TYPE_CHECKING:
    from sfxero.ledger.outbox import Outbox
    from sfxero.mapping.spec import RouteSpec

PUBLISHED: Final = (Entity.CONTACT, Entity.INVOICE, Entity.INVOICE_EMAIL)
"""What goes to Xero, parents first."""
MIRRORED: Final = (Entity.MIRROR_INVOICE, Entity.MIRROR_LINE, Entity.MIRROR_PAYMENT)
SHOWN: Final = (
    Entity.OPPORTUNITY_STATUS,
    Entity.OPPORTUNITY_ERROR,
    Entity.ACCOUNT_UPDATE,
    *MIRRORED,
    Entity.ACCOUNT_CREATE,
)
"""What goes to Salesforce: payments first, and of the mirror parents before their children."""


def sent_by(spec: "RouteSpec") -> tuple[Entity, ...]:
    """Return what a route sends to Xero; what it sends no more waits until it does again."""
    return PUBLISHED if spec.invoices.email else PUBLISHED[:-1]


def shown_by(spec: "RouteSpec") -> tuple[Entity, ...]:
    """Return what a route sends to Salesforce, as above."""
    is_sent = {
        Entity.ACCOUNT_UPDATE: spec.contacts.two_way is not None,
        Entity.ACCOUNT_CREATE: spec.contacts.new_in_xero is not None,
    }
    return tuple(one for one in SHOWN if is_sent.get(one, True))


def tenant_with_work(
    outbox: "Outbox",
    route: RouteName,
    *,
    now: datetime,
    configured: TenantId | None,
    entities: Collection[Entity] = PUBLISHED,
) -> TenantId | None:
    """Return the organisation for which something of the route can go now; None if nothing can.

    The ledger alone answers, so that an idle outbox costs no call. Entries of an organisation that
    the route no longer means stay where they are.
    """
    for tenant in outbox.tenants_at_work(route, entities):
        is_meant = configured is None or tenant == configured
        if is_meant and has_work(outbox, tenant, entities, now=now):
            return tenant
    return None


def org_with_work(
    outbox: "Outbox",
    route: RouteName,
    *,
    now: datetime,
    entities: Collection[Entity] = SHOWN,
) -> TenantId | None:
    """Return the Salesforce org for which something of the route can go now, if one."""
    for org in outbox.tenants_at_work(route, entities):
        if has_work(outbox, org, entities, now=now):
            return org
    return None


def has_work(
    outbox: "Outbox", target: TenantId, entities: Collection[Entity], *, now: datetime
) -> bool:
    """Say whether an entry is due, or an outcome is to be looked up."""
    if outbox.has_doubts(target, now=now):
        return True
    return any(
        outbox.has_due(target, entity, now=now, is_migration=is_migration)
        for entity in entities
        for is_migration in (False, True)
    )
