"""From entries that show something in Salesforce to the records that are sent, and their fields."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

import orjson

from sfxero.errors import ConfigurationError
from sfxero.mapping.status_fields import STATUS_FIELDS, FieldKind
from sfxero.mapping.status_rules import SalesforceFieldsSection
from sfxero.model.outbox import Entry
from sfxero.salesforce.describe import FieldDescribe, ObjectDescribe

OBJECT: Final = "Opportunity"
FIELDS_HINT: Final = (
    "Deploy include/salesforce and assign its permission set to the integration user, or name "
    "other fields, or null, in the route's salesforce_fields."
)
_NUMBERS: Final = frozenset({"currency", "double"})
_TEXTS: Final = frozenset({"string", "textarea", "picklist", "url"})
_TYPES: Final[Mapping[FieldKind, frozenset[str]]] = {
    "text": _TEXTS,
    "url": _TEXTS,
    "picklist": _TEXTS,
    "long_text": _TEXTS,
    "currency": _NUMBERS,
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
}


class Describes(Protocol):
    """Tells what an org's object has."""

    def describe(self, object_name: str) -> ObjectDescribe:
        """Return the fields that the integration user may see."""
        ...


class OrgRecords:
    """Makes the records of a route's entries."""

    def __init__(self, fields: SalesforceFieldsSection) -> None:
        """The fields are the route's."""
        self._fields = fields

    def text(self, entry: Entry) -> str:
        """Return the JSON of a record, numbers to the letter as they were planned."""
        head = {"attributes": {"type": OBJECT}, "Id": entry.source_id, **self._synced(entry)}
        return f"{orjson.dumps(head).decode()[:-1]},{entry.payload[1:]}"

    def row(self, entry: Entry) -> dict[str, str | None]:
        """Return the texts of a record for an upload; None for a field to be emptied."""
        values = json.loads(entry.payload, parse_float=str, parse_int=str)
        return {"Id": entry.source_id, **self._synced(entry), **values}

    def _synced(self, entry: Entry) -> dict[str, str]:
        """Return when it was synced: sent along with a change, and never alone."""
        name = self._fields.last_synced_at
        return {name: _moment(entry.meta["synced_at"])} if name else {}


def _moment(text: str) -> str:
    """Return a moment as Salesforce reads it: with milliseconds, and Z for UTC."""
    utc = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def check_fields(org: Describes, fields: SalesforceFieldsSection) -> None:
    """Raise ConfigurationError if a field that is to be written is not there for us to write."""
    troubles = field_troubles(org.describe(OBJECT), fields)
    if troubles:
        raise ConfigurationError(
            f"{OBJECT} cannot show what Xero says: {'; '.join(troubles.values())}",
            service="salesforce",
            hint=FIELDS_HINT,
        )


def field_troubles(described: ObjectDescribe, fields: SalesforceFieldsSection) -> dict[str, str]:
    """Return by key what is wrong with the fields that the route names."""
    kinds = {one.key: one.kind for one in STATUS_FIELDS}
    found = {
        key: _trouble(name, described.fields.get(name), kinds[key])
        for key, name in fields.named().items()
    }
    return {key: text for key, text in found.items() if text is not None}


def _trouble(name: str, field: FieldDescribe | None, kind: FieldKind) -> str | None:
    if field is None:
        return f"{name} is missing or hidden"
    if not field.updateable:
        return f"{name} is read-only for the integration user"
    return None if field.type in _TYPES[kind] else f"{name} is of type {field.type}, not {kind}"
