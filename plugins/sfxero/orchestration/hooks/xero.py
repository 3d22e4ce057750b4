"""The Xero connection type: an Airflow connection becomes our client."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.errors import ConfigurationError, SyncError
from sfxero.model.ids import TenantId
from sfxero.orchestration.hooks.addresses import full_address

if TYPE_CHECKING:
    from sfxero.ratelimit.limiter import Limiter
    from sfxero.xero.client import XeroClient

API_URL = "https://api.xero.com"
TOKEN_URL = "https://identity.xero.com/connect/token"  # noqa: S105 - an address, not a secret


class XeroHook(BaseHook):
    """Builds a `XeroClient` from a connection of type `xero`.

    Login and password are the client id and secret of a Custom Connection; the host is the API's
    address; the extras `token_url`, `tenant_id` and `scopes` are optional.
    """

    conn_name_attr = "xero_conn_id"
    default_conn_name = "xero_default"
    conn_type = "xero"
    hook_name = "Xero"

    def __init__(self, xero_conn_id: str = default_conn_name) -> None:
        """Keep the id; the connection is read when a client is asked for."""
        super().__init__()
        self.xero_conn_id = xero_conn_id

    def get_conn(self) -> "XeroClient":
        """Return a client without a limiter, for a single look."""
        return self.client(tenant_id=None, limiter=None)

    def client(self, *, tenant_id: TenantId | None, limiter: "Limiter | None") -> "XeroClient":
        """Return a client for `tenant_id`; raises ConfigurationError for a half-filled form."""
        from sfxero.xero.client import XeroClient

        connection = self.get_connection(self.xero_conn_id)
        if not connection.login or not connection.password:
            raise ConfigurationError(
                f"connection {self.xero_conn_id} lacks the client id or the client secret",
                hint="Fill in Client ID and Client secret of the Xero app.",
            )
        api_url, token_url = addresses(connection)
        return XeroClient(
            api_url=api_url,
            token_url=token_url,
            client_id=connection.login,
            client_secret=connection.password,
            scopes=connection.extra_dejson.get("scopes") or None,
            tenant_id=tenant_id,
            limiter=limiter,
            clock=SystemClock(),
            sleeper=SystemSleeper(),
        )

    def configured_tenant(self) -> TenantId | None:
        """Return the tenant that the connection names, if it names one."""
        tenant = self.get_connection(self.xero_conn_id).extra_dejson.get("tenant_id")
        return TenantId(tenant) if tenant else None

    def test_connection(self) -> tuple[bool, str]:
        """Fetch a token and list the organisations that it opens; for the form's Test button."""
        from sfxero.xero.tenants import list_organisations

        try:
            names = [tenant.name for tenant in list_organisations(self.get_conn())]
        except SyncError as error:
            return False, str(error)
        if not names:
            return False, "The token is good, but no organisation is connected to the app."
        return True, f"Connected to {', '.join(names)}"


def addresses(connection: Connection) -> tuple[str, str]:
    """Return the API's and the token endpoint's address that a connection names.

    An API at another place than Xero's is taken to issue its own tokens, so that a secret meant
    for a sandbox never travels to Xero, nor the other way round.
    """
    host = full_address(connection.host, connection) if connection.host else API_URL
    host = host.removesuffix("/api.xro/2.0")
    token_url = connection.extra_dejson.get("token_url")
    if not token_url:
        token_url = TOKEN_URL if host == API_URL else f"{host}/connect/token"
    return host, str(token_url)
