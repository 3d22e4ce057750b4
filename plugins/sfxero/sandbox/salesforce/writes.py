"""Saves of single rows with their outcomes, for every API that writes more than one at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sfxero.sandbox.salesforce import removal, rules
from sfxero.sandbox.salesforce.coercion import refusal
from sfxero.sandbox.salesforce.failures import ApiFailure, not_found
from sfxero.sandbox.salesforce.locks import locked_row, locked_with
from sfxero.sandbox.salesforce.records import Record, normal_id
from sfxero.sandbox.salesforce.schema import Field, ObjectType

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

WriteKind = Literal["insert", "update", "upsert", "delete", "hardDelete"]


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One row to save; `body` holds JSON values."""

    kind: WriteKind
    object_name: str
    body: Mapping[str, Any]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    record_id: str | None
    created: bool = False
    failure: ApiFailure | None = None


def key_field(source: ObjectType, name: str) -> Field:
    """Return the external id field of that name, or refuse."""
    found = source.by_name.get(name.lower())
    if found is None or not (found.external_id or found.kind == "id"):
        raise not_found("Provided external ID field does not exist or is not accessible: " + name)
    return found


def matches(org: "SalesforceOrg", source: ObjectType, key: Field, value: Any) -> list[Record]:
    """Return the live records that a key value names."""
    if key.kind == "id":
        record = org.records.get(source.name, normal_id(str(value)))
        return [] if record is None or record.get("IsDeleted") else [record]
    if value is None or not str(value).strip():
        message = f"{key.name} not specified"
        raise refusal("MISSING_ARGUMENT", message, key.name)
    return org.records.with_key(source.name, key.name, str(value).strip())


def targets(org: "SalesforceOrg", write: RowWrite) -> set[str]:
    """Return the rows that this write will lock."""
    source = org.schema.find(write.object_name)
    if source is None:
        return set()
    found = locked_with(org.records, source.name, _parents(source, write.body))
    record: Record | None = None
    if write.kind == "upsert" and write.key is not None:
        try:
            known = matches(
                org, source, key_field(source, write.key), _value(write.body, write.key)
            )
        except ApiFailure:
            known = []
        record = known[0] if known else None
    elif write.kind != "insert":
        record = org.records.get(source.name, normal_id(str(_value(write.body, "Id") or "")))
    return found | locked_with(org.records, source.name, record)


def _parents(source: ObjectType, body: Mapping[str, Any]) -> Record:
    return {
        name: normal_id(str(_value(body, name)))
        for name in ("AccountId", "OpportunityId")
        if name.lower() in source.by_name and _value(body, name)
    }


def _value(body: Mapping[str, Any], wanted: str) -> Any:
    return next((value for name, value in body.items() if name.lower() == wanted.lower()), None)


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the body less these fields, in any case."""
    dropped = {name.lower() for name in names}
    return {name: value for name, value in body.items() if name.lower() not in dropped}


def save(org: "SalesforceOrg", write: RowWrite) -> Outcome:
    """Save one row; refusals become part of the outcome."""
    with org.records.transaction() as roll_back:
        try:
            if org.switches.take_lock_error():
                raise locked_row(str(_value(write.body, "Id") or write.object_name))
            return _SAVES[write.kind](org, write)
        except ApiFailure as failure:
            roll_back()
            found = _value(write.body, "Id")
            return Outcome(str(found) if found else None, failure=failure)


def _insert(org: "SalesforceOrg", write: RowWrite) -> Outcome:
    if _value(write.body, "Id"):
        raise refusal(
            "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id"
        )
    return Outcome(rules.create(org, write.object_name, write.body), created=True)


def _given_id(write: RowWrite) -> str:
    given = str(_value(write.body, "Id") or "")
    if not given:
        raise refusal("MISSING_ARGUMENT", "Id not specified in an update call")
    found = normal_id(given)
    if found is None:
        raise refusal("MALFORMED_ID", f"bad id {given}", "Id")
    return found


def _existing_id(org: "SalesforceOrg", write: RowWrite) -> str:
    """Return the id of a live record; the codes here differ from those of single calls."""
    found = _given_id(write)
    source = rules.find_object(org, write.object_name)
    record = org.records.get(source.name, found)
    if record is None:
        raise refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    if record.get("IsDeleted") and write.kind != "hardDelete":
        raise refusal("ENTITY_IS_DELETED", "entity is deleted")
    return found


def _update(org: "SalesforceOrg", write: RowWrite) -> Outcome:
    record_id = _existing_id(org, write)
    rules.update(org, write.object_name, record_id, without(write.body, "Id"))
    return Outcome(record_id)


def _upsert(org: "SalesforceOrg", write: RowWrite) -> Outcome:
    source = rules.find_object(org, write.object_name)
    key = key_field(source, write.key or "Id")
    value = _value(write.body, key.name)
    if key.kind == "id":
        return _update(org, write) if value else _insert(org, write)
    found = matches(org, source, key, value)
    if len(found) > 1:
        ids = ", ".join(str(each["Id"]) for each in found)
        message = f"{key.name}: more than one record found for external id field: [{ids}]"
        raise refusal("DUPLICATE_EXTERNAL_ID", message)
    if not found:
        return Outcome(rules.create(org, source.name, write.body), created=True)
    record_id = str(found[0]["Id"])
    rules.update(org, source.name, record_id, without(write.body, key.name))
    return Outcome(record_id)


def _delete(org: "SalesforceOrg", write: RowWrite) -> Outcome:
    record_id = _existing_id(org, write)
    removal.delete(org, write.object_name, record_id)
    return Outcome(record_id)


def _hard_delete(org: "SalesforceOrg", write: RowWrite) -> Outcome:
    record_id = _existing_id(org, write)
    removal.hard_delete(org, write.object_name, record_id)
    return Outcome(record_id)


_SAVES = {
    "insert": _insert, "update": _update, "upsert": _upsert, "delete": _delete,
    "hardDelete": _hard_delete,
}  # fmt: skip
