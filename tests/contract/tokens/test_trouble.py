"""Expired, revoked and disconnected are three things; a person is told of the last two, once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.contract.tokens.consenting import BOOKS, TENANT, Control, app_at, client, consent

from sfxero.clock import FakeClock
from sfxero.errors import ConsentRevoked, PermissionDenied, TenantDisconnected
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.transport.tokens import Grant
from sfxero.xero.client import XeroClient
from sfxero.xero.tenants import choose_tenant

pytestmark = pytest.mark.contract

NewClient = Callable[..., XeroClient]


@pytest.fixture
def new_client(address: str, ledger: Ledger, clock: FakeClock, grant: Grant) -> Iterator[NewClient]:
    """Build clients of the web app."""
    made: list[XeroClient] = []

    def build(**changes: Any) -> XeroClient:
        made.append(client(address, ledger, clock=clock, sleeper=clock, **changes))
        return made[-1]

    yield build
    for one in made:
        one.close()


def open_alerts(ledger: Ledger) -> list[tuple[AlertKind, str]]:
    return [(one.kind, one.subject) for one in ledger.alerts.list()]


def test_an_expired_token_is_renewed_and_nobody_is_told(
    new_client: NewClient, control: Control, ledger: Ledger
) -> None:
    one = new_client()
    one.call("GET", "Organisation")
    control.post("/xero/tokens/expire")

    assert one.call("GET", "Organisation").status == 200

    assert len(control.token_calls()) == 1
    assert ledger.alerts.list(with_closed=True) == []


def test_a_revoked_consent_is_told_once_and_ends_with_a_new_one(
    new_client: NewClient, control: Control, ledger: Ledger, address: str
) -> None:
    control.post("/xero/tokens/revoke")

    for _ in range(4):
        with pytest.raises(ConsentRevoked):
            new_client().call("GET", "Organisation")

    assert open_alerts(ledger) == [(AlertKind.CONSENT_REVOKED, BOOKS)]
    assert len(control.token_calls()) == 1
    ledger.tokens.keep(BOOKS, app_at(address), consent(address))
    assert new_client().call("GET", "Organisation").status == 200


def test_a_disconnected_tenant_is_told_once_while_tokens_go_on(
    new_client: NewClient, control: Control, ledger: Ledger
) -> None:
    control.post("/xero/disconnect")

    for _ in range(4):
        with pytest.raises(TenantDisconnected, match="sfxero xero connect"):
            new_client().call("GET", "Organisation")

    (alert,) = ledger.alerts.list()
    assert (alert.kind, alert.subject) == (AlertKind.TENANT_DISCONNECTED, TENANT)
    assert alert.times_seen == 4
    assert control.token_calls() == [], "a new token would not help"

    control.post("/xero/reconnect")
    new_client().call("GET", "Organisation")
    assert open_alerts(ledger) == []


def test_a_tenant_that_is_missing_among_the_connections_is_disconnected(
    new_client: NewClient, control: Control
) -> None:
    assert choose_tenant(new_client(), TENANT).tenant_id == TENANT
    with pytest.raises(TenantDisconnected):
        choose_tenant(new_client(), TenantId("another"))
    control.post("/xero/disconnect")
    with pytest.raises(TenantDisconnected):
        choose_tenant(new_client(), TENANT)


def test_a_missing_scope_is_neither(
    new_client: NewClient, control: Control, ledger: Ledger
) -> None:
    with pytest.raises(PermissionDenied) as caught:
        new_client().call("GET", "BankTransactions")
    assert type(caught.value) is PermissionDenied
    assert control.token_calls() == []
    assert open_alerts(ledger) == []
