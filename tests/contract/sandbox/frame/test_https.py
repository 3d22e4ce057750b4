"""HTTPS with the sandbox's own authority, and the proxy that leads real host names to it."""

import ssl
import stat
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509

from sfxero.sandbox import tls
from sfxero.sandbox.server import Https, build_sandbox, serving_all
from sfxero.sandbox.tls import LOCAL_HOSTS, SERVICE_HOSTS, prepare_tls

pytestmark = pytest.mark.contract

ALL_HOSTS = (*LOCAL_HOSTS, *SERVICE_HOSTS)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    with serving_all(build_sandbox(), https=Https(tmp_path_factory.mktemp("ca"))) as found:
        yield found


def trusting(addresses, **options):
    context = ssl.create_default_context(cafile=str(addresses.ca_file))
    return httpx.Client(verify=context, **options)


@pytest.mark.parametrize("host", LOCAL_HOSTS)
def test_who_trusts_the_authority_reaches_both_loopback_names(addresses, host):
    port = addresses.tls.rpartition(":")[2]
    with trusting(addresses) as client:
        reply = client.get(f"https://{host}:{port}/_sandbox/health")
    assert reply.json() == {"status": "ready"}


def test_who_does_not_is_warned(addresses):
    with httpx.Client() as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY"):
        client.get(f"{addresses.tls}/_sandbox/health")


def test_both_ports_serve_the_same_state(addresses):
    httpx.post(f"{addresses.plain}/_sandbox/salesforce/Account", json={"Name": "Maple"})
    with trusting(addresses) as client:
        assert client.get(f"{addresses.tls}/_sandbox/state").json()["salesforce"]["Account"] == 1
    httpx.post(f"{addresses.plain}/_sandbox/reset")


def test_the_token_reply_names_the_address_that_the_client_used(addresses):
    form = {"grant_type": "client_credentials"}
    proof = ("sandbox-sf-client", "sandbox-sf-secret")
    path = "/services/oauth2/token"
    plain = httpx.post(addresses.plain + path, data=form, auth=proof).json()
    with trusting(addresses) as client:
        secure = client.post(addresses.tls + path, data=form, auth=proof).json()
    assert plain["instance_url"] == addresses.plain
    assert secure["instance_url"] == addresses.tls


def test_a_dropped_connection_is_dropped_over_https_too(addresses):
    rule = {"kind": "lost_reply", "path": "/connections"}
    httpx.post(f"{addresses.plain}/_sandbox/fault", json=rule)
    with trusting(addresses) as client, pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.get(f"{addresses.tls}/connections")


@pytest.mark.parametrize("host", ["api.xero.com", "identity.xero.com", "acme.my.salesforce.com"])
def test_the_proxy_leads_real_host_names_here(addresses, host):
    with trusting(addresses, proxy=addresses.proxy) as client:
        assert client.get(f"https://{host}/_sandbox/health").json() == {"status": "ready"}


@pytest.mark.parametrize("host", ["example.com", "api.xero.com.example.com", "salesforce.com"])
def test_the_proxy_dials_no_other_host(addresses, host):
    with (
        trusting(addresses, proxy=addresses.proxy) as client,
        pytest.raises(httpx.ProxyError, match="403"),
    ):
        client.get(f"https://{host}/")


def test_the_proxy_is_no_proxy_for_plain_http(addresses):
    with trusting(addresses, proxy=addresses.proxy) as client:
        assert client.get("http://api.xero.com/").status_code == 405


def test_keys_are_for_their_owner_only(tmp_path):
    files = prepare_tls(tmp_path / "new" / "folder")
    for path in (files.key_file, files.ca_key_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"PRIVATE KEY" in path.read_bytes()


def test_certificates_are_kept_while_they_serve(tmp_path):
    first = prepare_tls(tmp_path, hosts=ALL_HOSTS).ca_file.read_bytes()
    assert prepare_tls(tmp_path, hosts=ALL_HOSTS).ca_file.read_bytes() == first
    assert prepare_tls(tmp_path, hosts=LOCAL_HOSTS).ca_file.read_bytes() != first


def test_certificates_are_renewed_before_they_end(tmp_path, monkeypatch):
    first = prepare_tls(tmp_path).ca_file.read_bytes()

    class Later:
        def now(self):
            return datetime.now(UTC) + timedelta(days=340)

    monkeypatch.setattr(tls, "SystemClock", Later)
    assert prepare_tls(tmp_path).ca_file.read_bytes() != first


def test_the_authority_can_vouch_for_the_named_hosts_only(tmp_path):
    files = prepare_tls(tmp_path)
    authority = x509.load_pem_x509_certificate(files.ca_file.read_bytes())
    leaf = x509.load_pem_x509_certificate(files.certificate_file.read_bytes())
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert limits.critical
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert {str(one.value) for one in limits.value.permitted_subtrees or ()} == {
        "localhost",
        "127.0.0.1/32",
    }
