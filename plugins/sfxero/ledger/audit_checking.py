"""Checks a chain event by event: what was changed, moved, removed or cut off shows."""

import json
from collections.abc import Iterable
from typing import Final

from sfxero.ledger.audit_hashing import event_hash, values_hash
from sfxero.model.audit import AuditEvent, AuditKind, Broken, ChainFault, Head

_MESSAGES: Final = {
    ChainFault.EVENT_MISSING: "the event is missing",
    ChainFault.EVENT_ALTERED: "a field of the event was changed after it was written",
    ChainFault.EVENT_REPLACED: "the event does not follow the one before it: one was replaced",
    ChainFault.VALUES_ALTERED: "the event's values or their salt were changed",
    ChainFault.VALUES_MISSING: "the event's values are gone, and no erasure names them",
    ChainFault.VALUES_NOT_ERASED: "the event's values were erased, and are there all the same",
    ChainFault.CUT_OFF: "the chain ends before this event, which its head names",
    ChainFault.HEAD_ALTERED: "the chain's head is missing, or is not the last event",
    ChainFault.REWRITTEN: "the event is not the one that was noted earlier as the head",
}


class ChainCheck:
    """Takes the events of one chain in order; the first that does not fit ends the check."""

    def __init__(self, first_hash: str, *, known: Head | None = None) -> None:
        """`known` is a head that was noted earlier, outside this database."""
        self.head = Head(0, first_hash)
        self.broken: Broken | None = None
        self.erased: set[int] = set()
        self._known = known
        self._without_values: set[int] = set()

    def take_all(self, events: Iterable[AuditEvent]) -> None:
        """Check events until one is broken."""
        for event in events:
            self._check(event)
            if self.broken is not None:
                return
            self.head = Head(event.seq, event.event_hash)

    def end(self, head: Head | None) -> None:
        """Hold what was taken against the erasures, the stored head and the noted one."""
        if self.broken is not None:
            return
        known, last = self._known, self.head.seq
        if self._without_values:
            self._break(min(self._without_values), ChainFault.VALUES_MISSING)
        elif head is not None and head.seq > last:
            self._break(last + 1, ChainFault.CUT_OFF)
        elif head != self.head and (head is not None or last > 0):
            self._break(last, ChainFault.HEAD_ALTERED)
        elif known is not None and known.seq > last:
            self._break(last + 1, ChainFault.REWRITTEN)

    def _break(self, seq: int, fault: ChainFault) -> None:
        self.broken = Broken(seq, fault, _MESSAGES[fault])

    def _check(self, event: AuditEvent) -> None:
        expected, known = self.head.seq + 1, self._known
        if event.seq != expected:
            self._break(min(event.seq, expected), ChainFault.EVENT_MISSING)
        elif event_hash(event.fields) != event.event_hash:
            self._break(event.seq, ChainFault.EVENT_ALTERED)
        elif event.fields["previous_hash"] != self.head.event_hash:
            self._break(event.seq, ChainFault.EVENT_REPLACED)
        elif known is not None and known.seq == expected and known.event_hash != event.event_hash:
            self._break(event.seq, ChainFault.REWRITTEN)
        else:
            self._check_values(event)

    def _check_values(self, event: AuditEvent) -> None:
        if event.values is None or event.salt is None:
            self._without_values.add(event.seq)
        elif values_hash(event.salt, event.values) != event.fields["values_hash"]:
            self._break(event.seq, ChainFault.VALUES_ALTERED)
        elif event.fields["kind"] == AuditKind.ERASED:
            self._take_erasure(set(json.loads(event.values.after or "[]")))

    def _take_erasure(self, named: set[int]) -> None:
        """Excuse the values that an erasure names, and those only."""
        there = named - self._without_values
        if there:
            self._break(min(there), ChainFault.VALUES_NOT_ERASED)
        self._without_values -= named
        self.erased |= named
