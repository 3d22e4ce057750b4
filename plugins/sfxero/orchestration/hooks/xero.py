"""The Xero connection type: an Airflow connection becomes our client."""

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.errors import SyncError, TenantDisconnected
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.xero_app import XeroApp, app_of
from sfxero.orchestration.hooks.xero_tokens import as_consented, stored_tokens
from sfxero.orchestration.limits import looking_limiter, xero_circuit

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.ratelimit.circuit import Circuit
    from sfxero.ratelimit.limiter import Limiter
    from sfxero.xero.client import XeroClient
    from sfxero.xero.tenants import Tenant


class XeroHook(BaseHook):
    """Builds a `XeroClient` from a connection of type `xero`.

    Login and password are the client id and secret of the Xero app; the host is the API's address.
    The extra `flow` says how the app comes by its tokens: `client_credentials` (a Custom
    Connection, the default) or `authorization_code` (a web app, whose tokens lie in the ledger
    after `sfxero xero connect`). The extras `token_url`, `authorize_url`, `tenant_id`, `scopes`
    and `ledger_conn_id` are optional.
    """

    conn_name_attr = "xero_conn_id"
    default_conn_name = "xero_default"
    conn_type = "xero"
    hook_name = "Xero"

    def __init__(self, xero_conn_id: str = default_conn_name) -> None:
        """Keep the id; the connection is read when a client is asked for."""
        super().__init__()
        self.xero_conn_id = xero_conn_id

    def app(self) -> XeroApp:
        """Return what the connection says; raises ConfigurationError for a half-filled form."""
        return app_of(self.get_connection(self.xero_conn_id))

    def get_conn(self) -> "XeroClient":
        """Return a client without a limiter, for a single look."""
        return self.client(tenant_id=None, limiter=None)

    def client(
        self,
        *,
        tenant_id: TenantId | None,
        limiter: "Limiter | None",
        circuit: "Circuit | None" = None,
        ledger: "Ledger | None" = None,
    ) -> "XeroClient":
        """Return a client for `tenant_id`.

        `ledger` keeps the alerts, and the tokens of an app that needs consent; without it such an
        app's own ledger is opened.
        """
        return client_of(
            self.app(), tenant_id=tenant_id, limiter=limiter, circuit=circuit, ledger=ledger
        )

    def circuit(self, wanted: TenantId | None, ledger: "Ledger") -> "Circuit":
        """Return the circuit of the organisation that is wanted, else of the connection's only."""
        return xero_circuit(ledger, wanted or self.xero_conn_id)

    def configured_tenant(self) -> TenantId | None:
        """Return the tenant that the connection names, if it names one."""
        tenant = self.get_connection(self.xero_conn_id).extra_dejson.get("tenant_id")
        return TenantId(tenant) if tenant else None

    def find_tenant(
        self, wanted: TenantId | None, ledger: "Ledger", *, payments: bool = False
    ) -> "Tenant":
        """Return the wanted organisation, or the only one; tells a person if it is disconnected.

        The token must have the scopes that the sync needs, those to read `payments` if asked for.
        """
        from sfxero.xero.scopes import require
        from sfxero.xero.tenants import choose_tenant
        from sfxero.xero.watch import Watch

        client = self.client(
            tenant_id=None, limiter=None, circuit=self.circuit(wanted, ledger), ledger=ledger
        )
        subject = wanted or self.xero_conn_id
        watch = Watch(ledger.alerts, AlertKind.TENANT_DISCONNECTED, subject)
        try:
            tenant = choose_tenant(client, wanted)
            require(client.scopes(), payments=payments)
        except TenantDisconnected as error:
            watch.trouble(error)
            raise
        finally:
            client.close()
        watch.well()
        return tenant

    def test_connection(self) -> tuple[bool, str]:
        """Name the organisations, scopes and limits that the app reaches; for the Test button."""
        try:
            with ExitStack() as stack:
                return self._inspected(stack)
        except SyncError as error:
            return False, str(error)

    def _inspected(self, stack: ExitStack) -> tuple[bool, str]:
        from sfxero.xero.inspection import inspect

        app = self.app()
        shared = stack.enter_context(open_ledger(app.ledger_conn_id))
        ledger = None
        if app.needs_consent:
            ledger = shared
            app = as_consented(app, ledger)
        client = client_of(app, tenant_id=None, limiter=None, ledger=ledger)
        stack.callback(client.close)
        limiter_for = partial(looking_limiter, shared, conn_id=app.conn_id)
        return inspect(client, app.tenant_id, limiter_for=limiter_for).verdict


def client_of(
    app: XeroApp,
    *,
    tenant_id: TenantId | None,
    limiter: "Limiter | None",
    ledger: "Ledger | None",
    circuit: "Circuit | None" = None,
) -> "XeroClient":
    """Build the client of an app; one that needs consent has its tokens in a ledger."""
    from sfxero.xero.client import XeroClient
    from sfxero.xero.watch import Watch

    tokens = watch = None
    if app.needs_consent:
        ledger = ledger or open_ledger(app.ledger_conn_id)
        tokens = stored_tokens(app, ledger)
    if ledger is not None and tenant_id is not None:
        watch = Watch(ledger.alerts, AlertKind.TENANT_DISCONNECTED, tenant_id)
    return XeroClient(
        api_url=app.address.api_url,
        token_url=app.address.token_url,
        client_id=app.address.client_id,
        client_secret=app.client_secret or "",
        scopes=app.scopes,
        tenant_id=tenant_id,
        limiter=limiter,
        circuit=circuit,
        tokens=tokens,
        watch=watch,
        clock=SystemClock(),
        sleeper=SystemSleeper(),
    )
