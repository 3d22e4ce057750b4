"""Writes SOQL; names and ids are checked, values escaped."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from sfxero.errors import ConfigurationError, UnexpectedResponse
from sfxero.salesforce.failures import SERVICE

_OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}")
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
# URI and headers together may have 16,384 bytes; the rest of both needs far less than 2,000.
_URI_BYTES: Final = 14_000
_ESCAPES: Final = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
        "\0": "",
    }
)


def check_object(name: str) -> str:
    """Return `name` if it can be an object's, else raise ConfigurationError."""
    if not _OBJECT.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name of a Salesforce object")
    return name


def check_field(name: str) -> str:
    """Return `name` if it can be a field's or a parent path, else raise ConfigurationError."""
    if not _FIELD.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name of a Salesforce field")
    return name


def check_id(salesforce_id: str) -> str:
    """Return the id if it has the form of one, else raise UnexpectedResponse."""
    if not _ID.fullmatch(salesforce_id):
        raise UnexpectedResponse("an id has not the form of a Salesforce id", service=SERVICE)
    return salesforce_id


def select(object_name: str, fields: Sequence[str], *, where: str | None = None) -> str:
    """Return a query for `fields`, each once and in the given order."""
    if not fields:
        raise ConfigurationError(f"no field of {object_name} is asked for")
    names = ", ".join(dict.fromkeys(check_field(name) for name in fields))
    soql = f"SELECT {names} FROM {check_object(object_name)}"  # noqa: S608 - names are checked
    return f"{soql} WHERE {where}" if where else soql


def literal(value: datetime | date | str | bool | int | Decimal | None) -> str:
    """Return `value` as SOQL writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return f"'{value.translate(_ESCAPES)}'"
    return "null" if value is None else format(value, "d" if isinstance(value, int) else "f")


def _stamp(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ConfigurationError("a moment without a zone cannot go into a query")
    utc = moment.astimezone(UTC)
    millis = utc.microsecond // 1000
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z" if millis else f"{utc:%Y-%m-%dT%H:%M:%S}Z"


def window_where(
    from_at: datetime | None, to_at: datetime, *, stamp: str = "SystemModstamp"
) -> str:
    """Return the condition for `[from_at, to_at)`, both cut to whole seconds, as the stamps are.

    Cutting both the same way leaves no gap between one window and the next.
    """
    name = check_field(stamp)
    upper = f"{name} < {literal(to_at.replace(microsecond=0))}"
    if from_at is None:
        return upper
    return f"{name} >= {literal(from_at.replace(microsecond=0))} AND {upper}"


def since_where(from_at: datetime, *, stamp: str = "SystemModstamp") -> str:
    """Return the condition for all from a moment on, cut to whole seconds, as the stamps are."""
    return f"{check_field(stamp)} >= {literal(from_at.replace(microsecond=0))}"


def dates_where(from_on: date | None, to_on: date, *, field: str) -> str:
    """Return the condition for the days `[from_on, to_on)` of a date field."""
    name = check_field(field)
    upper = f"{name} < {literal(to_on)}"
    return upper if from_on is None else f"{name} >= {literal(from_on)} AND {upper}"


def count_of(object_name: str, *, where: str) -> str:
    """Return a query for how many records meet a condition."""
    return f"SELECT COUNT() FROM {check_object(object_name)} WHERE {where}"  # noqa: S608 - a checked name


def fits_rest(soql: str) -> bool:
    """Say whether a query can travel in the URI, as REST queries do."""
    return len(quote(soql, safe="")) <= _URI_BYTES


def id_chunks(ids: Iterable[str], field: str, *, max_bytes: int = 12_000) -> Iterator[str]:
    """Yield `field IN (…)` conditions for all ids, each at most `max_bytes` long in a URL."""
    name = check_field(field)
    room = max_bytes - len(quote(f"{name} IN ()", safe=""))
    chunk: list[str] = []
    used = 0
    for salesforce_id in dict.fromkeys(ids):
        size = len(quote(f"'{check_id(salesforce_id)}',", safe=""))
        if chunk and used + size > room:
            yield f"{name} IN ({','.join(chunk)})"
            chunk, used = [], 0
        chunk.append(f"'{salesforce_id}'")
        used += size
    if chunk:
        yield f"{name} IN ({','.join(chunk)})"
