"""Our Salesforce client behind the provider's own connection type."""

import os
import re
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection

from sfxero.clock import SystemClock, SystemSleeper, seeded_random
from sfxero.errors import ConfigurationError
from sfxero.orchestration.hooks.addresses import full_address

if TYPE_CHECKING:
    from sfxero.salesforce.client import SalesforceClient

_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path, not a secret


def salesforce_client(conn_id: str, *, api_version: str) -> "SalesforceClient":
    """Build a client (client credentials flow) from a connection of type `salesforce`.

    Reads the extras `consumer_key`, `consumer_secret` and where to log in; an extra `version` wins
    over the route's. Raises ConfigurationError for a half-filled form.
    """
    from sfxero.salesforce.client import SalesforceClient

    connection = BaseHook.get_connection(conn_id)
    extras = connection.extra_dejson
    key, secret = extras.get("consumer_key"), extras.get("consumer_secret")
    if not key or not secret:
        raise ConfigurationError(
            f"connection {conn_id} lacks consumer_key or consumer_secret",
            hint="Create an External Client App with the client credentials flow and a Run As "
            "user, and put its consumer key and secret into the connection.",
        )
    return SalesforceClient(
        login_url=login_url(connection),
        client_id=str(key),
        client_secret=str(secret),
        api_version=str(extras.get("version") or api_version),
        clock=SystemClock(),
        sleeper=SystemSleeper(),
        random=seeded_random(os.getpid()),
    )


def login_url(connection: Connection) -> str:
    """Return the address that issues tokens: token_url, host, instance_url, then domain.

    `domain` is pasted into `https://<domain>.salesforce.com`, so anything but host labels in it is
    refused: it could send the secret elsewhere.
    """
    extras = connection.extra_dejson
    host = connection.host
    if host and "://" in host:
        host = full_address(host, connection)
    for address in (extras.get("token_url"), host, extras.get("instance_url")):
        if address and "://" in address:
            return str(address).rstrip("/").removesuffix(_TOKEN_PATH)
    domain = extras.get("domain")
    if not domain:
        raise ConfigurationError(
            f"connection {connection.conn_id} says not where to log in",
            hint='Set domain to the part of My Domain before ".salesforce.com", such as acme.my.',
        )
    if not _DOMAIN.fullmatch(domain):
        raise ConfigurationError(
            f"connection {connection.conn_id} has a domain that is not a plain host name",
            hint='Give only the part before ".salesforce.com", such as acme.my.',
        )
    return f"https://{domain}.salesforce.com"
