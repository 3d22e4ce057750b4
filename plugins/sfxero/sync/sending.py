"""Sends one batch: the attempt is stored first, then the same bytes go until an answer comes."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sfxero.clock import Clock, Sleeper
from sfxero.errors import LedgerError, NotSent, OutcomeUnknown, SyncError, UnexpectedResponse
from sfxero.model.outbox import Entry
from sfxero.sync.bodies import body_hash, render
from sfxero.sync.ports import Outbox, Target
from sfxero.xero.elements import ElementResult

_DELAYS_S: Final = (0.0, 1.0, 4.0)
"""Before each sending of the same bytes."""
_REPEAT_WITHIN: Final = timedelta(minutes=5)
"""Xero keeps idempotency keys for six minutes; after five we no longer trust one."""
_FRESH: Final = timedelta(seconds=5)
"""A lease that was prolonged longer ago may end before the call does."""
_UNKNOWN: Final = (OutcomeUnknown, UnexpectedResponse)
_REPEATABLE: Final = (NotSent, *_UNKNOWN)


class LeaseLost(Exception):
    """The entries are not the sender's any more: whoever takes them looks them up."""


class Sender:
    """The one way to the target for the entries that `owner` has claimed."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        target: Target,
        owner: str,
        lease_s: float,
        clock: Clock,
        sleeper: Sleeper,
        new_key: Callable[[], str],
    ) -> None:
        """`new_key` makes idempotency keys; it must never repeat one."""
        self._outbox = outbox
        self._target = target
        self._owner = owner
        self._lease_s = lease_s
        self._clock = clock
        self._sleeper = sleeper
        self._new_key = new_key
        self._fresh_until_at = clock.now()

    def send(self, entries: Sequence[Entry], *, permit_taken: bool) -> Sequence[ElementResult]:
        """Return the elements of the reply; LeaseLost if it is not ours to send.

        An attempt without an outcome is one whose worker died.
        """
        ids = [entry.entry_id for entry in entries]
        self._fresh_until_at = self._claimed_at(entries) + _FRESH
        if not permit_taken:
            self._wait_for_permit(ids)
        body, key = render(entries), self._new_key()
        attempt_id = self._store(entries, ids, body=body, key=key)
        try:
            results = self._exchange(entries, ids, body=body, key=key)
        except SyncError as error:
            self._outbox.finish_attempt(
                attempt_id, outcome=type(error).__name__, status=error.status
            )
            raise
        self._outbox.finish_attempt(attempt_id, outcome="answered", status=200)
        return results

    def _store(self, entries: Sequence[Entry], ids: Sequence[int], *, body: bytes, key: str) -> int:
        try:
            return self._outbox.store_attempt(
                ids,
                owner=self._owner,
                operation=entries[0].operation,
                body_hash=body_hash(body),
                idempotency_key=key,
                deadline_at=self._clock.now() + timedelta(seconds=self._lease_s),
            )
        except LedgerError as error:
            raise LeaseLost from error

    def _exchange(
        self, entries: Sequence[Entry], ids: Sequence[int], *, body: bytes, key: str
    ) -> Sequence[ElementResult]:
        """Send the same bytes under the same key until an answer comes, within five minutes."""
        last_start_at = self._clock.now() + _REPEAT_WITHIN
        doubt: SyncError | None = None
        failure: SyncError = NotSent("no try was made")
        for delay_s in _DELAYS_S:
            try:
                if delay_s:
                    self._sleeper.sleep(delay_s)
                    self._wait_for_permit(ids)
                if self._clock.now() > last_start_at:
                    break
                self._hold(ids)
                return self._target.write_batch(
                    entries[0].entity,
                    entries[0].operation,
                    body=body,
                    idempotency_key=key,
                    permit_taken=True,
                )
            except SyncError as error:
                failure = error
                if isinstance(error, _UNKNOWN):
                    doubt = error
                # A 5xx is stored under its key and would only be replayed (Xero, idempotency).
                is_stored = error.status is not None and error.status >= 500
                if is_stored or not isinstance(error, _REPEATABLE):
                    break
        # Once an outcome was unknown, a later refusal does not make it known.
        raise doubt or failure

    def _wait_for_permit(self, ids: Sequence[int]) -> None:
        """Wait for a permit, then prolong the lease: the wait must not eat it up."""
        self._target.take_permit()
        self._fresh_until_at = self._clock.now()
        self._hold(ids)

    def _hold(self, ids: Sequence[int]) -> None:
        """Prolong the lease unless that was done just now; LeaseLost if it has ended.

        Who was suspended meanwhile asks again: the answer may be older than the lease.
        """
        while self._clock.now() >= self._fresh_until_at:
            self._fresh_until_at = self._clock.now() + _FRESH
            if not self._outbox.renew(ids, owner=self._owner, lease_s=self._lease_s):
                raise LeaseLost

    def _claimed_at(self, entries: Sequence[Entry]) -> datetime:
        """Return when the oldest of the leases began."""
        now = self._clock.now()
        ends = [entry.lease_until_at or now for entry in entries]
        return min(ends) - timedelta(seconds=self._lease_s)
