"""The ledger's database behind an Airflow connection, with an embedded default."""

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from sfxero.errors import ConfigurationError
from sfxero.settings import keys_in, load_settings

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

_UNSET_FERNET_KEY = "{FERNET_KEY}"
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


def open_ledger(conn_id: str) -> "Ledger":
    """Open the ledger that the connection names; if there is none, SQLite in Airflow's home."""
    from sfxero.ledger.ledger import Ledger

    try:
        url = ledger_url(BaseHook.get_connection(conn_id))
    except AirflowNotFoundException:
        url = load_settings().ledger_url
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return Ledger(url, token_keys=token_keys())


def token_keys() -> tuple[str, ...]:
    """Return the keys that encrypt stored tokens: our own setting, else Airflow's Fernet keys."""
    # The SDK's configuration, for task processes have no other; it leaves the default unexpanded.
    from airflow.sdk.configuration import conf

    return load_settings().token_keys or tuple(
        key
        for key in keys_in(conf.get("core", "fernet_key", fallback="") or "")
        if key != _UNSET_FERNET_KEY
    )


def ledger_url(connection: Connection) -> str:
    """Return a SQLAlchemy address for a `sqlite` or `postgres` connection."""
    if connection.conn_type == "sqlite":
        path = connection.host or connection.schema
        if not path:
            raise ConfigurationError(
                f"connection {connection.conn_id} names no SQLite file",
                hint='Set host to the file, such as "/var/lib/sfxero/ledger.db".',
            )
        return f"sqlite:////{path.lstrip('/')}"
    driver = _DRIVERS.get(connection.conn_type or "")
    if driver is None:
        raise ConfigurationError(
            f"connection {connection.conn_id} has type {connection.conn_type}",
            hint="The ledger runs on postgres or sqlite.",
        )
    address = connection.get_uri().partition("://")[2].partition("?")[0]
    # Airflow packs an extra that holds more than texts into one option, which no driver knows.
    options = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in connection.extra_dejson.items()
        if value is not None
    }
    return f"{driver}://{address}?{urlencode(options)}".rstrip("?")
