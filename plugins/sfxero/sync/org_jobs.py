"""Many entries for Salesforce at once: an ingest job, whose id is stored before it is started.

A job works on when its maker is gone. So entries that were left in doubt wait for the end of their
job: what it writes late must not come after newer values.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from sfxero.clock import Clock, Sleeper
from sfxero.errors import JobFailed, LedgerError, SyncError
from sfxero.model.outbox import Entry
from sfxero.model.states import Operation
from sfxero.salesforce.bulk_ingest import (
    KEY_PREFIX,
    BulkIngest,
    IngestState,
    IngestStatus,
    upload_of,
)
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.job import JobRef
from sfxero.salesforce.row_results import undone
from sfxero.sync.bodies import body_hash
from sfxero.sync.org_ends import BatchEnd, OrgEnds, OrgLaneSpec, ids_of
from sfxero.sync.ports import Outbox

MOST_ROWS: Final = 10_000
"""Salesforce cuts larger uploads into batches of this size itself."""
_CLAIMED: Final = 1_000
_POLL_S: Final = 5.0


class OrgJobs:
    """Ingest jobs of one lane."""

    def __init__(
        self,
        spec: OrgLaneSpec,
        *,
        outbox: Outbox,
        client: SalesforceClient,
        ends: OrgEnds,
        clock: Clock,
        sleeper: Sleeper,
        send_parted: Callable[[BatchEnd], None],
    ) -> None:
        """Share the parts of a lane.

        `send_parted` sends what a job was refused over records that it named and that are gone.
        """
        self._spec = spec
        self._outbox = outbox
        self._ingest = BulkIngest(client)
        self._ends = ends
        self._clock = clock
        self._sleeper = sleeper
        self._send_parted = send_parted

    def publish(self) -> None:
        """Claim many entries and let one job write them."""
        form = self._spec.form
        ref = self._ingest.create(form.object_name, by=form.by.field if form.by else None)
        groups = list(self._claimed())
        entries = [entry for group in groups for entry in group]
        if not entries:
            self._ingest.abort(ref)
            return
        content = upload_of([form.row(entry) for entry in entries])
        try:
            attempts = [self._store(group, ref, content) for group in groups]
            self._ingest.fill(ref, content)
            self._ingest.start(ref)
            status = self._wait(ref, groups)
            if status is None:
                # It works on; whoever looks next follows it.
                self._ends.doubt(entries)
                return
            self._take_in(ref, status, entries)
        except SyncError:
            self._ends.doubt(entries)
            raise
        for attempt_id in attempts:
            self._outbox.finish_attempt(attempt_id, outcome="answered", status=200)
        if status.state is IngestState.JOB_COMPLETE:
            # Another is all that an administrator can look at to see what went wrong.
            self._ingest.delete(ref)

    def settle(self, key: str, entries: Sequence[Entry]) -> bool:
        """Settle what a job carried that nobody followed; False if no job of these writes more.

        One that was never started is ended. One that works still is left to do so. None is removed:
        it may have carried more than these.
        """
        ref = _ref_of(key)
        if ref is None:
            return False
        try:
            status = self._ingest.status(ref)
            if status.state is IngestState.OPEN:
                self._ingest.abort(ref)
                return False
        except JobFailed:
            return False
        if status.is_ended:
            self._take_in(ref, status, entries)
        else:
            self._ends.doubt(entries)
            self._sleeper.sleep(_POLL_S)
        return True

    def _claimed(self) -> list[list[Entry]]:
        spec, groups, room = self._spec, [], MOST_ROWS
        while room > 0:
            group = self._outbox.claim(
                spec.org,
                spec.entity,
                owner=spec.owner,
                limit=min(_CLAIMED, room),
                lease_s=spec.lease_s,
                is_migration=False,
            )
            if not group:
                break
            groups.append(group)
            room -= len(group)
        return groups

    def _store(self, group: Sequence[Entry], ref: JobRef, content: bytes) -> int:
        return self._outbox.store_attempt(
            ids_of(group),
            owner=self._spec.owner,
            operation=Operation.UPDATE,
            body_hash=body_hash(content),
            idempotency_key=_key_of(ref),
            deadline_at=self._clock.now() + timedelta(seconds=self._spec.lease_s),
        )

    def _wait(self, ref: JobRef, groups: Sequence[Sequence[Entry]]) -> IngestStatus | None:
        """Follow the job, and keep the leases meanwhile; None if the lane's time ends before."""
        while not (status := self._ingest.status(ref)).is_ended:
            if self._clock.now() >= self._spec.ends_at:
                return None
            self._sleeper.sleep(_POLL_S)
            for group in groups:
                owner, lease_s = self._spec.owner, self._spec.lease_s
                if not self._outbox.renew(ids_of(group), owner=owner, lease_s=lease_s):
                    raise LedgerError("the lease of entries ended while their job worked")
        return status

    def _take_in(self, ref: JobRef, status: IngestStatus, entries: Sequence[Entry]) -> None:
        """End each entry by the job's word on its record, or else on itself."""
        # A job carries one kind of entry, which need not be the lane's own.
        by = self._spec.forms[entries[0].entity].by
        found = self._ingest.results(ref, by=by.field if by else "Id", error=status.error)
        lost = undone(status.error, else_said="the job has no result for this record")
        results = [found.get(entry.source_id, lost) for entry in entries]
        end = BatchEnd()
        self._ends.take_in(entries, results, end)
        # A lane sends in its own form alone: the rest is put off, and its own lane parts it again.
        if entries[0].entity is self._spec.entity:
            self._send_parted(end)
        self._ends.close(end)


def _key_of(ref: JobRef) -> str:
    return f"{ref.api_version}/{ref.job_id}"


def is_job(key: str) -> bool:
    """Say whether an attempt's key names a job, and no call."""
    return _ref_of(key) is not None


def _ref_of(key: str) -> JobRef | None:
    """Return the job that an attempt's key names; None if it was no job's."""
    version, _, job_id = key.partition("/")
    return JobRef(job_id, version) if job_id.startswith(KEY_PREFIX) else None
