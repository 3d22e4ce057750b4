"""Which Xero organisation a connection reaches (`GET /connections`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sfxero.errors import ConfigurationError, TenantDisconnected, UnexpectedResponse
from sfxero.model.ids import TenantId
from sfxero.xero.client import XeroClient
from sfxero.xero.replies import CONNECT_AGAIN, SERVICE


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation that is connected to the app."""

    tenant_id: TenantId
    name: str


def list_organisations(client: XeroClient) -> list[Tenant]:
    """Return the connected organisations; tenants of other types are left out."""
    body = client.call("GET", "/connections").body
    if not isinstance(body, list):
        raise UnexpectedResponse("/connections sent no list", service=SERVICE)
    found = []
    for connection in body:
        tenant_id = connection.get("tenantId") if isinstance(connection, dict) else None
        if not isinstance(tenant_id, str) or not tenant_id:
            raise UnexpectedResponse("/connections sent an entry without an id", service=SERVICE)
        # Other types exist (PRACTICE), and more may come: only organisations keep books.
        if str(connection.get("tenantType")).upper() == "ORGANISATION":
            found.append(
                Tenant(TenantId(tenant_id), str(connection.get("tenantName") or tenant_id))
            )
    return found


def choose_tenant(client: XeroClient, wanted: TenantId | None) -> Tenant:
    """Ask Xero, and return the wanted organisation, or the only one."""
    return pick_tenant(list_organisations(client), wanted)


def pick_tenant(organisations: Sequence[Tenant], wanted: TenantId | None) -> Tenant:
    """Return the wanted organisation, or the only one.

    Raises TenantDisconnected if it is not connected, ConfigurationError if there is a choice.
    """
    if not organisations:
        raise TenantDisconnected(
            "no organisation is connected to the Xero app", service=SERVICE, hint=CONNECT_AGAIN
        )
    if wanted is None and len(organisations) == 1:
        return organisations[0]
    for tenant in organisations:
        if wanted is not None and tenant.tenant_id.lower() == wanted.lower():
            return tenant
    names = ", ".join(f"{tenant.name} ({tenant.tenant_id})" for tenant in organisations)
    if wanted is None:
        raise ConfigurationError(
            f"several organisations are connected: {names}",
            service=SERVICE,
            hint="Name one by its tenant id in the route or the connection.",
        )
    raise TenantDisconnected(
        f"tenant {wanted} is not connected to the Xero app; connected: {names}",
        service=SERVICE,
        hint=CONNECT_AGAIN,
    )
