"""How rows leave the org and come back: recycle bin, undelete, merge, hard delete."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sfxero.sandbox.salesforce import rules
from sfxero.sandbox.salesforce.coercion import refusal
from sfxero.sandbox.salesforce.failures import not_found
from sfxero.sandbox.salesforce.locks import locked_with
from sfxero.sandbox.salesforce.records import PARENT_FIELDS, Record, normal_id

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

# What goes along with a deleted row, as (object, field that names the row).
_CASCADES: dict[str, tuple[tuple[str, str], ...]] = {
    "Account": (("Opportunity", "AccountId"), ("Contact", "AccountId")),
    "Opportunity": (
        ("OpportunityLineItem", "OpportunityId"), ("OpportunityContactRole", "OpportunityId"),
    ),
    "Contact": (("OpportunityContactRole", "ContactId"),),
}  # fmt: skip


def delete(org: "SalesforceOrg", object_name: str, record_id: str) -> None:
    """Put a record and what belongs to it into the recycle bin."""
    source = rules.find_object(org, object_name)
    rules.check_writable(source)
    record = rules.find_record(org, source, record_id)
    org.locks.check(locked_with(org.records, source.name, record))
    at = org.now()
    mark_deleted(org, source.name, record, at=at)
    if source.name == "OpportunityLineItem":
        rules.sum_up(org, str(record["OpportunityId"]), at=at)


def mark_deleted(org: "SalesforceOrg", object_name: str, record: Record, *, at: datetime) -> None:
    """Soft-delete a record and its children."""
    gone: list[tuple[str, str]] = []
    _mark(org, object_name, record, at=at, gone=gone)
    org.deletions.together[str(record["Id"])] = gone


def _mark(
    org: "SalesforceOrg", object_name: str, record: Record, *, at: datetime,
    gone: list[tuple[str, str]],
) -> None:  # fmt: skip
    record_id = str(record["Id"])
    for child_name, via in _CASCADES.get(object_name, ()):
        for child in org.records.children(child_name, via, record_id):
            _mark(org, child_name, child, at=at, gone=gone)
    gone.append((object_name, record_id))
    org.records.put(object_name, rules.touched(org, record, at=at) | {"IsDeleted": True})
    org.deletions.note(object_name, record_id, at)


def undelete(org: "SalesforceOrg", object_name: str, record_id: str) -> None:
    """Take a record out of the recycle bin, with all that went in along with it."""
    source = rules.find_object(org, object_name)
    found_id = normal_id(record_id) or record_id
    record = org.records.get(source.name, found_id)
    if record is None or not record["IsDeleted"]:
        raise not_found("entity is not in the recycle bin")
    at = org.now()
    parts = org.deletions.together.pop(found_id, [(source.name, found_id)])
    for part_name, part_id in reversed(parts):
        part = org.records.get(part_name, part_id)
        if part is None or not part["IsDeleted"]:
            continue
        rules.check_unique(org, org.records.schema.declared(part_name), part, own_id=part_id)
        restored = rules.touched(org, part, at=at) | {"IsDeleted": False}
        org.records.put(part_name, restored | ({"MasterRecordId": None} if "MasterRecordId" in part else {}))  # fmt: skip # noqa: E501 - one value
        org.deletions.forget(part_name, part_id)
    if source.name == "OpportunityLineItem":
        rules.sum_up(org, str(record["OpportunityId"]), at=at)


def hard_delete(org: "SalesforceOrg", object_name: str, record_id: str) -> None:
    """Remove a record and its children for good; only the `/deleted` log remembers them."""
    source = rules.find_object(org, object_name)
    rules.check_writable(source)
    found_id = normal_id(record_id) or record_id
    record = org.records.get(source.name, found_id)
    if record is None:
        raise not_found()
    if not record["IsDeleted"]:
        delete(org, source.name, found_id)
    parts = org.deletions.together.pop(found_id, [(source.name, found_id)])
    for part_name, part_id in parts:
        org.records.remove(part_name, part_id)


def empty_bin(org: "SalesforceOrg") -> int:
    """Remove every soft-deleted row and return how many there were."""
    gone = [
        (object_name, str(record["Id"]))
        for object_name in org.records.tables
        for record in list(org.records.rows(object_name))
        if record.get("IsDeleted")
    ]
    for object_name, record_id in gone:
        org.records.remove(object_name, record_id)
    org.deletions.together.clear()
    return len(gone)


def merge(org: "SalesforceOrg", object_name: str, winner_id: str, loser_ids: Sequence[str]) -> None:
    """Merge up to two records into one: their children move, they go into the bin."""
    source = rules.find_object(org, object_name)
    if source.name not in {"Account", "Contact", "Lead"} or not 1 <= len(loser_ids) <= 2:
        raise refusal("INVALID_ARGUMENT", "merge takes one or two accounts, contacts or leads")
    winner = rules.find_record(org, source, winner_id)
    losers = [rules.find_record(org, source, each) for each in loser_ids]
    if any(loser["Id"] == winner["Id"] for loser in losers):
        raise refusal("INVALID_ARGUMENT", "a record cannot be merged into itself")
    at = org.now()
    for loser in losers:
        _reparent(org, source.name, str(loser["Id"]), str(winner["Id"]), at=at)
        gone = loser | {"MasterRecordId": winner["Id"]}
        mark_deleted(org, source.name, gone, at=at)
    org.records.put(source.name, rules.touched(org, winner, at=at))


def _reparent(
    org: "SalesforceOrg", object_name: str, loser_id: str, winner_id: str, *, at: datetime
) -> None:
    via = f"{object_name}Id"
    for child_name, fields in PARENT_FIELDS.items():
        if via in fields:
            for child in org.records.children(child_name, via, loser_id):
                org.records.put(child_name, rules.touched(org, child, at=at) | {via: winner_id})
