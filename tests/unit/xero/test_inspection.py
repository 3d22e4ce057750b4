"""What the form's test says of an app."""

from typing import Any

import httpx
import pytest

from sfxero.errors import TenantDisconnected
from sfxero.model.ids import TenantId
from sfxero.xero.client import XeroClient
from sfxero.xero.inspection import inspect


def connections(*numbers: int) -> httpx.Response:
    listed = [
        {"id": f"c{n}", "tenantId": f"T{n}", "tenantType": "ORGANISATION", "tenantName": "Maple"}
        for n in numbers
    ]
    return httpx.Response(200, json=listed)


def organisation(**headers: str) -> httpx.Response:
    return httpx.Response(200, json={"Organisations": []}, headers=headers)


def test_the_one_tenant_is_asked_for_its_limits(xero: Any, client: XeroClient) -> None:
    xero.answers = [
        connections(1),
        organisation(**{"X-MinLimit-Remaining": "59", "X-DayLimit-Remaining": "998"}),
    ]

    is_well, words = inspect(client, None).verdict

    assert is_well
    assert words == "Connected to Maple (T1); calls left: 59 this minute, 998 today"
    assert xero.calls[1].headers["xero-tenant-id"] == "T1"


def test_limits_that_are_not_told_are_not_guessed(xero: Any, client: XeroClient) -> None:
    xero.answers = [connections(1), organisation()]
    assert "calls left: ? this minute, ? today" in inspect(client, None).verdict[1]


def test_of_several_organisations_none_is_asked_unless_it_is_named(
    xero: Any, client: XeroClient
) -> None:
    xero.answers = [connections(1, 2)]
    is_well, words = inspect(client, None).verdict
    assert is_well
    assert "name one as tenant ID" in words

    xero.answers = [connections(1, 2), organisation()]
    inspect(client, TenantId("T2"))
    assert xero.calls[-1].headers["xero-tenant-id"] == "T2"


def test_a_named_tenant_that_is_not_connected_is_an_error(xero: Any, client: XeroClient) -> None:
    xero.answers = [connections(1)]
    with pytest.raises(TenantDisconnected):
        inspect(client, TenantId("T9"))
