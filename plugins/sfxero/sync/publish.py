"""Publish a lane: claim, store the attempt, send, and settle by the target's own word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sfxero.clock import Clock, Sleeper
from sfxero.errors import (
    LedgerError,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    SyncError,
    UnexpectedResponse,
)
from sfxero.model.ids import RunId, TenantId
from sfxero.model.outbox import Entry, Settlement
from sfxero.model.states import Entity, Operation
from sfxero.sync.bodies import (
    body_hash,
    own_number,
    parse,
    payload_hash,
    render,
    total_differences,
    with_name,
)
from sfxero.sync.lookup import LookUp, settlement_of
from sfxero.sync.ports import Outbox, Renamer, Target
from sfxero.xero.elements import ElementResult, match_elements
from sfxero.xero.failures import Refusal, classify, hint_for

_EDITABLE: Final = frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"})
_DELAYS_S: Final = (0.0, 1.0, 4.0)
"""Before each sending of the same bytes."""
_REPEAT_WITHIN: Final = timedelta(minutes=5)
"""Xero keeps idempotency keys for six minutes; after five we no longer trust one."""
_REPEATABLE: Final = (NotSent, OutcomeUnknown, UnexpectedResponse)
_MAX_TRIES: Final = 6
_LATER: Final = timedelta(minutes=10)
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


@dataclass(slots=True)
class LaneReport:
    """What a lane did; counts only."""

    batches: int = 0
    created: int = 0
    updated: int = 0
    refused: int = 0
    in_doubt: int = 0
    is_deferred: bool = False
    total_differences: list[str] = field(default_factory=list)


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
        self._sleeper = sleeper
        self._new_key = new_key
        self._look_up = LookUp(outbox=outbox, target=target, owner=spec.owner, run_id=spec.run_id)
        self.report = LaneReport()

    def run(self) -> LaneReport:
        """Publish until nothing is due, the time is up or the quota is spent."""
        spec = self._spec
        try:
            while self._clock.now() < spec.ends_at:
                self._outbox.expire_leases(spec.tenant)
                if self._settle_doubts():
                    continue
                if not self._outbox.has_due(spec.tenant, spec.entity, now=self._clock.now()):
                    break
                self._publish_batch()
        except QuotaExhausted:
            self.report.is_deferred = True
        return self.report

    def _settle_doubts(self) -> bool:
        """Look up entries of unknown outcome; True if there were any."""
        spec = self._spec
        entries = self._outbox.claim_in_doubt(
            spec.tenant, owner=spec.owner, limit=spec.batch_size, lease_s=spec.lease_s
        )
        if not entries:
            return False
        unknown = self._look_up.resolve(entries)
        tired = [entry.entry_id for entry in unknown if entry.tries >= _MAX_TRIES]
        fresh = [entry.entry_id for entry in unknown if entry.tries < _MAX_TRIES]
        self._outbox.release(fresh, owner=spec.owner)
        self._outbox.retry_later(
            tired,
            owner=spec.owner,
            not_before_at=self._clock.now() + _LATER,
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
        )
        if entries and entries[0].operation is Operation.UPDATE:
            entries = self._still_editable(entries)
        if entries:
            self._send(entries)

    def _still_editable(self, entries: list[Entry]) -> list[Entry]:
        """Read the invoices' states and bury the edits that Xero's rules forbid."""
        if self._spec.entity is not Entity.INVOICE:
            return entries
        ids = [entry.target_id for entry in entries if entry.target_id]
        try:
            held = {one.get("InvoiceID"): one for one in self._target.invoices_by_id(ids)}
        except SyncError:
            self._outbox.release([entry.entry_id for entry in entries], owner=self._spec.owner)
            raise
        kept = []
        for entry in entries:
            objection = _edit_objection(held.get(entry.target_id))
            if objection is None:
                kept.append(entry)
            else:
                self._bury(entry, "NotEditable", objection, "Edit it in Xero, or void it there.")
        return kept

    def _send(self, entries: Sequence[Entry]) -> None:
        """Store the attempt, send it, and act on whatever comes back."""
        ids = [entry.entry_id for entry in entries]
        body = render(entries)
        key = self._new_key()
        attempt_id = self._outbox.store_attempt(
            ids,
            owner=self._spec.owner,
            operation=entries[0].operation,
            body_hash=body_hash(body),
            idempotency_key=key,
            deadline_at=self._clock.now() + timedelta(seconds=self._spec.lease_s),
        )
        self.report.batches += 1
        outcome, status = "answered", 200
        try:
            results = self._exchange(entries, body, key)
            self._act_on(entries, results)
        except RequestRejected as error:
            outcome, status = "rejected", error.status or 400
            self._split(entries, error)
        except SyncError as error:
            outcome, status = type(error).__name__, error.status or 0
            self._give_back(ids, error)
        finally:
            self._outbox.finish_attempt(attempt_id, outcome=outcome, status=status)

    def _exchange(self, entries: Sequence[Entry], body: bytes, key: str) -> Sequence[ElementResult]:
        """Send the same bytes under the same key until an answer comes, within five minutes."""
        sent_at = self._clock.now()
        doubt: SyncError | None = None
        for delay_s in _DELAYS_S:
            try:
                if delay_s:
                    self._sleeper.sleep(delay_s)
                    self._permit_for(entries)
                return self._target.write_batch(
                    entries[0].entity,
                    entries[0].operation,
                    body=body,
                    idempotency_key=key,
                    permit_taken=True,
                )
            except SyncError as error:
                if isinstance(error, OutcomeUnknown | UnexpectedResponse):
                    doubt = error
                is_late = self._clock.now() - sent_at > _REPEAT_WITHIN
                if is_late or delay_s == _DELAYS_S[-1] or not isinstance(error, _REPEATABLE):
                    # Once an outcome was unknown, a later refusal does not make it known.
                    raise doubt or error from error
        raise LedgerError("unreachable: the last try returns or raises")

    def _permit_for(self, entries: Sequence[Entry]) -> None:
        """Wait for a permit, then prolong the lease: the wait must not eat it up."""
        self._target.take_permit()
        ids = [entry.entry_id for entry in entries]
        if not self._outbox.renew(ids, owner=self._spec.owner, lease_s=self._spec.lease_s):
            raise LedgerError("the lease was lost while waiting for a permit")

    def _give_back(self, ids: Sequence[int], error: SyncError) -> None:
        """Return entries to the outbox in the state that the error leaves them in."""
        owner = self._spec.owner
        if isinstance(error, OutcomeUnknown | UnexpectedResponse):
            self.report.in_doubt += len(ids)
            self._outbox.doubt(ids, owner=owner)
        elif isinstance(error, NotSent):
            later = self._clock.now() + timedelta(seconds=60)
            self._outbox.retry_later(ids, owner=owner, not_before_at=later, reason=str(error))
        elif isinstance(error, RateLimited):
            self._outbox.release(ids, owner=owner)
        else:
            if not isinstance(error, LedgerError):
                self._outbox.release(ids, owner=owner)
            raise error

    def _split(self, entries: Sequence[Entry], error: RequestRejected) -> None:
        """Halve a batch that was refused as a whole until the bad element stands alone.

        Some of its elements may have been committed all the same, so each is looked up first.
        """
        unknown = self._look_up.resolve(entries)
        if len(entries) == 1:
            for entry in unknown:
                self._bury(entry, type(error).__name__, error.message, "; ".join(error.details))
            return
        middle = (len(unknown) + 1) // 2
        for half in (unknown[:middle], unknown[middle:]):
            if half:
                self._permit_for(half)
                self._send(half)

    def _act_on(self, entries: Sequence[Entry], results: Sequence[ElementResult]) -> None:
        """Settle, correct, bury or doubt each entry by its own element of the reply."""
        matched = match_elements(
            [own_number(entry) for entry in entries],
            results,
            sent_ids=[entry.target_id for entry in entries],
        )
        settlements: list[Settlement] = []
        doubts: list[int] = []
        refused: list[tuple[Entry, Sequence[str]]] = []
        for entry, result in zip(entries, matched, strict=True):
            if result is None:
                doubts.append(entry.entry_id)
            elif result.ok:
                self._note_totals(entry, result.element)
                settlements.append(settlement_of(entry, result.element))
            else:
                refused.append((entry, result.errors))
        settled = self._outbox.settle(settlements, owner=self._spec.owner)
        if entries[0].operation is Operation.CREATE:
            self.report.created += settled
        else:
            self.report.updated += settled
        if doubts:
            self.report.in_doubt += len(doubts)
            self._outbox.doubt(doubts, owner=self._spec.owner)
        for entry, errors in refused:
            self._refuse(entry, errors)

    def _note_totals(self, entry: Entry, element: Mapping[str, Any]) -> None:
        """Keep what Xero computed otherwise than predicted; the caller fails the task over it."""
        if entry.entity is Entity.INVOICE:
            differences = total_differences(parse(entry.payload), element)
            self.report.total_differences += [
                f"{entry.source_id} {name}: {text}" for name, text in differences.items()
            ]

    def _refuse(self, entry: Entry, errors: Sequence[str]) -> None:
        """Cure what a known refusal allows to be cured; bury the rest."""
        refusals = {classify([text]) for text in errors}
        message = "; ".join(errors) or "refused without a reason"
        if entry.operation is Operation.CREATE and refusals & {
            Refusal.CONTACT_NUMBER_TAKEN,
            Refusal.INVOICE_NUMBER_TAKEN,
        }:
            if not self._look_up.resolve([entry]):
                return
        elif entry.tries < _MAX_TRIES and (payload := self._cure(entry, refusals)):
            self._outbox.amend(
                entry.entry_id,
                owner=self._spec.owner,
                payload=payload,
                content_hash=payload_hash(payload),
            )
            return
        self._bury(entry, "Refused", message, " ".join(sorted(map(hint_for, refusals))))

    def _cure(self, entry: Entry, refusals: set[Refusal]) -> str | None:
        """Return a payload with another name, if the name is all that was refused."""
        if refusals != {Refusal.NAME_TAKEN}:
            return None
        refused = str(parse(entry.payload)["Name"])
        name = self._renamer.rename(entry, refused=refused)
        return with_name(entry.payload, name) if name else None

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


def _edit_objection(held: Mapping[str, Any] | None) -> str | None:
    """Say why Xero would refuse an edit of this invoice (Invoices, what may still change)."""
    if held is None:
        return "Xero no longer has this invoice"
    if held.get("Status") not in _EDITABLE:
        return f"the Xero invoice is {held.get('Status')}"
    if held.get("AmountPaid") or held.get("AmountCredited"):
        return "the Xero invoice has a payment or credit allocated to it"
    return None
