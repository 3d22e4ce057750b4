"""Tokens of apps that need a user's consent: they lie in the ledger, under the connection's id."""

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.model.alerts import AlertKind
from sfxero.orchestration.hooks.xero_app import XeroApp

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.transport.tokens import Grant, TokenSource
    from sfxero.xero.consent import CodeFlow
    from sfxero.xero.rotation import Rotation
    from sfxero.xero.watch import Watch


def stored_tokens(app: XeroApp, ledger: "Ledger") -> "TokenSource":
    """Return the tokens of a consent, renewed by one process for all."""
    from sfxero.transport.tokens import CachedTokens

    return CachedTokens(rotation_of(app, ledger).fetch, SystemClock())


def rotation_of(app: XeroApp, ledger: "Ledger") -> "Rotation":
    """Return what renews the tokens of a consent."""
    from sfxero.xero.rotation import Rotation

    return Rotation(
        app.conn_id,
        app.address,
        store=ledger.tokens,
        refresh=partial(_refresh, app),
        watch=consent_watch(app, ledger),
        clock=SystemClock(),
        sleeper=SystemSleeper(),
    )


def _refresh(app: XeroApp, refresh_token: str) -> "Grant":
    """Exchange a refresh token; half an hour apart, so that no connection is worth keeping."""
    with closing(code_flow(app)) as flow:
        return flow.refresh(refresh_token)


def code_flow(app: XeroApp) -> "CodeFlow":
    """Return what exchanges codes and refresh tokens."""
    from sfxero.xero.consent import CodeFlow
    from sfxero.xero.token_endpoint import TokenEndpoint

    return CodeFlow(
        TokenEndpoint(
            token_url=app.address.token_url,
            client_id=app.address.client_id,
            client_secret=app.client_secret,
        )
    )


def consent_watch(app: XeroApp, ledger: "Ledger") -> "Watch":
    """Return what tells a person, once, that the consent is gone, and that it is back."""
    from sfxero.xero.watch import Watch

    return Watch(ledger.alerts, AlertKind.CONSENT_REVOKED, app.conn_id)


def as_consented(app: XeroApp, ledger: "Ledger") -> XeroApp:
    """Return the app under the id that its tokens are stored under.

    The form's Test button gives the connection an id of the moment, so the app is then found by
    its client id and addresses.
    """
    known = [facts.connection for facts in ledger.tokens.facts(app.address)]
    if app.conn_id in known or len(known) != 1:
        return app
    return replace(app, conn_id=known[0])
