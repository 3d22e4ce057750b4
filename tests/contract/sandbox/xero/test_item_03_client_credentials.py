"""Client credentials of one organisation (item 3)."""

import jwt
import pytest

pytestmark = pytest.mark.contract


def test_client_credentials_give_a_half_hour_jwt_without_a_refresh_token(xero):
    grant = xero.grant().json()
    claims = jwt.decode(grant["access_token"], options={"verify_signature": False})
    assert (grant["expires_in"], grant["token_type"]) == (1800, "Bearer")
    assert "refresh_token" not in grant
    assert claims["exp"] - claims["nbf"] == 1800


def test_scope_may_be_left_out_unless_switched(xero):
    assert "accounting.contacts" in xero.grant().json()["scope"].split()
    xero.switch(scope_required=True)
    assert xero.grant().json() == {"error": "invalid_scope"}


@pytest.mark.parametrize("header", [{}, {"xero-tenant-id": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}])
def test_the_tenant_header_is_optional_for_a_custom_connection(xero, header):
    assert xero.call("GET", "Organisation", headers=header).status_code == 200
