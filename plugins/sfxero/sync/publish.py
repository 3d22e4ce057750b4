"""Publish a lane: claim, send, and settle by the target's own word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sfxero.clock import Clock, Sleeper
from sfxero.errors import (
    AuthenticationFailed,
    CircuitOpen,
    ConfigurationError,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.model.ids import RunId, TargetId, TenantId
from sfxero.model.outbox import Entry, Settlement
from sfxero.model.states import Entity, Operation
from sfxero.sync.bodies import (
    keeping_bills,
    own_number,
    own_url,
    parse,
    payload_hash,
    sends_terms,
    total_differences,
    with_name,
)
from sfxero.sync.first_updates import MATCH_AGAIN, compared
from sfxero.sync.invoice_changes import InvoiceChanges, ends, note_settlement
from sfxero.sync.lookup import Found, LookUp, settlement_of
from sfxero.sync.ports import Outbox, Renamer, Target
from sfxero.sync.rereading import CHANGED, is_two_way, narrowed
from sfxero.sync.sending import LeaseLost, Sender
from sfxero.xero.elements import ElementResult, match_elements
from sfxero.xero.failures import Refusal, classify, hint_for

_ELEMENTS_AT_FAULT: Final = frozenset({400, 413})
"""Statuses that a smaller batch may escape; others say nothing about the elements."""
_EMAIL_AT_FAULT: Final = _ELEMENTS_AT_FAULT | {404}
"""Statuses that say no to one e-mail; its invoice stands in the address."""
_NUMBER_TAKEN: Final = frozenset({Refusal.CONTACT_NUMBER_TAKEN, Refusal.INVOICE_NUMBER_TAKEN})
_LEDGER: Final = "ledger"
_OF_NO_TOTALS: Final = frozenset({Operation.VOID, Operation.ALLOCATE})
_WITHOUT_EFFECT: Final = (
    ServiceUnavailable,
    RateLimited,
    QuotaExhausted,
    CircuitOpen,
    AuthenticationFailed,
    PermissionDenied,
    ConfigurationError,
)
"""Errors that say that a write was not carried out; of any other, that is unknown."""
_GOES_ON_AFTER: Final = (NotSent, RateLimited, OutcomeUnknown, UnexpectedResponse)
"""What ends a batch and not the lane."""
_MAX_TRIES: Final = 6
_Held: TypeAlias = "Mapping[str, Any] | None"
_MOST_LOOKS: Final = 3
"""Tries after which the refusal of a credit note is final."""
_SOON: Final = timedelta(minutes=1)
_LATER: Final = timedelta(minutes=1)
"""Where an entry goes that was tried too often in one run."""


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """Whose entries a lane publishes, and for how long."""

    tenant: TenantId
    entity: Entity
    run_id: RunId
    owner: str
    ends_at: datetime
    batch_size: int = 50
    lease_s: float = 60.0
    is_migration: bool = False


@dataclass(slots=True)
class LaneReport:
    """What a lane did: counts; `found` by a look-up, `lost` with a lease."""

    batches: int = 0
    created: int = 0
    updated: int = 0
    voided: int = 0
    credited: int = 0
    found: int = 0
    refused: int = 0
    in_doubt: int = 0
    lost: int = 0
    set_aside: int = 0
    """Updates of contacts that were changed in Xero meanwhile."""
    deferred_by: str | None = None
    """Why it ended before its time: the service is down, or its day spent."""
    total_differences: list[str] = field(default_factory=list)

    @property
    def is_deferred(self) -> bool:
        """Say whether the rest waits for another run."""
        return self.deferred_by is not None


class Lane:
    """One of several publishers of a tenant; any number may run at once, on any machine."""

    def __init__(
        self,
        spec: LaneSpec,
        *,
        outbox: Outbox,
        target: Target,
        renamer: Renamer,
        clock: Clock,
        sleeper: Sleeper,
        new_key: Callable[[], str],
    ) -> None:
        """`new_key` makes idempotency keys; it must never repeat one."""
        self._spec = spec
        self._outbox = outbox
        self._target = target
        self._renamer = renamer
        self._clock = clock
        self._sender = Sender(
            outbox=outbox,
            target=target,
            owner=spec.owner,
            lease_s=spec.lease_s,
            clock=clock,
            sleeper=sleeper,
            new_key=new_key,
        )
        self._changes = InvoiceChanges(
            outbox=outbox,
            target=target,
            clock=clock,
            owner=spec.owner,
            lease_s=spec.lease_s,
            doing=_Doing(self),
        )
        self._look_up = LookUp(
            outbox=outbox, target=target, owner=spec.owner, clock=clock, clash=self._clash
        )
        self.report = LaneReport()

    def run(self) -> LaneReport:
        """Publish until nothing is due, the time is up, or the service takes no more for now."""
        spec = self._spec
        try:
            while self._clock.now() < spec.ends_at:
                self._outbox.expire_leases(spec.tenant)
                if self._settle_doubts():
                    continue
                if not self._has_due():
                    break
                self._publish_batch()
        except (QuotaExhausted, CircuitOpen) as error:
            self.report.deferred_by = error.message
        self.report.found = self._look_up.settled + self._changes.settled
        return self.report

    def _has_due(self) -> bool:
        spec = self._spec
        now = self._clock.now()
        return self._outbox.has_due(
            spec.tenant, spec.entity, now=now, is_migration=spec.is_migration
        )

    def _settle_doubts(self) -> bool:
        """Look up entries of unknown outcome; True if there were any."""
        spec = self._spec
        entries = self._outbox.claim_in_doubt(
            spec.tenant, owner=spec.owner, limit=spec.batch_size, lease_s=spec.lease_s
        )
        if not entries:
            return False
        unknown = self._looked_up(entries)
        self._release([entry for entry in unknown if entry.tries < _MAX_TRIES])
        self._retry_later(
            [entry for entry in unknown if entry.tries >= _MAX_TRIES],
            after=_LATER,
            reason="no answer after several tries",
        )
        return True

    def _publish_batch(self) -> None:
        """Claim one batch and send it; the permit comes first, so that no lease waits for one."""
        spec = self._spec
        self._target.take_permit()
        entries = self._outbox.claim(
            spec.tenant,
            spec.entity,
            owner=spec.owner,
            limit=spec.batch_size,
            lease_s=spec.lease_s,
            is_migration=spec.is_migration,
        )
        if not entries:
            return
        if entries[0].operation is Operation.UPDATE and spec.entity is Entity.INVOICE:
            self._changes.run(entries)
        elif any(map(_is_read_first, entries)):
            self._send_both(self._unlike(entries), ())
        else:
            self._send(entries, permit_taken=True)

    def _send_both(self, first: Sequence[Entry], second: Sequence[Entry]) -> None:
        """Send two batches; what ends the lane in the first leaves the second unsent."""
        try:
            if first:
                self._send(first)
        except SyncError:
            self._release(second)
            raise
        if second:
            self._send(second)

    def _unlike(self, entries: list[Entry]) -> list[Entry]:
        """Read by the permit taken what others may have changed; settle what is alike."""
        first = [entry for entry in entries if _is_read_first(entry)]
        ids = [entry.target_id for entry in first if entry.target_id]
        try:
            found = self._target.contacts_by_id(ids, permit_taken=True)
            held = {one.get("ContactID"): one for one in found}
        except SyncError:
            self._release(entries)
            raise
        kept = [entry for entry in entries if not _is_read_first(entry)]
        alike, changed = [], []
        for entry in first:
            contact = held.get(entry.target_id)
            outcome = _look_of(entry)(entry, contact)
            if isinstance(outcome, Entry):
                kept.append(keeping_bills(outcome, contact))
            elif isinstance(outcome, Settlement):
                alike.append(outcome)
            elif outcome is None:
                changed.append(entry)
            else:
                self._bury(entry, "NotLinkable", outcome, MATCH_AGAIN)
        self._look_up.settled += self._outbox.settle(alike, owner=self._spec.owner)
        self._set_aside(changed)
        return kept

    def _send(self, entries: Sequence[Entry], *, permit_taken: bool = False) -> None:
        """Send a batch, and act on whatever comes back."""
        self.report.batches += 1
        try:
            results = self._sender.send(entries, permit_taken=permit_taken)
        except LeaseLost:
            self.report.lost += len(entries)
        except RequestRejected as error:
            if self._spec.entity is Entity.INVOICE_EMAIL and error.status in _EMAIL_AT_FAULT:
                self._bury_refused(entries, error)
                return
            if error.status not in _ELEMENTS_AT_FAULT:
                self._release(entries)
                raise
            self._split(entries, error)
        except SyncError as error:
            self._give_back(entries, error)
        else:
            self._act_on(entries, results)

    def _give_back(self, entries: Sequence[Entry], error: SyncError) -> None:
        """Return entries to the outbox in the state that the error leaves them in."""
        if error.service == _LEDGER:
            # Whatever the target answered, the ledger did not take it in.
            self._doubt(entries)
            raise error
        if isinstance(error, NotSent):
            self._retry_later(entries, after=_SOON, reason=str(error))
        elif isinstance(error, _WITHOUT_EFFECT):
            self._release(entries)
        else:
            self._doubt(entries)
        if not isinstance(error, _GOES_ON_AFTER):
            raise error

    def _split(self, entries: Sequence[Entry], error: RequestRejected) -> None:
        """Halve a batch that was refused as a whole until the bad element stands alone.

        Some of its elements may have been committed all the same, so each is looked up first.
        """
        if _looks_again(entries[0], set()):
            self._release(entries)
            return
        unknown = self._looked_up(entries)
        if len(entries) == 1:
            self._bury_refused(unknown, error)
            return
        middle = (len(unknown) + 1) // 2
        self._send_both(unknown[:middle], unknown[middle:])

    def _bury_refused(self, entries: Sequence[Entry], error: RequestRejected) -> None:
        for entry in entries:
            self._bury(entry, type(error).__name__, error.message, "; ".join(error.details))

    def _looked_up(self, entries: Sequence[Entry]) -> list[Entry]:
        """Look entries up; what cannot be asked now stays in doubt."""
        try:
            return self._look_up.resolve(entries)
        except SyncError:
            self._doubt(entries)
            raise

    def _act_on(self, entries: Sequence[Entry], results: Sequence[ElementResult]) -> None:
        """Settle, correct, bury or doubt each entry by its own element of the reply."""
        matched = match_elements(
            [_sent_number(entry) for entry in entries],
            results,
            sent_ids=[_sent_id(entry) for entry in entries],
            sent_urls=[None if own_number(entry) else own_url(entry) for entry in entries],
        )
        settlements: list[Settlement] = []
        doubtful: list[Entry] = []
        refused: list[tuple[Entry, Sequence[str]]] = []
        for entry, result in zip(entries, matched, strict=True):
            if result is None:
                doubtful.append(entry)
            elif result.ok:
                self._note_totals(entry, result.element)
                settlements.append(_settlement(entry, result.element))
            else:
                refused.append((entry, result.errors))
        self._settle(entries, settlements)
        self._doubt(doubtful)
        for entry, errors in refused:
            self._refuse(entry, errors)

    def _settle(self, entries: Sequence[Entry], settlements: Sequence[Settlement]) -> None:
        """Take a reply at its word; what is void makes room for another, if one is wished."""
        outbox, report, owner = self._outbox, self.report, self._spec.owner
        operation = entries[0].operation
        if operation is Operation.CREATE:
            report.created += outbox.settle(settlements, owner=owner)
        elif operation is Operation.UPDATE:
            report.updated += outbox.settle(settlements, owner=owner)
        elif operation is Operation.VOID:
            ended = {one.entry_id for one in entries if ends(one)}
            report.voided += outbox.settle(
                [one for one in settlements if one.entry_id in ended], owner=owner
            )
            report.voided += outbox.retire(
                [one for one in settlements if one.entry_id not in ended], owner=owner
            )
        else:
            report.credited += sum(outbox.advance(one, owner=owner) for one in settlements)

    def _note_totals(self, entry: Entry, element: Mapping[str, object]) -> None:
        """Keep what Xero computed otherwise than predicted; the caller fails the task over it."""
        if entry.entity is Entity.INVOICE and entry.operation not in _OF_NO_TOTALS:
            wished = entry.sends or parse(entry.payload)
            differences = total_differences(wished, element)
            self.report.total_differences += [
                f"{entry.source_id} {name}: {text}" for name, text in differences.items()
            ]

    def _refuse(self, entry: Entry, errors: Sequence[str]) -> None:
        """Cure what a known refusal allows to be cured; bury the rest."""
        refusals = {classify([text]) for text in errors}
        if _looks_again(entry, refusals):
            self._release([entry])
            return
        if entry.operation is Operation.CREATE and refusals & _NUMBER_TAKEN:
            if not self._looked_up([entry]):
                return
        elif payload := self._cure(entry, refusals):
            self._outbox.amend(
                entry.entry_id,
                owner=self._spec.owner,
                payload=payload,
                content_hash=payload_hash(payload),
            )
            return
        message = "; ".join(errors) or "refused without a reason"
        self._bury(entry, "Refused", message, " ".join(sorted(map(hint_for, refusals))))

    def _cure(self, entry: Entry, refusals: set[Refusal]) -> str | None:
        """Return a payload with another name, if the name is all that was refused."""
        if refusals != {Refusal.NAME_TAKEN}:
            return None
        refused = str(parse(entry.payload)["Name"])
        name = self._renamer.rename(entry, refused=refused)
        return with_name(entry.payload, name) if name else None

    def _clash(self, entry: Entry, found: Found) -> None:
        self._bury(entry, "Clash", found.objection, found.hint)

    def _bury(self, entry: Entry, error_class: str, message: str, hint: str) -> None:
        """Give one entry up, with its reason."""
        self.report.refused += 1
        self._outbox.bury(
            entry.entry_id,
            owner=self._spec.owner,
            run_id=self._spec.run_id,
            error_class=error_class,
            message=message,
            hint=hint,
        )

    def _doubt(self, entries: Sequence[Entry]) -> None:
        """Leave entries to a look-up."""
        if entries:
            self.report.in_doubt += len(entries)
            self._outbox.doubt(_ids(entries), owner=self._spec.owner)

    def _release(self, entries: Sequence[Entry]) -> None:
        """Put entries back at once."""
        if entries:
            self._outbox.release(_ids(entries), owner=self._spec.owner)

    def _set_aside(self, entries: Sequence[Entry]) -> None:
        """Leave entries to the next merge, since their contacts have changed."""
        if entries:
            self.report.set_aside += self._outbox.set_aside(
                _ids(entries),
                owner=self._spec.owner,
                reason=CHANGED,
                merged_in=self._spec.tenant,
            )

    def _retry_later(self, entries: Sequence[Entry], *, after: timedelta, reason: str) -> None:
        """Put entries back until a moment."""
        if entries:
            self._outbox.retry_later(
                _ids(entries),
                owner=self._spec.owner,
                not_before_at=self._clock.now() + after,
                reason=reason,
            )


def _looks_again(entry: Entry, refusals: set[Refusal]) -> bool:
    """Say whether whoever claims an entry next may see why its credit note was refused.

    The note may have arrived by an earlier request, or a payment have come in before it was
    allocated. What is refused time and again is wrong by itself.
    """
    is_made = entry.operation is Operation.CREDIT and Refusal.NOTE_NUMBER_TAKEN in refusals
    may_differ = is_made or entry.operation is Operation.ALLOCATE
    return may_differ and entry.tries < _MOST_LOOKS


def _is_read_first(entry: Entry) -> bool:
    return entry.is_first_update or is_two_way(entry) or sends_terms(entry)


def _look_of(entry: Entry) -> Callable[[Entry, _Held], Entry | Settlement | str | None]:
    """Return what judges an entry by what its contact holds."""
    if is_two_way(entry):
        return narrowed
    return compared if entry.is_first_update else _as_planned


def _as_planned(entry: Entry, _held: _Held) -> Entry:
    return entry


def _ids(entries: Sequence[Entry]) -> list[int]:
    return [entry.entry_id for entry in entries]


class _Doing:
    """The lane, as the changes of invoices see it."""

    def __init__(self, lane: Lane) -> None:
        self.send = lane._send  # noqa: SLF001 - a part of the lane
        self.bury = lane._bury  # noqa: SLF001 - a part of the lane
        self.release = lane._release  # noqa: SLF001 - a part of the lane


def _sent_number(entry: Entry) -> str | None:
    """Return the number by which the element of a reply is told to be the entry's."""
    if entry.operation is Operation.CREDIT and entry.sends is not None:
        return str(entry.sends["CreditNoteNumber"])
    return own_number(entry) or None


def _sent_id(entry: Entry) -> TargetId | None:
    """Return the id of the record that was sent, if it had one."""
    if entry.operation is Operation.ALLOCATE and entry.sends is not None:
        return TargetId(entry.sends["CreditNote"]["CreditNoteID"])
    return None if entry.operation is Operation.CREDIT else entry.target_id


def _settlement(entry: Entry, element: Mapping[str, Any]) -> Settlement:
    is_note = entry.operation in {Operation.CREDIT, Operation.ALLOCATE}
    return note_settlement(entry, element) if is_note else settlement_of(entry, element)
