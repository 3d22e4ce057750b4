"""Rows that a running writer holds; whoever else wants them is refused."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from sfxero.sandbox.salesforce.coercion import refusal
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.records import Record, Records

_WRITER: ContextVar[str] = ContextVar("writer", default="")


@contextmanager
def writing_as(owner: str) -> Iterator[None]:
    """Save as the holder of locks."""
    before = _WRITER.set(owner)
    try:
        yield
    finally:
        _WRITER.reset(before)


@dataclass(slots=True)
class RowLocks:
    """Who holds which record; a lock without an end is held until it is released."""

    _held: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)

    def check(self, wanted: Iterable[str], owner: str | None = None) -> None:
        """Refuse if another than the present writer holds one of these records."""
        if not self._held:
            return
        owner = _WRITER.get() if owner is None else owner
        for each in wanted:
            if self._held.get(each, (owner, None))[0] != owner:
                raise locked_row(each)

    def take(self, wanted: Iterable[str], owner: str, *, until: datetime | None = None) -> None:
        """Hold these records for the owner, or refuse if another holds one of them."""
        ids = list(wanted)
        self.check(ids, owner)
        for each in ids:
            self._held[each] = (owner, until)

    def release(self, owner: str) -> None:
        """Give back all that the owner holds."""
        self._held = {key: held for key, held in self._held.items() if held[0] != owner}

    def settle(self, now: datetime) -> None:
        """Drop the locks that have run out."""
        if self._held:
            self._held = {
                key: (owner, until) for key, (owner, until) in self._held.items()
                if until is None or until > now
            }  # fmt: skip

    def held(self) -> dict[str, str]:
        """Return who holds what, for the control plane."""
        return {key: owner for key, (owner, _) in self._held.items()}


def locked_row(record_id: str) -> ApiFailure:
    """Return the refusal of a write that another writer stands in the way of."""
    message = f"unable to obtain exclusive access to this record or 1 records: {record_id}"
    return refusal("UNABLE_TO_LOCK_ROW", message)


def locked_with(records: Records, object_name: str, record: Record | None) -> set[str]:
    """Return what a write of this row locks: itself, and what stands above it."""
    if record is None:
        return set()
    found = {str(record["Id"])} if record.get("Id") else set()
    if object_name == "OpportunityLineItem":
        parent = records.get("Opportunity", str(record.get("OpportunityId")))
        return found | locked_with(records, "Opportunity", parent)
    if record.get("AccountId"):
        found.add(str(record["AccountId"]))
    if object_name.endswith("__c"):
        fields = records.schema.declared(object_name).fields
        lookups = [each.name for each in fields if each.kind == "reference" and each.custom]
        found |= {str(record[name]) for name in lookups if record.get(name)}
    return found
