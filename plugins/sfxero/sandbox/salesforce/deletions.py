"""The log behind `/deleted`: which rows went when, until the service purges it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sfxero.sandbox.salesforce.csv_text import json_datetime
from sfxero.sandbox.salesforce.failures import ApiFailure


@dataclass(slots=True)
class DeletionLog:
    """When rows were deleted, per object; an undelete takes the entry out again."""

    _deleted: dict[str, dict[str, datetime]] = field(default_factory=dict)
    together: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """What went into the recycle bin along with a row, and comes back with it."""

    def note(self, object_name: str, record_id: str, at: datetime) -> None:
        """Enter a deletion."""
        self._deleted.setdefault(object_name, {})[record_id] = at

    def forget(self, object_name: str, record_id: str) -> None:
        """Take back a deletion."""
        self._deleted.get(object_name, {}).pop(record_id, None)

    def between(
        self, object_name: str, start: datetime, end: datetime, *, now: datetime, kept: timedelta
    ) -> dict[str, Any]:
        """Return the reply to `/deleted`, or refuse a range the log no longer covers."""
        earliest = now - kept
        check_range(start, end, now=now)
        if start < earliest.replace(second=0, microsecond=0):
            raise ApiFailure(
                400, "INVALID_REPLICATION_DATE",
                f"startDate before the earliest date available: {json_datetime(earliest)}",
            )  # fmt: skip
        found = self._deleted.get(object_name, {})
        shown = [
            {"id": record_id, "deletedDate": json_datetime(at)}
            for record_id, at in sorted(found.items(), key=lambda item: item[1])
            if start <= at < end
        ]
        return {
            "deletedRecords": shown, "earliestDateAvailable": json_datetime(earliest),
            "latestDateCovered": json_datetime(min(end, now)),
        }  # fmt: skip


def check_range(start: datetime, end: datetime, *, now: datetime) -> None:
    """Refuse ranges that replication calls do not take."""
    if end <= start + timedelta(minutes=1) or start > now:
        raise ApiFailure(
            400, "INVALID_REPLICATION_DATE",
            "endDate must be at least one minute greater than startDate",
        )  # fmt: skip
    if start < now - timedelta(days=30):
        raise ApiFailure(
            400, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago"
        )
