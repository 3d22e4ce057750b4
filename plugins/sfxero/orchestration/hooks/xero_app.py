"""What a connection of type `xero` says: which app, reached where, by which flow."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from airflow.sdk import Connection

from sfxero.errors import ConfigurationError
from sfxero.model.ids import TenantId
from sfxero.orchestration.hooks.addresses import full_address
from sfxero.transport.tokens import AppAddress

API_URL: Final = "https://api.xero.com"
TOKEN_URL: Final = "https://identity.xero.com/connect/token"  # noqa: S105 - an address, not a secret
AUTHORIZE_URL: Final = "https://login.xero.com/identity/connect/authorize"
_AUTHORIZE_PATH: Final = "/identity/connect/authorize"
LEDGER_CONNECTION: Final = "sfxero_ledger"


class Flow(StrEnum):
    """How the app comes by its tokens (Xero, OAuth 2.0)."""

    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"


@dataclass(frozen=True, slots=True)
class XeroApp:
    """A Xero app as a connection describes it."""

    conn_id: str
    flow: Flow
    address: AppAddress
    authorize_url: str
    client_secret: str | None = field(repr=False)
    scopes: str | None
    tenant_id: TenantId | None
    ledger_conn_id: str

    @property
    def needs_consent(self) -> bool:
        """Whether a user must agree first, and tokens lie in the ledger."""
        return self.flow is Flow.AUTHORIZATION_CODE


def app_of(connection: Connection) -> XeroApp:
    """Read the form; raises ConfigurationError if it is half filled."""
    extras = connection.extra_dejson
    flow = _flow(connection)
    if not connection.login or (flow is Flow.CLIENT_CREDENTIALS and not connection.password):
        raise ConfigurationError(
            f"connection {connection.conn_id} lacks the client id or the client secret",
            hint="Fill in Client ID and Client secret of the Xero app.",
        )
    api_url, token_url = addresses(connection)
    tenant = extras.get("tenant_id")
    return XeroApp(
        conn_id=str(connection.conn_id),
        flow=flow,
        address=AppAddress(client_id=connection.login, token_url=token_url, api_url=api_url),
        authorize_url=_authorize_url(extras.get("authorize_url"), api_url=api_url),
        client_secret=connection.password or None,
        scopes=extras.get("scopes") or None,
        tenant_id=TenantId(tenant) if tenant else None,
        ledger_conn_id=extras.get("ledger_conn_id") or LEDGER_CONNECTION,
    )


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


def _flow(connection: Connection) -> Flow:
    given = connection.extra_dejson.get("flow") or Flow.CLIENT_CREDENTIALS
    try:
        return Flow(str(given).strip().lower())
    except ValueError:
        raise ConfigurationError(
            f"connection {connection.conn_id} has a flow that does not exist",
            hint=f"`flow` is {' or '.join(Flow)}; empty means the first.",
        ) from None


def _authorize_url(given: object, *, api_url: str) -> str:
    if given:
        return str(given)
    return AUTHORIZE_URL if api_url == API_URL else f"{api_url}{_AUTHORIZE_PATH}"
