"""A private certificate authority for loopback, so that clients that insist on HTTPS can call."""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sfxero.clock import SystemClock

LOCAL_HOSTS = ("localhost", "127.0.0.1")
# What clients with fixed addresses call; reached through the tunnel only.
SERVICE_HOSTS = (
    "api.xero.com",
    "identity.xero.com",
    "login.xero.com",
    "login.salesforce.com",
    "test.salesforce.com",
    "*.my.salesforce.com",
)
LIFE = timedelta(days=365)
RENEWED_BEFORE_END = timedelta(days=30)
_KEY_MODE = 0o600


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificates lie; clients need `ca_file` only."""

    ca_file: Path
    ca_key_file: Path
    certificate_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class _Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def files_in(folder: Path) -> TlsFiles:
    """Name the four files of a folder."""
    return TlsFiles(
        ca_file=folder / "ca.pem",
        ca_key_file=folder / "ca-key.pem",
        certificate_file=folder / "server.pem",
        key_file=folder / "server-key.pem",
    )


def prepare_tls(folder: Path, *, hosts: Sequence[str] = LOCAL_HOSTS) -> TlsFiles:
    """Return the folder's certificates; made anew unless they still serve these hosts.

    The authority can vouch for these hosts only, so that trusting it endangers no other site.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files, now = files_in(folder), SystemClock().now()
    if _still_serve(files, hosts, now):
        return files
    issuer = _new_authority(hosts, now)
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(issuer, leaf_key, hosts=hosts, now=now)
    for path, key in ((files.ca_key_file, issuer.key), (files.key_file, leaf_key)):
        _write_key(path, key)
    for path, certificate in (
        (files.ca_file, issuer.certificate),
        (files.certificate_file, leaf),
    ):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return files


def _still_serve(files: TlsFiles, hosts: Sequence[str], now: datetime) -> bool:
    needed = (files.ca_file, files.ca_key_file, files.certificate_file, files.key_file)
    if not all(path.is_file() for path in needed):
        return False
    leaf = x509.load_pem_x509_certificate(files.certificate_file.read_bytes())
    authority = x509.load_pem_x509_certificate(files.ca_file.read_bytes())
    try:
        leaf.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - whatever is wrong with the pair, a new one is made
        return False
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names) == _names(hosts) and leaf.not_valid_after_utc - RENEWED_BEFORE_END > now


def _new_authority(hosts: Sequence[str], now: datetime) -> _Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    # A number in the name keeps two sandboxes' authorities apart in one trust store.
    name = _subject(f"sfxero sandbox CA {x509.random_serial_number() % 10**8:08d}")
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _dated(name, name, key.public_key(), now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(_subtrees(hosts), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Issuer(certificate, key)


def _leaf(
    issuer: _Issuer, key: ec.EllipticCurvePrivateKey, *, hosts: Sequence[str], now: datetime
) -> x509.Certificate:
    parent = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _dated(_subject("sfxero sandbox"), issuer.certificate.subject, key.public_key(), now=now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(parent), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _dated(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, now: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer)
    return (
        builder.public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [_name(host) for host in hosts]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _subtrees(hosts: Sequence[str]) -> list[x509.GeneralName]:
    """What the authority may vouch for: each host, and no address but the ones named."""
    trees: list[x509.GeneralName] = []
    for host in hosts:
        name = _name(host)
        if isinstance(name, x509.IPAddress):
            trees.append(x509.IPAddress(ipaddress.ip_network(host)))
        else:
            trees.append(x509.DNSName(host.removeprefix("*.")))
    return trees


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
