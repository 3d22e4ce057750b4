"""The audit log's hashes: pure functions, told in docs/audit.md so that anyone can check them.

What is None is left out, so that a later column leaves the hashes of older events as they are.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime
from typing import Final

import orjson

from sfxero.model.audit import AuditValues

VALUES: Final = tuple(field.name for field in dataclass_fields(AuditValues))
_UNHASHED: Final = "event_hash"


def canonical(said: Mapping[str, object]) -> str:
    """Return JSON with sorted keys, without white space and without what is None."""
    told = {name: value for name, value in said.items() if value is not None}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()


def digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def values_text(values: AuditValues) -> str:
    """Return what is hashed of an event's values, after their salt."""
    return canonical({name: getattr(values, name) for name in VALUES})


def values_hash(salt: str, values: AuditValues) -> str:
    """Return the salted hash of an event's values: without the salt nobody can guess them."""
    return digest(salt + values_text(values))


def event_text(fields: Mapping[str, object]) -> str:
    """Return what is hashed of an event: all its columns but the hash itself."""
    at = fields["at"]
    if isinstance(at, datetime):
        # Always in UTC and to the microsecond.
        at = at.astimezone(UTC).isoformat(timespec="microseconds")
    return canonical({**fields, "at": at, _UNHASHED: None})


def event_hash(fields: Mapping[str, object]) -> str:
    """Return the hash of an event, which covers the hash of the one before."""
    return digest(event_text(fields))


def first_hash(route: str, began_after: int) -> str:
    """Return what the first event of a route's chain follows."""
    return digest(canonical({"route": route, "began_after": began_after}))
