"""Turn values of a JSON body into field values, or refuse them as a save does."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from sfxero.sandbox.salesforce.failures import ApiFailure, unreadable_json
from sfxero.sandbox.salesforce.records import Record, Records, Value, normal_id
from sfxero.sandbox.salesforce.schema import DECIMAL_KINDS, ID_KINDS, Field, ObjectType

# Bulk API 2.0 developer guide, valid date formats in records; replies in JSON leave the colon out.
_DATETIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:?\d\d)", re.ASCII)


def refusal(code: str, message: str, *fields: str) -> ApiFailure:
    """Return the refusal of one save."""
    return ApiFailure(400, code, message, fields=fields)


def read_only(name: str) -> ApiFailure:
    """Return the refusal of a field that this user cannot write."""
    return refusal(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {name}. Please check the security settings of this field "
        "and verify that it is read/write for your profile or permission set.",
        name,
    )


def readable(
    source: ObjectType,
    body: Mapping[str, Any],
    records: Records,
    *,
    creating: bool,
    keeps_digits: bool = False,
) -> Record:
    """Return the body's values by canonical field name, each one checked."""
    found: Record = {}
    for name, given in body.items():
        if name == "attributes":
            continue
        declared = source.by_name.get(name.lower())
        if declared is None and isinstance(given, dict | None):
            via = source.by_relationship.get(name.lower())
            if via is not None:
                found[via.name] = _by_key(via, given, records)
                continue
        if declared is None:
            message = f"No such column '{name}' on sobject of type {source.name}"
            raise ApiFailure(400, "INVALID_FIELD", message)
        if not (declared.createable if creating else declared.updateable):
            raise read_only(declared.name)
        found[declared.name] = coerce(declared, given, records, keeps_digits=keeps_digits)
    return found


def _by_key(via: Field, given: Mapping[str, Any] | None, records: Records) -> Value:
    """Return the id of the parent that an external id names."""
    target = via.reference_to[0]
    keys = [(name, value) for name, value in (given or {}).items() if name != "attributes"]
    if not keys:
        return None
    (name, value), declared = keys[0], records.schema.declared(target)
    key = declared.by_name.get(name.lower())
    if len(keys) != 1 or key is None or not (key.external_id or key.kind == "id"):
        raise refusal("INVALID_FIELD", f"{name} is not an external id of {target}")
    if key.kind == "id":
        return coerce(via, value, records)
    found = records.with_key(target, key.name, value)
    if len(found) != 1:
        what = "not found" if not found else "found more than once"
        message = f"Foreign key external ID: {value} {what} for field {key.name} in entity {target}"
        raise refusal("INVALID_FIELD", message)
    return found[0]["Id"]


def coerce(declared: Field, given: Any, records: Records, *, keeps_digits: bool = False) -> Value:
    """Return one value in the field's own type."""
    if given is None or (isinstance(given, str) and not given.strip()):
        if not declared.nillable:
            message = f"Required fields are missing: [{declared.name}]"
            raise refusal("REQUIRED_FIELD_MISSING", message, declared.name)
        return None
    kind = declared.kind
    if kind == "boolean":
        if not isinstance(given, bool):
            raise _wrong_type(declared, given)
        return given
    if kind in DECIMAL_KINDS or kind == "int":
        return _number(declared, given, keeps_digits=keeps_digits)
    if not isinstance(given, str):
        raise _wrong_type(declared, given)
    if kind in ID_KINDS:
        return _reference(declared, given, records)
    if kind in {"date", "datetime"}:
        return _moment(declared, given)
    text = given.strip(" \t\r\n")
    if len(text) > declared.length:
        message = f"{declared.label or declared.name}: data value too large: {text[:80]} "
        message += f"(max length={declared.length})"
        raise refusal("STRING_TOO_LONG", message, declared.name)
    return text


def _wrong_type(declared: Field, given: Any) -> ApiFailure:
    return unreadable_json(
        f"Cannot deserialize instance of {declared.kind} from {type(given).__name__} value "
        f"for the field {declared.name}"
    )


def _number(declared: Field, given: Any, *, keeps_digits: bool) -> Decimal | int:
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal):
        raise _wrong_type(declared, given)
    try:
        exact = Decimal(given)
        if declared.kind == "int":
            return int(exact)
        rounded = exact.quantize(Decimal(1).scaleb(-declared.scale), ROUND_HALF_UP)
    except (InvalidOperation, ValueError, OverflowError):
        raise _wrong_type(declared, given) from None
    if abs(rounded) >= Decimal(10) ** (declared.precision - declared.scale):
        message = f"{declared.name}: value outside of valid range on numeric field: {given}"
        raise refusal("NUMBER_OUTSIDE_VALID_RANGE", message, declared.name)
    return exact if keeps_digits and exact != rounded else rounded


def _reference(declared: Field, given: str, records: Records) -> str:
    found = normal_id(given)
    if found is None:
        message = f"{declared.name}: id value of incorrect type: {given}"
        raise refusal("MALFORMED_ID", message, declared.name)
    target = records.get(declared.reference_to[0], found)
    if target is None or target.get("IsDeleted"):
        raise refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", declared.name)
    return found


def datetime_of(text: str) -> datetime:
    """Read a date and time; ValueError if it lacks its milliseconds or its zone."""
    if not _DATETIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text).astimezone(UTC)


def _moment(declared: Field, given: str) -> date | datetime:
    try:
        if declared.kind == "date":
            return date.fromisoformat(given)
        return datetime_of(given)
    except ValueError:
        raise _wrong_type(declared, given) from None
