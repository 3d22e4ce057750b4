"""Our Salesforce client behind the provider's own connection type."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, Connection

from sfxero.clock import SystemClock, SystemSleeper, seeded_random
from sfxero.errors import ConfigurationError
from sfxero.orchestration.hooks.addresses import full_address

if TYPE_CHECKING:
    from sfxero.ratelimit.circuit import Circuit
    from sfxero.salesforce.auth import Signer
    from sfxero.salesforce.client import SalesforceClient

_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SUFFIX = ".salesforce.com"
_TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path, not a secret


def salesforce_client(
    conn_id: str,
    *,
    api_version: str,
    circuit: "Circuit | None" = None,
    daily_share: Decimal | None = None,
) -> "SalesforceClient":
    """Build a client from a connection of type `salesforce`.

    With a private key it logs in by the JWT bearer flow, else with client credentials. An extra
    `version` wins over the route's. Raises ConfigurationError for a half-filled form.
    """
    from sfxero.salesforce.client import SalesforceClient

    connection = BaseHook.get_connection(conn_id)
    extras = connection.extra_dejson
    signer = signer_of(connection)
    wanted = ("consumer_key",) if signer else ("consumer_key", "consumer_secret")
    if not all(extras.get(name) for name in wanted):
        raise ConfigurationError(
            f"connection {conn_id} lacks {' or '.join(wanted)}",
            hint="Create an External Client App, with the client credentials flow and a Run As "
            "user or with the JWT bearer flow and a certificate, and put its consumer key and "
            "its secret, or the private key, into the connection.",
        )
    return SalesforceClient(
        login_url=login_url(connection),
        client_id=str(extras["consumer_key"]),
        client_secret=str(extras.get("consumer_secret") or ""),
        signer=signer,
        trusted_hosts=_trusted_hosts(extras),
        api_version=str(extras.get("version") or api_version),
        clock=SystemClock(),
        sleeper=SystemSleeper(),
        random=seeded_random(os.getpid()),
        circuit=circuit,
        daily_share=daily_share,
    )


def login_url(connection: Connection) -> str:
    """Return the address that issues tokens: token_url, host, instance_url, then domain.

    Whatever leads to another host than Salesforce's or this machine is refused, since it could send
    the secret elsewhere; only `token_url` and `trusted_hosts` say expressly that it may.
    """
    from sfxero.salesforce.hosts import check_login

    extras = connection.extra_dejson
    host = connection.host
    if host and "://" in host:
        host = full_address(host, connection)
    token_url = extras.get("token_url")
    if token_url and "://" in token_url:
        return str(token_url).rstrip("/").removesuffix(_TOKEN_PATH)
    for address in (host, extras.get("instance_url")):
        if address and "://" in address:
            named = str(address).rstrip("/").removesuffix(_TOKEN_PATH)
            return check_login(named, trusted=_trusted_hosts(extras))
    # In the provider's form the instance is a label: where to log in, the domain being `login`.
    label = extras.get("instance_url") or extras.get("domain")
    if not label:
        raise ConfigurationError(
            f"connection {connection.conn_id} says not where to log in",
            hint='Set domain to the part of My Domain before ".salesforce.com", such as acme.my.',
        )
    return _of_salesforce(str(label), connection)


def _of_salesforce(label: str, connection: Connection) -> str:
    """Return the address of a label, which is pasted into it and so must be nothing else."""
    bare = label.removesuffix(_SUFFIX)
    if not _DOMAIN.fullmatch(bare):
        raise ConfigurationError(
            f"connection {connection.conn_id} has a domain that is not a plain host name",
            hint='Give only the part before ".salesforce.com", such as acme.my.',
        )
    return f"https://{bare}{_SUFFIX}"


def signer_of(connection: Connection) -> "Signer | None":
    """Return who signs, if the form has a private key."""
    from sfxero.salesforce.auth import Signer

    extras = connection.extra_dejson
    text, path = extras.get("private_key"), extras.get("private_key_file_path")
    if not text and not path:
        return None
    if text and path:
        raise ConfigurationError(
            f"connection {connection.conn_id} has private_key and private_key_file_path",
            hint="Leave one of them empty.",
        )
    if not connection.login:
        raise ConfigurationError(
            f"connection {connection.conn_id} has a private key and no login",
            hint="Set login to the name of the user that the app acts as.",
        )
    # Pasted into a form of one line, a key has its line ends spelled out.
    key = str(text).replace("\\n", "\n") if text else _key_in(str(path), connection)
    return Signer(connection.login, key, audience=_audience(extras))


def _key_in(path: str, connection: Connection) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"the file of connection {connection.conn_id}'s private key cannot be read",
            hint="private_key_file_path must be a PEM file that every worker can read.",
        ) from None


def _audience(extras: Mapping[str, Any]) -> str | None:
    """Return whom assertions are for, None for the login address; as the provider's own hook."""
    given, domain = extras.get("audience"), extras.get("domain")
    if given:
        return str(given)
    is_named = isinstance(domain, str) and _DOMAIN.fullmatch(domain) is not None
    if is_named and extras.get("instance_url"):
        return f"https://{str(domain).removesuffix(_SUFFIX)}{_SUFFIX}"
    return None


def _trusted_hosts(extras: Mapping[str, Any]) -> tuple[str, ...]:
    given = extras.get("trusted_hosts") or ()
    names = given.replace(",", " ").split() if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise ConfigurationError(
            "trusted_hosts is neither a text nor a list of host names",
            hint="Separate several by commas.",
        )
    return tuple(names)
