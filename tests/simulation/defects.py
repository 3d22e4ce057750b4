"""Deliberate defects of our own code: each must be found, or the simulation proves nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import true, update

from sfxero.errors import NotSent, OutcomeUnknown, SyncError
from sfxero.ledger import attempts, audit_trail, claims, planning, records, runs, settling, windows
from sfxero.ledger.doubting import Doubting
from sfxero.ledger.outbox_reading import OutboxReading
from sfxero.ledger.tables import entries, watermarks
from sfxero.model.outbox import PlanOutcome
from sfxero.model.states import EntryState
from sfxero.ratelimit.limiter import Limiter, LimitKind, Turn
from sfxero.ratelimit.policy import Grant
from sfxero.sync import bodies, lookup, publish, sending
from sfxero.sync.lookup import LookUp
from sfxero.sync.publish import Lane
from sfxero.sync.sending import Sender
from sfxero.xero import client
from sfxero.xero.accounting import Accounting
from sfxero.xero.elements import ElementResult

Patches = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Defect:
    """One way to break a promise; `found_by` names the invariants that may notice first."""

    name: str
    found_by: frozenset[str]
    patches: Callable[[], Patches]

    @contextmanager
    def switched_on(self) -> Iterator[None]:
        """Break the code for a while."""
        started = []
        try:
            for one in self.patches():
                one.start()
                started.append(one)
            yield
        finally:
            for one in reversed(started):
                one.stop()


DEFECTS: Final[list[Defect]] = []
# Where values stay behind: reading all anew may bring them after all, and so tells of it.
_BEHIND: Final = ("totals", "contacts in step", "nothing lost", "at rest")


def _defect(name: str, *found_by: str) -> Callable[[Callable[[], Patches]], Callable[[], Patches]]:
    def add(patches: Callable[[], Patches]) -> Callable[[], Patches]:
        DEFECTS.append(Defect(name, frozenset(found_by), patches))
        return patches

    return add


@_defect("in doubt, sent again without a look-up", "look-up before sending again", "nothing lost")
def _no_look_up() -> Patches:
    return [patch.object(LookUp, "resolve", lambda _self, found: list(found))]


@_defect("a repeat of the same bytes gets a new key", "intent before effect")
def _new_key() -> Patches:
    write, count = Accounting.write_batch, iter(range(10**9))

    def with_other_key(self: Any, *args: Any, idempotency_key: str, **options: Any) -> Any:
        number = next(count)
        key = idempotency_key if number % 2 == 0 else f"{idempotency_key}-{number}"
        return write(self, *args, idempotency_key=key, **options)

    return [patch.object(Accounting, "write_batch", with_other_key)]


@_defect("a key is used again after the service has forgotten it", "keys", "leases")
def _old_key() -> Patches:
    return [
        patch.object(sending, "_DELAYS_S", (0.0, 400.0)),
        patch.object(sending, "_REPEAT_WITHIN", timedelta(hours=1)),
        patch.object(Sender, "_wait_for_permit", lambda self, _ids: self._target.take_permit()),
        patch.object(Sender, "_hold", lambda _self, _ids: None),
    ]


@_defect("leases are ignored", "leases")
def _no_leases() -> Patches:
    return [
        patch.object(attempts, "leased_to", lambda _owner, _now: true()),
        patch.object(claims, "leased_to", lambda _owner, _now: true()),
        patch.object(Sender, "_hold", lambda _self, _ids: None),
    ]


@_defect("the attempt is stored after it was sent", "intent before effect")
def _late_intent() -> Patches:
    def send(self: Any, found: Any, *, permit_taken: bool) -> Any:
        ids = [one.entry_id for one in found]
        if not permit_taken:
            self._wait_for_permit(ids)
        body, key = bodies.render(found), self._new_key()
        results = self._exchange(found, ids, body=body, key=key)
        self._store(found, ids, body=body, key=key)
        return results

    return [patch.object(Sender, "send", send)]


@_defect("what a dead worker held waits again", "look-up before sending again")
def _pending_after_crash() -> Patches:
    expire = Doubting.expire_leases

    def forget(self: Any, tenant: Any) -> int:
        count = expire(self, tenant)
        free = (entries.c.state == EntryState.IN_DOUBT, entries.c.lease_until_at.is_(None))
        if count:
            with self._database.write() as conn:
                conn.execute(update(entries).where(*free).values(state=EntryState.PENDING))
        return count

    return [patch.object(Doubting, "expire_leases", forget)]


@_defect("a server error counts as not sent", "look-up before sending again")
def _harmless_5xx() -> Patches:
    reply_of = client.reply_of

    def harmless(*args: Any, **options: Any) -> Any:
        try:
            return reply_of(*args, **options)
        except OutcomeUnknown as error:
            raise NotSent(error.message, service="xero") from error

    return [patch.object(client, "reply_of", harmless)]


@_defect("a refused batch is split without a look-up", "look-up before sending again")
def _blind_split() -> Patches:
    def split(self: Any, found: Any, error: Any) -> None:
        if len(found) == 1:
            self._bury(found[0], type(error).__name__, error.message, "")
            return
        for one in found:
            self._send([one])

    return [patch.object(Lane, "_split", split)]


@_defect("what supersedes is dropped", *_BEHIND)
def _dropped() -> Patches:
    decide = planning.decide

    def forgetful(new: Any, record: Any, link: Any) -> Any:
        made = decide(new, record, link)
        if made.outcome is PlanOutcome.ADDED and link is not None:
            return replace(made, outcome=PlanOutcome.UNCHANGED, standing=link, supersedes=False)
        return made

    return [patch.object(planning, "decide", forgetful)]


@_defect("an older version overtakes a newer one", *_BEHIND)
def _overtaking() -> Patches:
    decide = planning.decide

    def newest_read_wins(new: Any, record: Any, link: Any) -> Any:
        latest = replace(new.version, stamp_at=datetime.max.replace(tzinfo=UTC))
        return decide(replace(new, version=latest), record, link)

    return [patch.object(planning, "decide", newest_read_wins)]


@_defect("what is in flight is not compared with", *_BEHIND)
def _flight_ignored() -> Patches:
    decide = planning.decide

    def blind(new: Any, record: Any, link: Any) -> Any:
        return decide(new, replace(record, active=None), link)

    return [patch.object(planning, "decide", blind)]


@_defect("the watermark moves before anything is prepared", *_BEHIND)
def _early_watermark() -> Patches:
    mark_staged = windows.Windows.mark_staged

    def eager(self: Any, window_id: int, **values: Any) -> None:
        mark_staged(self, window_id, **values)
        with self._database.write() as conn:
            windows._move_watermark(conn, self.get_on(conn, window_id))

    def get_on(_self: Any, conn: Any, window_id: int) -> Any:
        chosen = windows.windows.c.window_id == window_id
        return windows._window(conn.execute(windows.select(windows.windows).where(chosen)).one())

    return [
        patch.object(windows.Windows, "mark_staged", eager),
        patch.object(windows.Windows, "get_on", get_on, create=True),
    ]


@_defect("a watermark jumps over what nobody has read", *_BEHIND)
def _watermark_ahead() -> Patches:
    move = windows._move_watermark

    def ahead(conn: Any, window: Any) -> None:
        move(conn, window)
        conn.execute(
            update(watermarks)
            .where(watermarks.c.upper_at == window.to_at)
            .values(upper_at=window.to_at + timedelta(minutes=30))
        )

    return [patch.object(windows, "_move_watermark", ahead)]


@_defect("elements of a reply are taken by their place", "links", "totals", "nothing lost",
         "contacts in step")  # fmt: skip
def _by_place() -> Patches:
    def by_place(
        sent: Sequence[Any], results: Sequence[ElementResult], **_options: Any
    ) -> list[ElementResult | None]:
        return [*results, *[None] * len(sent)][: len(sent)]

    return [patch.object(publish, "match_elements", by_place)]


@_defect(
    "what a reply leaves out counts as done", "audit", "at rest", "nothing lost", "links", "totals"
)
def _swallowed() -> Patches:
    doubt = Lane._doubt

    def settle_unseen(self: Any, found: Any) -> None:
        doubt(self, found)
        ids = [one.entry_id for one in found]
        with self._outbox._database.write() as conn:
            conn.execute(
                update(entries).where(entries.c.entry_id.in_(ids)).values(state=EntryState.SETTLED)
            )

    return [patch.object(Lane, "_doubt", settle_unseen)]


@_defect("a stranger's invoice is adopted", "links")
def _adopted_stranger() -> Patches:
    def anybody(_entry: Any, matches: Sequence[Mapping[str, Any]]) -> lookup.Found:
        return lookup.Found(element=matches[0])

    return [patch.object(lookup, "_judge_invoice", anybody)]


@_defect("an update goes without the id of its record", "totals", "contacts in step", "links",
         "nothing lost", "no duplicates")  # fmt: skip
def _update_without_link() -> Patches:
    update_of = bodies._contact_update

    def without_id(entry: Any) -> str:
        fields = bodies.json.loads(update_of(entry))
        del fields["ContactID"]
        return bodies.json.dumps(fields)

    return [patch.object(bodies, "_contact_update", without_id)]


@_defect("what is unchanged is written again", "at rest")
def _restless() -> Patches:
    decide = planning.decide

    def always(new: Any, record: Any, link: Any) -> Any:
        made = decide(new, record, link)
        if made.outcome is PlanOutcome.UNCHANGED and made.standing is link:
            return planning.Decision(PlanOutcome.ADDED, supersedes=True)
        return made

    def never_held(_self: Any, _conn: Any, rows: Any, *, owner: str) -> Any:
        return list(rows)

    return [
        patch.object(planning, "decide", always),
        patch.object(claims.Claims, "_settle_in_place", never_held),
    ]


@_defect("a 429 is ignored", "limits")
def _deaf() -> Patches:
    return [patch.object(Limiter, "refused", lambda _self, _after, _problem: LimitKind.UNKNOWN)]


@_defect("nobody waits for a turn", "limits")
def _impatient() -> Patches:
    return [
        patch.object(Limiter, "acquire", lambda _self, **_within: Turn(Grant(0.0))),
        patch.object(Limiter, "flight", _no_flight),
    ]


@contextmanager
def _no_flight(_self: Any, _turn: Any = None, **_within: Any) -> Iterator[None]:
    yield


@_defect("totals are floats, cut instead of rounded", "totals", "nothing lost")
def _floats() -> Patches:
    from sfxero.mapping import totals

    exact = totals.pc.round

    def cut(values: Any, ndigits: int = 0, **_mode: Any) -> Any:
        return exact(values, ndigits=ndigits, round_mode="towards_zero")

    return [patch.object(totals.pc, "round", cut)]


@_defect("a record of a run is forgotten", "nothing lost")
def _forgotten() -> Patches:
    record = runs.Runs.record_dispositions

    def all_but_one(self: Any, run_id: Any, rows: Any) -> None:
        record(self, run_id, list(rows)[1:])

    return [patch.object(runs.Runs, "record_dispositions", all_but_one)]


@_defect("a write is not in the audit log", "audit")
def _unlogged() -> Patches:
    append = audit_trail.append

    def some(conn: Any, database: Any, facts: Any) -> Any:
        return append(conn, database, list(facts)[1:])

    return [patch.object(settling, "append", some)]


@_defect("a failed look-up counts as found nothing", "look-up before sending again")
def _blind() -> Patches:
    def hopeful(self: Any, found: Any) -> Any:
        try:
            return self._look_up.resolve(found)
        except SyncError:
            self._release(found)
            return []

    return [patch.object(Lane, "_looked_up", hopeful)]


@_defect("what the ledger could not take in is sent again", "look-up before sending again")
def _not_taken_in() -> Patches:
    return [patch.object(publish, "_LEDGER", "no service at all")]


@_defect("what is under way cannot be withdrawn", "nothing lost", "at rest")
def _not_withdrawn() -> Patches:
    live_entry = records._live_entry

    def never_withdrawn(row: Any) -> records.LiveEntry:
        return replace(live_entry(row), is_withdrawn=False)

    return [
        patch.object(records, "_live_entry", never_withdrawn),
        patch.object(OutboxReading, "under_way", lambda *_args: set()),
    ]


@_defect("jobs are made for windows that nobody reads any more", "limits")
def _jobs_without_end() -> Patches:
    return [patch.object(windows.Windows, "still_wanted", windows.Windows.get)]
