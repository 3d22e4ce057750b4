"""How entries for Salesforce end: settled, given up, put off or left in doubt, record by record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sfxero.clock import Clock
from sfxero.model.ids import RunId, TargetId, TenantId
from sfxero.model.outbox import Entry, Settlement
from sfxero.model.states import Entity
from sfxero.salesforce.row_results import RowResult
from sfxero.sync.bodies import emptied, parse
from sfxero.sync.org_creating import KEY, LINKED, TRIED, paired_contact
from sfxero.sync.org_records import RecordForm
from sfxero.sync.ports import Outbox
from sfxero.sync.shared_values import AGREED_IN, changes_of

SNAPSHOT: Final = "snapshot"
"""Key of an entry's `meta`: what its link shall keep of it in place of its values."""
MOST_TRIES: Final = 12
"""Of values whose outcome is unknown, before they no longer go again at once."""
MOST_PASSING: Final = 96
"""Tries against what is to pass: more than a day of them."""
SOON: Final = timedelta(minutes=1)
_LATE: Final = timedelta(hours=1)
CHANGED: Final = "the account was changed meanwhile: both sides are merged anew"
_LONGEST_CALL: Final = timedelta(minutes=10)
"""After it Salesforce ends a call, and with it the locks on what it was writing."""
_THERE: Final = "the org has an account with the contact's id, and it is not of our making"
_MATCH: Final = "Link the two with `sfxero match`, and discard this; or empty the account's field."
_TAKEN: Final = (
    "An account holds a value that no other may have: if it is the contact's, `sfxero match` links "
    "the two, and this is to be discarded. Else correct the value, then replay."
)
_NO_WAIT: Final = timedelta(0)
_A_BATCH: Final = 3
"""Tries of a batch before it is put off."""


@dataclass(frozen=True, slots=True)
class OrgLaneSpec:
    """Whose entries a lane publishes, for how long, and in which form.

    `forms` has those of all kinds of entry: what others left in doubt is looked at as well.
    """

    org: TenantId
    entity: Entity
    run_id: RunId
    owner: str
    ends_at: datetime
    forms: Mapping[Entity, RecordForm]
    lease_s: float = 240.0
    """Longer than any call, so that no call outlives the claim that it was made for."""
    most_by_collections: int = 2_000
    """Above it a job costs fewer calls (Salesforce, developer limits)."""

    @property
    def form(self) -> RecordForm:
        """The form of the lane's own entries."""
        return self.forms[self.entity]


@dataclass(slots=True)
class OrgReport:
    """What a lane did; `failed_batches` are those of which not one record was written."""

    batches: int = 0
    jobs: int = 0
    written: int = 0
    refused: int = 0
    gone: int = 0
    put_off: int = 0
    in_doubt: int = 0
    lost: int = 0
    failed_batches: int = 0
    failure: str | None = None
    """What a record of the last failed batch met."""
    set_aside: int = 0
    """Accounts that were changed since their entries were planned."""
    deferred_by: str | None = None
    """Why it ended before its time: the service is down, or its day spent."""


@dataclass(slots=True)
class BatchEnd:
    """What became of one batch so far; `passing` are the entries that another try may help."""

    written: int = 0
    passing: list[Entry] = field(default_factory=list)
    failure: RowResult | None = None
    said: dict[int, RowResult] = field(default_factory=dict)
    """The last answer to each of those, by its id."""
    parted: set[int] = field(default_factory=set)
    """Which of those no longer name a record that is gone."""


class OrgEnds:
    """Gives a lane's entries back to the outbox as the org's answers say."""

    def __init__(
        self, spec: OrgLaneSpec, *, outbox: Outbox, clock: Clock, report: OrgReport
    ) -> None:
        """The spec names the owner of the leases; what is done is counted in the report."""
        self._spec = spec
        self._outbox = outbox
        self._clock = clock
        self._report = report

    def take_in(
        self, entries: Sequence[Entry], results: Sequence[RowResult], end: BatchEnd
    ) -> None:
        """Settle what was written, give up what was refused, and keep the rest in `end`.

        What was refused over a record that it looks up is kept without it, to be sent again.
        """
        pairs = list(zip(entries, results, strict=True))
        done = [(entry, result) for entry, result in pairs if result.is_ok]
        # Without the id of a new record nothing can be linked: it is looked for.
        self.doubt([entry for entry, result in done if _lacks_id(entry, result)])
        named = [(entry, result) for entry, result in done if not _lacks_id(entry, result)]
        made = {entry.entry_id: result.record_id for entry, result in named if result.record_id}
        end.written += self._settle([entry for entry, _ in named], made)
        end.passing = []
        for entry, result in pairs:
            if result.is_ok:
                continue
            form = self._spec.forms[entry.entity]
            # Of a record that is made if need be, it is a parent that is gone.
            if result.is_gone and form.by is None:
                self._forget(entry, result)
                continue
            end.failure = result
            if parted := _parted(entry, result, form):
                end.passing.append(parted)
                end.said[entry.entry_id] = result
                end.parted.add(entry.entry_id)
            elif _may_pass(entry, result) and entry.tries + 1 < MOST_PASSING:
                end.passing.append(entry)
                end.said[entry.entry_id] = result
            else:
                self._refuse(entry, result)

    def close(self, end: BatchEnd) -> None:
        """Put off what nothing helped, and count the batch as failed if nothing was written."""
        failure = end.failure
        if failure is None:
            return
        alike: dict[tuple[timedelta, str], list[Entry]] = {}
        for entry in end.passing:
            key = _delay_after(entry.tries), end.said[entry.entry_id].text
            alike.setdefault(key, []).append(entry)
        for (delay, reason), entries in alike.items():
            self.put_off(entries, reason=reason, after=delay)
        if not end.written:
            self._report.failed_batches += 1
            self._report.failure = failure.text

    def put_off(
        self,
        entries: Sequence[Entry],
        *,
        reason: str,
        after: timedelta = SOON,
        forget: bool = False,
    ) -> None:
        """Let entries go again later; `forget` those that may have been written."""
        if entries:
            self._report.put_off += len(entries)
            self._outbox.retry_later(
                ids_of(entries),
                owner=self._spec.owner,
                not_before_at=self._clock.now() + after,
                reason=reason,
                forget=forget,
            )

    def send_again(self, entries: Sequence[Entry], *, sent_at: datetime | None = None) -> None:
        """Let entries of unknown outcome go again.

        Those of a call that was sent at `sent_at` wait while it may still be at work, since the
        repeat would meet its locks; others go at once unless that was often enough.
        """
        reason = "no answer came: the same values go again"
        ends_in = _NO_WAIT if sent_at is None else sent_at + _LONGEST_CALL - self._clock.now()
        by_delay: dict[timedelta, list[Entry]] = {}
        for entry in entries:
            least = SOON if entry.tries >= MOST_TRIES else _NO_WAIT
            delay = max(least, min(_delay_after(entry.tries), ends_in))
            by_delay.setdefault(delay, []).append(entry)
        for delay, together in by_delay.items():
            self.put_off(together, reason=reason, after=delay, forget=True)

    def found(self, entries: Sequence[Entry]) -> None:
        """Settle entries whose accounts hold what they were to write."""
        self._settle(entries, {}, is_looked_up=True)

    def made(self, entries: Sequence[Entry], accounts: Mapping[int, str]) -> None:
        """Settle entries whose accounts an earlier write has made, unless others did."""
        ours = []
        for entry in entries:
            if TRIED in entry.meta or self._outbox.last_attempt(entry.entry_id) is not None:
                ours.append(entry)
                continue
            self._report.refused += 1
            self._give_up(entry, f"{_THERE}: {accounts[entry.entry_id]}", _MATCH)
        self._settle(ours, accounts, is_looked_up=True)

    def not_needed(self, entries: Sequence[Entry]) -> None:
        """Give up entries whose contacts a person has linked meanwhile."""
        if entries:
            self._report.set_aside += self._outbox.set_aside(
                ids_of(entries), owner=self._spec.owner, reason=LINKED
            )

    def set_aside(self, entries: Sequence[Entry]) -> None:
        """Leave entries to the next merge, since their accounts have changed."""
        by_tenant: dict[TenantId, list[Entry]] = {}
        for entry in entries:
            by_tenant.setdefault(TenantId(entry.meta[AGREED_IN]), []).append(entry)
        for tenant, ours in by_tenant.items():
            self._report.set_aside += self._outbox.set_aside(
                ids_of(ours), owner=self._spec.owner, reason=CHANGED, merged_in=tenant
            )

    def doubt(self, entries: Sequence[Entry]) -> None:
        """Leave entries to whoever looks next."""
        if entries:
            self._report.in_doubt += len(entries)
            self._outbox.doubt(ids_of(entries), owner=self._spec.owner)

    def release(self, entries: Sequence[Entry]) -> None:
        """Put entries back that surely were not written."""
        if entries:
            self._outbox.release(ids_of(entries), owner=self._spec.owner)

    def _settle(
        self, entries: Sequence[Entry], made: Mapping[int, str], *, is_looked_up: bool = False
    ) -> int:
        """Settle entries; `made` are the ids of new accounts, by entry."""
        said = [
            _of_new_account(one, made[one.entry_id], is_looked_up=is_looked_up)
            if one.entity is Entity.ACCOUNT_CREATE
            else Settlement(
                entry_id=one.entry_id,
                target_id=TargetId(one.source_id),
                target_number=one.meta.get("invoice_number"),
                # The reply only names the record: what it holds now is what was sent.
                target_snapshot=one.meta.get(SNAPSHOT, one.payload),
                agreed=changes_of(one),
                agreed_in=_agreed_in(one),
                is_looked_up=is_looked_up,
            )
            for one in entries
        ]
        settled = self._outbox.settle(said, owner=self._spec.owner)
        self._report.written += settled
        return settled

    def _forget(self, entry: Entry, result: RowResult) -> None:
        """Let an entry rest whose record was deleted: there is nobody left to show it to."""
        self._report.gone += 1
        self._bury(entry, result)
        reason = f"the {self._spec.forms[entry.entity].object_name.lower()} was deleted"
        self._outbox.discard([entry.entry_id], run_id=self._spec.run_id, reason=reason)

    def _refuse(self, entry: Entry, result: RowResult) -> None:
        self._report.refused += 1
        self._bury(entry, result)

    def _bury(self, entry: Entry, result: RowResult) -> None:
        is_taken = entry.entity is Entity.ACCOUNT_CREATE and result.is_taken
        self._give_up(entry, result.text, _TAKEN if is_taken else result.hint)

    def _give_up(self, entry: Entry, message: str, hint: str) -> None:
        self._outbox.bury(
            entry.entry_id,
            owner=self._spec.owner,
            run_id=self._spec.run_id,
            error_class="Refused",
            message=message,
            hint=hint,
        )


def _may_pass(entry: Entry, result: RowResult) -> bool:
    """Say whether a later try may help, as it does if an earlier one made the account just now."""
    is_late = TRIED in entry.meta and result.is_taken and entry.meta[KEY] in result.text
    return result.is_passing or is_late


def _lacks_id(entry: Entry, result: RowResult) -> bool:
    return entry.entity is Entity.ACCOUNT_CREATE and result.record_id is None


def _of_new_account(entry: Entry, account_id: str, *, is_looked_up: bool) -> Settlement:
    """Return the settlement by which account and contact stand for each other."""
    return Settlement(
        entry_id=entry.entry_id,
        target_id=TargetId(account_id),
        target_number=None,
        target_snapshot=entry.payload,
        paired=paired_contact(entry),
        is_looked_up=is_looked_up,
    )


def _parted(entry: Entry, result: RowResult, form: RecordForm) -> Entry | None:
    """Return the entry without the lookups that it was refused for; None if it was for others.

    The copy is for this sending only: what waits in the outbox names them still.
    """
    if form.by is None or not result.misses_another:
        return None
    values = parse(entry.payload)
    names = [
        name
        for name in form.lookups
        if values.get(name) is not None and (not result.fields or name in result.fields)
    ]
    return replace(entry, payload=emptied(entry.payload, names)) if names else None


def _agreed_in(entry: Entry) -> TenantId | None:
    tenant = entry.meta.get(AGREED_IN)
    return TenantId(tenant) if tenant else None


def _delay_after(tries: int) -> timedelta:
    """Return how long an entry rests: twice as long after each batch, an hour at most."""
    doublings = min(tries // _A_BATCH, 10)
    return min(SOON * (1 << doublings), _LATE)


def ids_of(entries: Sequence[Entry]) -> list[int]:
    """Return the ids of entries."""
    return [entry.entry_id for entry in entries]
