"""A user's consent for a connection: asked for, answered, stored, shown."""

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from sfxero.errors import ConfigurationError
from sfxero.model.alerts import AlertKind
from sfxero.orchestration.hooks.outside import as_airflow_command
from sfxero.orchestration.hooks.xero import XeroHook, client_of
from sfxero.orchestration.hooks.xero_app import XeroApp
from sfxero.orchestration.hooks.xero_tokens import code_flow, consent_watch

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.ledger.tokens import TokenFacts
    from sfxero.xero.consent import ConsentRequest
    from sfxero.xero.tenants import Tenant


def app_named(conn_id: str) -> XeroApp:
    """Return the app of a connection, for a command."""
    as_airflow_command()
    try:
        return XeroHook(conn_id).app()
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"there is no connection {conn_id}",
            hint="Create one of type xero, or name another by --conn-id.",
        ) from None


def ask_for(app: XeroApp, ledger: "Ledger", *, redirect_uri: str) -> "ConsentRequest":
    """Return the request to show to the user, if its answer could be stored."""
    from sfxero.xero.consent import ConsentRequest
    from sfxero.xero.scopes import CONSENT, OFFLINE, split

    ledger.tokens.require_key()
    wanted = split(app.scopes) if app.scopes else CONSENT
    return ConsentRequest(
        authorize_url=app.authorize_url,
        client_id=app.address.client_id,
        redirect_uri=redirect_uri,
        scopes=wanted if OFFLINE in wanted else (OFFLINE, *wanted),
    )


def take_answer(
    app: XeroApp, ledger: "Ledger", *, request: "ConsentRequest", answer: Mapping[str, str]
) -> list["Tenant"]:
    """Exchange the answer's code, store the tokens, and return the organisations they reach."""
    with closing(code_flow(app)) as flow:
        grant = flow.redeem(request, request.code_of(answer))
    # Stored before the first use: from here on the consent cannot be lost.
    ledger.tokens.keep(app.conn_id, app.address, grant)
    consent_watch(app, ledger).well()
    return refresh_tenants(app, ledger)


def refresh_tenants(app: XeroApp, ledger: "Ledger") -> list["Tenant"]:
    """Ask Xero which organisations the consent reaches, and remember them."""
    from sfxero.xero.tenants import list_organisations

    with closing(client_of(app, tenant_id=None, limiter=None, ledger=ledger)) as client:
        organisations = list_organisations(client)
    ledger.tokens.note_tenants(app.conn_id, {one.tenant_id: one.name for one in organisations})
    for subject in (app.conn_id, *(one.tenant_id for one in organisations)):
        ledger.alerts.close(AlertKind.TENANT_DISCONNECTED, subject)
    return organisations


def facts_of(app: XeroApp, ledger: "Ledger") -> "TokenFacts | None":
    """Return what may be shown of the stored tokens; None if nobody has consented yet."""
    stored = {facts.connection: facts for facts in ledger.tokens.facts(app.address)}
    return stored.get(app.conn_id)
