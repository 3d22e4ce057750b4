"""The tenant is the wanted organisation, or the only one, and never a guess."""

from typing import Any

import httpx
import pytest

from sfxero.errors import ConfigurationError, SyncError, TenantDisconnected, UnexpectedResponse
from sfxero.model.ids import TenantId
from sfxero.xero.client import XeroClient
from sfxero.xero.tenants import choose_tenant


def connection(number: int, kind: str = "ORGANISATION") -> dict[str, str]:
    return {"id": f"c{number}", "tenantId": f"T{number}", "tenantType": kind, "tenantName": "Maple"}


@pytest.mark.parametrize(
    ("connections", "wanted", "chosen"),
    [
        ([connection(1)], None, "T1"),
        ([connection(1), connection(2)], "T2", "T2"),
        ([connection(1), connection(2)], "t2", "T2"),
        ([connection(1, "PRACTICE"), connection(2), connection(3, "PRACTICEMANAGER")], None, "T2"),
    ],
)
def test_the_tenant_is_the_wanted_or_the_only_organisation(
    xero: Any, client: XeroClient, connections: list[Any], wanted: str | None, chosen: str
) -> None:
    xero.answers = [httpx.Response(200, json=connections)]

    tenant = choose_tenant(client, None if wanted is None else TenantId(wanted))

    assert (tenant.tenant_id, tenant.name) == (chosen, "Maple")


@pytest.mark.parametrize(
    ("connections", "wanted", "error", "said"),
    [
        ([], None, TenantDisconnected, "no organisation is connected"),
        ([connection(1, "PRACTICE")], "T1", TenantDisconnected, "no organisation is connected"),
        ([connection(1)], "T9", TenantDisconnected, r"T9 is not connected.*Maple \(T1\)"),
        (
            [connection(1), connection(2)],
            None,
            ConfigurationError,
            r"several .*Maple \(T1\), Maple \(T2\)",
        ),
    ],
)
def test_a_disconnected_tenant_is_told_from_a_choice_that_nobody_has_made(
    xero: Any,
    client: XeroClient,
    connections: list[Any],
    wanted: str | None,
    error: type[SyncError],
    said: str,
) -> None:
    xero.answers = [httpx.Response(200, json=connections)]

    with pytest.raises(error, match=said):
        choose_tenant(client, None if wanted is None else TenantId(wanted))


@pytest.mark.parametrize("body", [{"tenants": []}, [{"tenantType": "ORGANISATION"}], ["T1"]])
def test_an_answer_of_another_shape_is_no_tenant(xero: Any, client: XeroClient, body: Any) -> None:
    xero.answers = [httpx.Response(200, json=body)]

    with pytest.raises(UnexpectedResponse):
        choose_tenant(client, None)
