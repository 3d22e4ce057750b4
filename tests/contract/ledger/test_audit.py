"""What the audit log says of each thing that can happen to an entry."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.contract.ledger.auditing import (
    ACTOR,
    OWNER,
    PUBLISHING,
    SNAPSHOT,
    begin,
    events,
    kinds,
    last,
    reply,
    run_sql,
    sha256,
    store,
    write,
)
from tests.contract.ledger.making import CONTACT, ROUTE, TENANT, bury, claim, plan, wish

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.tables import entries
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import RunId
from sfxero.model.outbox import Entry

pytestmark = pytest.mark.contract

PAYLOAD = '{"Name":"A"}'


def test_a_request_is_logged_before_it_leaves_with_all_that_explains_it(
    ledger: Ledger, clock: FakeClock
) -> None:
    claimed = begin(ledger, wish())
    attempt_id = store(ledger, claimed)
    (event,) = events(ledger)
    told = {name: value for name, value in event.fields.items() if not name.endswith("_hash")}
    assert told == {
        "route": ROUTE,
        "seq": 1,
        "kind": AuditKind.SENT,
        "at": clock.now(),
        "actor": ACTOR,
        "run_id": PUBLISHING,
        "mapping_version": "m1",
        "rule": "contact_create",
        "tenant": TENANT,
        "entity": CONTACT,
        "source_id": "s1",
        "target_id": None,
        "entry_id": claimed[0].entry_id,
        "attempt_id": attempt_id,
        "idempotency_key": "k1",
        "error_class": None,
    }
    assert event.values == AuditValues(after=PAYLOAD, request_hash="body of k1")


def test_a_settlement_tells_what_the_target_holds_and_hashes_its_word(ledger: Ledger) -> None:
    write(ledger, wish())
    event = last(ledger)
    assert event.fields["kind"] == AuditKind.SETTLED
    assert (event.fields["target_id"], event.fields["idempotency_key"]) == ("T-s1", "k1")
    assert event.values == AuditValues(
        after=SNAPSHOT, request_hash="body of k1", response_hash=sha256(SNAPSHOT)
    )


def test_an_update_tells_what_the_target_held_before(ledger: Ledger) -> None:
    write(ledger, wish())
    newer = '{"ContactID":"T-s1","Name":"B"}'
    claimed = begin(ledger, wish(content="B", age=1))
    store(ledger, claimed, key="k2")
    ledger.outbox.settle([reply(claimed[0], snapshot=newer)], owner=OWNER)
    sent, settled = events(ledger)[2:]
    assert sent.values is not None
    assert settled.values is not None
    assert (sent.values.before, sent.values.after) == (SNAPSHOT, '{"Name":"B"}')
    assert (settled.values.before, settled.values.after) == (SNAPSHOT, newer)
    assert [one.fields["rule"] for one in (sent, settled)] == ["contact_update"] * 2


def test_each_entry_of_a_batch_has_its_own_event_in_the_order_of_the_body(ledger: Ledger) -> None:
    claimed = begin(ledger, wish("s1"), wish("s2"), wish("s3"))
    store(ledger, claimed[::-1])
    assert [event.fields["source_id"] for event in events(ledger)] == ["s3", "s2", "s1"]
    assert len({event.salt for event in events(ledger)}) == 3


def _release(ledger: Ledger, entry: Entry) -> object:
    return ledger.outbox.release([entry.entry_id], owner=OWNER)


def _retry(ledger: Ledger, entry: Entry) -> object:
    now = ledger._database.clock.now()
    return ledger.outbox.retry_later(
        [entry.entry_id], owner=OWNER, not_before_at=now, reason="no connection"
    )


def _bury(ledger: Ledger, entry: Entry) -> object:
    return bury(ledger, entry.entry_id, owner=OWNER)


def _amend(ledger: Ledger, entry: Entry) -> object:
    return ledger.outbox.amend(
        entry.entry_id, owner=OWNER, payload='{"Name":"A (2)"}', content_hash="X"
    )


def _doubt(ledger: Ledger, entry: Entry) -> object:
    return ledger.outbox.doubt([entry.entry_id], owner=OWNER)


def _expire(ledger: Ledger, _entry: Entry) -> object:
    clock = ledger._database.clock
    assert isinstance(clock, FakeClock)
    clock.advance(60)
    return ledger.outbox.expire_leases(TENANT)


def _find(ledger: Ledger, entry: Entry) -> object:
    return ledger.outbox.settle([reply(entry, is_looked_up=True)], owner=OWNER)


def _adopt(ledger: Ledger, entry: Entry) -> object:
    return ledger.outbox.adopt(reply(entry, is_looked_up=True), owner=OWNER)


OUTCOMES: dict[str, tuple[Callable[[Ledger, Entry], object], AuditKind, dict[str, Any]]] = {
    "release": (_release, AuditKind.NOT_DONE, {"error_class": "RateLimited"}),
    "retry_later": (
        _retry,
        AuditKind.NOT_DONE,
        {"error_class": "RateLimited", "note": "no connection"},
    ),
    "bury": (
        _bury,
        AuditKind.DEAD_LETTER,
        {"error_class": "RequestRejected", "note": "no such account"},
    ),
    "amend": (
        _amend,
        AuditKind.AMENDED,
        {"error_class": "Refused", "before": PAYLOAD, "after": '{"Name":"A (2)"}'},
    ),
    "doubt": (_doubt, AuditKind.UNKNOWN, {"error_class": "RateLimited"}),
    "expire": (_expire, AuditKind.UNKNOWN, {"error_class": "RateLimited"}),
    "found by a look-up": (
        _find,
        AuditKind.FOUND,
        {"after": SNAPSHOT, "response_hash": sha256(SNAPSHOT), "target_id": "T-s1"},
    ),
    "adopt": (
        _adopt,
        AuditKind.ADOPTED,
        {"after": SNAPSHOT, "response_hash": sha256(SNAPSHOT), "target_id": "T-s1"},
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_outcome_of_a_request_is_logged_with_its_request(ledger: Ledger, name: str) -> None:
    end, kind, expected = OUTCOMES[name]
    (entry,) = begin(ledger, wish())
    attempt_id = store(ledger, [entry])
    ledger.outbox.finish_attempt(attempt_id, outcome="RateLimited", status=429)
    assert end(ledger, entry) == 1
    event = last(ledger)
    assert kinds(ledger) == [AuditKind.SENT, kind]
    assert event.values is not None
    said = {
        **event.fields,
        **{name: getattr(event.values, name) for name in event.values.__slots__},
    }
    known: dict[str, Any] = {
        "error_class": None, "before": None, "after": None, "note": None, "response_hash": None,
        "target_id": None, "actor": ACTOR, "run_id": PUBLISHING, "attempt_id": attempt_id,
        "idempotency_key": "k1", "request_hash": "body of k1", "entry_id": entry.entry_id,
    }  # fmt: skip
    assert {key: said[key] for key in known} == {**known, **expected}


@pytest.mark.parametrize("name", ["release", "retry_later", "doubt", "expire"])
def test_what_no_request_carried_has_no_outcome_to_log(ledger: Ledger, name: str) -> None:
    (entry,) = begin(ledger, wish())
    assert OUTCOMES[name][0](ledger, entry) == 1
    assert kinds(ledger) == []


def test_an_entry_in_doubt_is_logged_so_once(ledger: Ledger) -> None:
    (entry,) = begin(ledger, wish())
    store(ledger, [entry])
    _doubt(ledger, entry)
    ledger.outbox.claim_in_doubt(TENANT, owner=OWNER, limit=1, lease_s=60)
    _doubt(ledger, entry)
    assert kinds(ledger) == [AuditKind.SENT, AuditKind.UNKNOWN]


def test_who_finds_what_another_run_sent_is_named_with_the_senders_request(ledger: Ledger) -> None:
    (entry,) = begin(ledger, wish())
    attempt_id = store(ledger, [entry])
    _doubt(ledger, entry)
    later = RunId("demo/scheduled__2")
    ledger.runs.start(later, ROUTE, kind="drain", mapping_version="m1", actor="cron", params="{}")
    finder = f"{later}/contact/1/bb"
    ledger.outbox.claim_in_doubt(TENANT, owner=finder, limit=1, lease_s=60)
    ledger.outbox.settle([reply(entry, is_looked_up=True)], owner=finder)
    told = last(ledger).fields
    assert (told["kind"], told["actor"], told["run_id"]) == (AuditKind.FOUND, "cron", later)
    assert (told["attempt_id"], told["idempotency_key"]) == (attempt_id, "k1")


def test_a_batch_that_is_split_ends_its_first_request_before_the_second(ledger: Ledger) -> None:
    claimed = begin(ledger, wish("s1"), wish("s2"))
    first = store(ledger, claimed)
    ledger.outbox.finish_attempt(first, outcome="RequestRejected", status=400)
    second = store(ledger, claimed[:1], key="k2")
    told = [(one.fields["kind"], one.fields["attempt_id"]) for one in events(ledger)]
    assert told[2:] == [(AuditKind.NOT_DONE, first), (AuditKind.SENT, second)]
    assert events(ledger)[2].fields["error_class"] == "RequestRejected"


def test_an_entry_settled_without_a_call_is_logged_as_held_already(ledger: Ledger) -> None:
    write(ledger, wish())
    (older,) = begin(ledger, wish(content="B", age=1))
    plan(ledger, wish(age=2))
    _release(ledger, older)
    assert claim(ledger, owner=OWNER) == []
    event = last(ledger)
    assert (event.fields["kind"], event.fields["run_id"]) == (AuditKind.HELD_ALREADY, PUBLISHING)
    assert event.values == AuditValues(before=SNAPSHOT, after=SNAPSHOT)
    assert ledger.audit.verify(ROUTE).is_valid


@pytest.mark.parametrize("does", ["replay", "discard"])
def test_what_a_person_does_to_a_dead_letter_is_logged_with_the_person(
    ledger: Ledger, does: str
) -> None:
    (entry,) = begin(ledger, wish())
    _bury(ledger, entry)
    do = getattr(ledger.outbox, does)
    assert do([entry.entry_id], actor="sam", reason="agreed by phone") == 1
    event = last(ledger)
    assert event.fields["kind"] == {"replay": "replayed", "discard": "discarded"}[does]
    assert (event.fields["actor"], event.fields["run_id"]) == ("sam", None)
    assert event.values == AuditValues(note="agreed by phone")


def test_a_replay_by_a_run_is_logged_with_its_actor(ledger: Ledger) -> None:
    (entry,) = begin(ledger, wish())
    _bury(ledger, entry)
    ledger.outbox.replay([entry.entry_id], run_id=PUBLISHING)
    assert (last(ledger).fields["actor"], last(ledger).fields["run_id"]) == (ACTOR, PUBLISHING)


def test_a_letter_is_discarded_once_and_lives_again_when_replayed(ledger: Ledger) -> None:
    (entry,) = begin(ledger, wish())
    _bury(ledger, entry)
    ids = [entry.entry_id]
    assert [ledger.outbox.discard(ids, actor="sam") for _ in range(2)] == [1, 0]
    assert ledger.outbox.replay(ids, actor="sam") == 1
    assert kinds(ledger)[-2:] == [AuditKind.DISCARDED, AuditKind.REPLAYED]
    _bury(ledger, claim(ledger, owner=OWNER)[0])
    assert ledger.outbox.discard(ids, actor="sam") == 1


def test_the_rule_is_that_of_the_mapping_where_it_names_one(ledger: Ledger) -> None:
    claimed = begin(ledger, wish())
    run_sql(ledger, sa.update(entries).values(meta='{"rule":"won_is_invoiced"}'))
    store(ledger, claimed)
    assert last(ledger).fields["rule"] == "won_is_invoiced"


def test_a_worker_whose_name_tells_no_run_is_logged_without_one(ledger: Ledger) -> None:
    plan(ledger, wish())
    store(ledger, claim(ledger, owner="w1"), owner="w1")
    assert (last(ledger).fields["run_id"], last(ledger).fields["actor"]) == (None, None)


def test_what_another_holds_is_neither_changed_nor_logged(ledger: Ledger) -> None:
    (entry,) = begin(ledger, wish())
    assert ledger.outbox.settle([reply(entry)], owner="somebody else") == 0
    assert kinds(ledger) == []


def test_a_request_that_may_not_leave_leaves_no_event(ledger: Ledger, clock: FakeClock) -> None:
    claimed = begin(ledger, wish())
    clock.advance(60)
    with pytest.raises(LedgerError, match="lost the lease"):
        store(ledger, claimed)
    assert kinds(ledger) == []


def test_a_settlement_that_is_rolled_back_leaves_no_event(ledger: Ledger) -> None:
    claimed = begin(ledger, wish("s1"), wish("s2"))
    store(ledger, claimed)
    broken = [reply(claimed[0]), reply(claimed[1], snapshot=None)]  # type: ignore[arg-type] # the link refuses it
    with pytest.raises(LedgerError):
        ledger.outbox.settle(broken, owner=OWNER)
    assert kinds(ledger) == [AuditKind.SENT] * 2
    assert ledger.audit.verify(ROUTE).is_valid


def test_routes_have_chains_of_their_own(ledger: Ledger) -> None:
    claimed = begin(ledger, wish("s1"), wish("s2"))
    one = entries.c.entry_id == claimed[0].entry_id
    run_sql(ledger, sa.update(entries).where(one).values(route="twin"))
    store(ledger, claimed)
    assert ledger.audit.routes() == [ROUTE, "twin"]
    heads = [ledger.audit.head(route) for route in ledger.audit.routes()]
    assert [head.seq for head in heads if head] == [1, 1]
    assert all(ledger.audit.verify(route).is_valid for route in ledger.audit.routes())


def test_an_export_is_narrowed_to_a_time_and_a_record(ledger: Ledger, clock: FakeClock) -> None:
    began_at = clock.now()
    for number in (1, 2):
        write(ledger, wish(f"s{number}"))
        clock.advance(3600)
    second = began_at + timedelta(hours=1)
    assert [one.seq for one in ledger.audit.export(ROUTE, since=second)] == [3, 4]
    assert [one.seq for one in ledger.audit.export(ROUTE, until=second)] == [1, 2]
    assert [one.seq for one in ledger.audit.export(ROUTE, source_id="s2")] == [3, 4]
    assert [one.seq for one in ledger.audit.export(ROUTE, since=second, source_id="s1")] == []
