"""A person's look at a route's services: opened when first asked for, without a run."""

from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from sfxero.errors import ConfigurationError
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import TenantId
from sfxero.orchestration.hooks.outside import as_airflow_command
from sfxero.orchestration.hooks.salesforce import salesforce_client
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.limits import looking_limiter
from sfxero.orchestration.opening import wanted_tenant

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.salesforce.client import SalesforceClient
    from sfxero.xero.client import XeroClient


class Look:
    """Both services of one route; of the ledger only the limits and tokens are used."""

    def __init__(self, spec: RouteSpec, ledger: "Ledger | None") -> None:
        """`ledger` is None if there is none that could be used."""
        as_airflow_command()
        self._spec = spec
        self._ledger = ledger
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Use it for the time of a block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close what was opened."""
        self._stack.close()

    @cached_property
    def salesforce(self) -> "SalesforceClient":
        """The org; ConfigurationError for a connection that is missing or half filled."""
        section = self._spec.salesforce
        _require(section.connection, "salesforce")
        client = salesforce_client(section.connection, api_version=section.api_version or "")
        self._stack.callback(client.close)
        return client

    @cached_property
    def xero(self) -> "XeroClient":
        """The app, of no tenant yet; ConfigurationError as above."""
        _require(self._spec.xero.connection, "xero")
        hook = XeroHook(self._spec.xero.connection)
        client = hook.client(tenant_id=None, limiter=None, ledger=self._ledger)
        self._stack.callback(client.close)
        return client

    def wanted_tenant(self) -> TenantId | None:
        """Return the organisation that the route or the connection names."""
        _require(self._spec.xero.connection, "xero")
        return wanted_tenant(self._spec)

    def serve(self, tenant: TenantId) -> None:
        """Turn the app to a tenant; calls are counted where those of its workers are."""
        limiter = None
        if self._ledger is not None:
            limiter = looking_limiter(self._ledger, tenant, conn_id=self._spec.xero.connection)
        self.xero.serve(tenant, limiter)


def _require(conn_id: str, kind: str) -> None:
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"there is no connection {conn_id}",
            hint=f"Create one of type {kind} in Airflow, or name another in the route file.",
        ) from None
