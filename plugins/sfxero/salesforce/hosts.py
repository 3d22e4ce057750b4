"""Which hosts may be sent a secret, an assertion or a token."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from sfxero.errors import ConfigurationError, UnexpectedResponse
from sfxero.salesforce.failures import SERVICE
from sfxero.transport.wire import check_address, is_loopback

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_SALESFORCE: Final = re.compile(rf"(?:{_LABEL}\.)+(?:salesforce|force)\.com")


def check_login(address: str, *, trusted: Collection[str] = ()) -> str:
    """Return the address of a connection if it may have its secret, else ConfigurationError."""
    host = _host(address)
    if not _is_known(host, trusted):
        raise ConfigurationError(
            f"the connection's address leads to {host}, which is no host of Salesforce",
            service=SERVICE,
            hint="Give the org's My Domain address; name a stand-in of your own in trusted_hosts.",
        )
    return address


def api_origin(address: str, *, login_url: str, trusted: Collection[str] = ()) -> str:
    """Return the origin of a token reply's instance_url if it may have the token.

    What else the address says is not followed. A reply must not lead the token to any other host
    than Salesforce's, the one that gave it, this machine, or one that the connection names.
    """
    host = _host(address)
    if not _is_known(host, (*trusted, _host(login_url))):
        raise UnexpectedResponse(
            f"the token reply leads to {host}, which is no host of Salesforce",
            service=SERVICE,
            hint="If it is a stand-in of your own, name it in the connection's trusted_hosts.",
        )
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _host(address: str) -> str:
    return (urlsplit(check_address(address)).hostname or "").lower()


def _is_known(host: str, trusted: Collection[str]) -> bool:
    is_ours = _SALESFORCE.fullmatch(host) is not None or is_loopback(host)
    return is_ours or host in {one.lower() for one in trusted}
