"""Replies as values: exact JSON numbers, Xero's dates and envelope."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import uuid4

import orjson

Json: TypeAlias = dict[str, object]

# Where a fault that strikes after the commit leaves the reply an idempotency key must store.
STORED_REPLY = "sandbox.stored_reply"
# Where a fault that carries out a part of a request leaves what the client sent.
WHOLE_BODY = "sandbox.whole_body"
ZERO_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer, kept as a value so that an idempotency key can repeat it."""

    status: int
    body: bytes = b""
    media_type: str | None = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def json_bytes(value: object) -> bytes:
    """Render JSON; a Decimal becomes the number with exactly its digits."""
    return orjson.dumps(value, default=_exact)


def _exact(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} has no place in a reply.")


def json_reply(value: object, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status, json_bytes(value))


def envelope(
    name: str, rows: list[Json], *, provider: str, now: datetime, pagination: Json | None = None
) -> Json:
    """Wrap rows as every accounting endpoint does."""
    head: Json = {
        "Id": str(uuid4()),
        "Status": "OK",
        "ProviderName": provider,
        "DateTimeUTC": f"/Date({_milliseconds(now)})/",
    }
    if pagination is not None:
        head["pagination"] = pagination
    return {**head, name: rows}


def ms_moment(value: datetime, offset: str = "+0000") -> str:
    """`/Date(ms+hhmm)/`: the milliseconds are UTC, the offset is informational."""
    return f"/Date({_milliseconds(value)}{offset})/"


def ms_day(value: date, offset: str = "+0000") -> str:
    """A document date: midnight of the calendar day."""
    midnight = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return f"/Date({_milliseconds(midnight)}{offset})/"


def day_text(value: date) -> str:
    """The readable twin of a document date."""
    return f"{value.isoformat()}T00:00:00"


def moment_text(value: datetime) -> str:
    """The readable twin of a moment: ISO in UTC, without the fraction that the other one has."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _milliseconds(value: datetime) -> int:
    whole = int(value.replace(microsecond=0).timestamp())
    return whole * 1000 + value.microsecond // 1000
