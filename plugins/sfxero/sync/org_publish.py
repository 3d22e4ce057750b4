"""Publish to Salesforce: claim, send, and end each entry by its own record's result.

A write sets fields of a record by its id, or by an external id, so that one of unknown outcome is
sent again: the same values do no harm. One lane works at a time, and entries of one account follow
each other, since two writers of an account would lock each other out.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from sfxero.clock import Clock, Sleeper
from sfxero.errors import (
    CircuitOpen,
    LedgerError,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    ServiceUnavailable,
    SyncError,
)
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.outbox import Entry
from sfxero.model.states import Entity, Operation
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.record_updates import MOST_RECORDS, update_body, update_records
from sfxero.sync.bodies import body_hash
from sfxero.sync.org_creating import seek
from sfxero.sync.org_ends import BatchEnd, OrgEnds, OrgLaneSpec, OrgReport, ids_of
from sfxero.sync.org_jobs import OrgJobs, is_job
from sfxero.sync.org_rereading import look_again
from sfxero.sync.ports import Outbox
from sfxero.sync.shared_values import AGREED_IN, OF_CONTACT

_DELAYS_S: Final = (0.0, 1.0, 4.0)
"""Before each sending of records that somebody else has locked."""
_DOUBTS: Final = 1_000
_LEDGER: Final = "ledger"


class OrgLane:
    """The publisher of one org's entries of one kind."""

    def __init__(
        self,
        spec: OrgLaneSpec,
        *,
        outbox: Outbox,
        client: SalesforceClient,
        clock: Clock,
        sleeper: Sleeper,
        new_key: Callable[[], str],
    ) -> None:
        """`new_key` tells requests apart in the ledger; Salesforce itself knows no such keys."""
        self._spec = spec
        self._outbox = outbox
        self._client = client
        self._clock = clock
        self._sleeper = sleeper
        self._new_key = new_key
        self._is_checked = False
        self.report = OrgReport()
        self._ends = OrgEnds(spec, outbox=outbox, clock=clock, report=self.report)
        self._jobs = OrgJobs(
            spec,
            outbox=outbox,
            client=client,
            ends=self._ends,
            clock=clock,
            sleeper=sleeper,
            send_parted=self._send_parted,
        )

    def run(self) -> OrgReport:
        """Publish until nothing is due, the time is up, or the org takes no more for now."""
        spec = self._spec
        try:
            while self._clock.now() < spec.ends_at:
                self._outbox.expire_leases(spec.org)
                if self._settle_doubts():
                    continue
                due = self._outbox.count_due(spec.org, spec.entity, now=self._clock.now())
                if not due:
                    break
                self._check()
                self._publish(due)
        except (QuotaExhausted, CircuitOpen) as error:
            self.report.deferred_by = error.message
        return self.report

    def _check(self) -> None:
        """See once that the org has the fields, before anything is claimed."""
        if not self._is_checked:
            self._spec.form.check(self._client)
            self._is_checked = True

    def _publish(self, due: int) -> None:
        # Accounts are read just before they are written, which a job would come long after.
        if due > self._spec.most_by_collections and not self._is_of_accounts:
            self.report.jobs += 1
            self._jobs.publish()
        else:
            self._publish_batch()

    def _settle_doubts(self) -> bool:
        """See to entries of unknown outcome; True if there were any."""
        spec = self._spec
        entries = self._outbox.claim_in_doubt(
            spec.org, owner=spec.owner, limit=_DOUBTS, lease_s=spec.lease_s
        )
        left = {one.entry_id: one for one in entries}
        while left:
            first = next(iter(left))
            attempt = self._outbox.last_attempt(first)
            carried = attempt.entry_ids if attempt else (first,)
            together = [left.pop(one) for one in dict.fromkeys((first, *carried)) if one in left]
            if attempt is None:
                self._ends.send_again(together)
            elif not self._jobs.settle(attempt.idempotency_key, together):
                is_call = not is_job(attempt.idempotency_key)
                self._ends.send_again(together, sent_at=attempt.sent_at if is_call else None)
        return bool(entries)

    def _publish_batch(self) -> None:
        """Claim one batch and send it, and what others have locked once or twice more."""
        spec = self._spec
        entries = self._outbox.claim(
            spec.org,
            spec.entity,
            owner=spec.owner,
            limit=MOST_RECORDS,
            lease_s=spec.lease_s,
            is_migration=False,
        )
        if not entries:
            return
        if self._is_of_accounts:
            look = self._unchanged if spec.entity is Entity.ACCOUNT_UPDATE else self._missing
            entries = look(entries)
        if not entries:
            return
        self.report.batches += 1
        end = BatchEnd(passing=entries)
        # Who has locked an account is writing to it: it is read again before the next try.
        for delay_s in _DELAYS_S[:1] if self._is_of_accounts else _DELAYS_S:
            self._sleeper.sleep(delay_s)
            self._send(end)
            if not end.passing:
                break
        self._ends.close(end)

    def _send_parted(self, end: BatchEnd) -> None:
        """Send by calls what a job was refused over records that it names and that are gone."""
        parted = [one for one in end.passing if one.entry_id in end.parted]
        end.passing = [one for one in end.passing if one.entry_id not in end.parted]
        for first in range(0, len(parted), MOST_RECORDS):
            part = BatchEnd(passing=parted[first : first + MOST_RECORDS], said=end.said)
            # Of two such records, the second may be told only once the first is left out.
            for _ in range(2):
                if part.passing and self._clock.now() < self._spec.ends_at:
                    self._send(part)
            end.written += part.written
            end.passing += part.passing

    @property
    def _is_of_accounts(self) -> bool:
        return self._spec.entity in {Entity.ACCOUNT_UPDATE, Entity.ACCOUNT_CREATE}

    def _missing(self, entries: Sequence[Entry]) -> list[Entry]:
        """Look for the accounts; return the entries of those that neither is there nor linked."""
        linked: set[str] = set()
        for tenant in {TenantId(one.meta[AGREED_IN]) for one in entries}:
            ids = [TargetId(one.source_id) for one in entries if one.meta[AGREED_IN] == tenant]
            linked |= self._outbox.linked_among(tenant, Entity.CONTACT, ids)
        self._ends.not_needed([one for one in entries if one.source_id in linked])
        left = [one for one in entries if one.source_id not in linked]
        try:
            sought = seek(self._client, left)
        except SyncError:
            self._ends.release(left)
            raise
        found = [one for one in left if one.entry_id in sought.found]
        self._ends.made(found, sought.found)
        return sought.missing

    def _unchanged(self, entries: Sequence[Entry]) -> list[Entry]:
        """Read the accounts; return what is to be written to those that nobody has changed."""
        linked = self._still_linked(entries)
        self._ends.set_aside([one for one in entries if one not in linked])
        try:
            looked = look_again(self._client, linked)
        except SyncError:
            self._ends.release(linked)
            raise
        self._ends.found(looked.held)
        self._ends.set_aside(looked.changed)
        return looked.to_send

    def _still_linked(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries of accounts that have the contacts yet which give them the values.

        A link may be parted or moved while they wait: then the former contact is a stranger's.
        """
        targets: dict[tuple[str, SourceId], TargetId] = {}
        for tenant in {TenantId(one.meta[AGREED_IN]) for one in entries}:
            ours = [one.source_id for one in entries if one.meta[AGREED_IN] == tenant]
            found = self._outbox.targets_of(tenant, Entity.CONTACT, ours)
            targets |= {(tenant, one): target for one, target in found.items()}
        # What was planned before entries told of their contacts goes as it was planned.
        return [
            one
            for one in entries
            if one.meta.get(OF_CONTACT) in {None, targets.get((one.meta[AGREED_IN], one.source_id))}
        ]

    def _send(self, end: BatchEnd) -> None:
        """Send what is left of a batch, and act on whatever comes back."""
        entries = end.passing
        form = self._spec.form
        body = update_body([form.text(entry) for entry in entries])
        try:
            attempt_id = self._store(entries, body)
        except LedgerError:
            # Whoever has them now sends them again.
            self.report.lost += len(entries)
            end.passing = []
            return
        try:
            results = update_records(self._client, body, count=len(entries), by=form.by)
        except SyncError as error:
            name = type(error).__name__
            self._outbox.finish_attempt(attempt_id, outcome=name, status=error.status)
            end.passing, end.failure = [], None
            self._give_back(entries, error)
            return
        self._outbox.finish_attempt(attempt_id, outcome="answered", status=200)
        self._ends.take_in(entries, results, end)

    def _store(self, entries: Sequence[Entry], body: bytes) -> int:
        owner, lease_s = self._spec.owner, self._spec.lease_s
        if not self._outbox.renew(ids_of(entries), owner=owner, lease_s=lease_s):
            raise LedgerError("a lease was lost")
        return self._outbox.store_attempt(
            ids_of(entries),
            owner=owner,
            operation=Operation.UPDATE,
            body_hash=body_hash(body),
            idempotency_key=self._new_key(),
            deadline_at=self._clock.now() + timedelta(seconds=lease_s),
        )

    def _give_back(self, entries: Sequence[Entry], error: SyncError) -> None:
        """Return entries to the outbox in the state that the error leaves them in."""
        if isinstance(error, OutcomeUnknown) or error.service == _LEDGER:
            self._ends.doubt(entries)
            if error.service == _LEDGER:
                raise error
        elif isinstance(error, NotSent | RateLimited | ServiceUnavailable):
            self._ends.put_off(entries, reason=str(error))
        else:
            self._ends.release(entries)
            raise error
