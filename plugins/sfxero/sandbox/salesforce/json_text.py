"""Query rows as the JSON that the REST API gives."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from sfxero.sandbox.salesforce.binding import Column, Row
from sfxero.sandbox.salesforce.csv_text import java_double, json_datetime
from sfxero.sandbox.salesforce.records import Record, Value
from sfxero.sandbox.salesforce.schema import Field, ObjectType, Schema

_ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country")


def json_value(value: Value) -> Any:
    """Return what orjson can write; numbers keep the text that Java gives them."""
    if isinstance(value, Decimal):
        return orjson.Fragment(java_double(value))
    if isinstance(value, datetime):
        return json_datetime(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def attributes(object_name: str, record: Record, *, version: str) -> dict[str, str]:
    """Return the type and address that each JSON record starts with."""
    url = f"/services/data/v{version}/sobjects/{object_name}/{record['Id']}"
    return {"type": object_name, "url": url}


def field_json(declared: Field, record: Record) -> Any:
    """Return one field of one record."""
    if declared.kind == "address":
        return _address(record, declared.name.removesuffix("Address"))
    return json_value(record.get(declared.name))


def _address(record: Record, prefix: str) -> dict[str, Any] | None:
    parts = {part: record.get(prefix + part) for part in _ADDRESS_PARTS}
    if not any(parts.values()):
        return None
    shown = {part[0].lower() + part[1:]: value for part, value in parts.items()}
    return {"geocodeAccuracy": None, "latitude": None, "longitude": None, **shown}


def row_json(
    row: Row, columns: Sequence[Column], schema: Schema, *, source: ObjectType, version: str
) -> dict[str, Any]:
    """Return one row, with parents as nested objects."""
    record = row[0] or {}
    shown: dict[str, Any] = {"attributes": attributes(source.name, record, version=version)}
    for column in columns:
        here, parent_type = shown, source
        parent: Record | None = record
        for name in column.path[:-1]:
            via = parent_type.by_relationship[name.lower()]
            parent_type = schema.declared(via.reference_to[0])
            if parent is not None:
                parent = _parent(row, parent, via)
            if parent is None:
                here.setdefault(name, None)
                break
            here = here.setdefault(
                name, {"attributes": attributes(parent_type.name, parent, version=version)}
            )
        else:
            holder = row[column.slot]
            here[column.field.name] = None if holder is None else field_json(column.field, holder)
    return shown


def _parent(row: Row, child: Record, via: Field) -> Record | None:
    """Return the joined record that the child points to."""
    wanted = child.get(via.name)
    return next((each for each in row[1:] if each is not None and each["Id"] == wanted), None)


def record_json(record: Record, source: ObjectType, *, version: str) -> dict[str, Any]:
    """Return a whole record."""
    shown: dict[str, Any] = {"attributes": attributes(source.name, record, version=version)}
    return shown | {each.name: field_json(each, record) for each in source.fields}
