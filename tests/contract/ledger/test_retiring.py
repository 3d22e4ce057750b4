"""Voids: a link ends only when its record is void, and what takes its place has a new number."""

import json

import pytest
from tests.contract.ledger.making import (
    ROUTE,
    RUN,
    TENANT,
    claim,
    in_step,
    plan,
    settle,
    states,
    wish,
)

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.audit import AuditKind
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.outbox import (
    APPROVAL,
    ON_CHANGE,
    ChangePolicy,
    Entry,
    PlannedEntry,
    PlanOutcome,
    Settlement,
)
from sfxero.model.states import Entity, EntryState, Operation

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE
S1 = SourceId("s1")
PENDING, SETTLED, GONE = EntryState.PENDING, EntryState.SETTLED, EntryState.SUPERSEDED


def invoice(
    content: str = "A", *, age: int = 0, policy: ChangePolicy = ChangePolicy.REISSUE
) -> PlannedEntry:
    made = wish("s1", content, age=age, entity=INVOICE)
    payload = json.dumps({"InvoiceNumber": "s1", "Name": content}, separators=(",", ":"))
    return type(made)(
        **{name: getattr(made, name) for name in made.__slots__ if name not in {"payload", "meta"}},
        payload=payload,
        meta={**made.meta, ON_CHANGE: policy},
    )


def begin_void(ledger: Ledger, entry: Entry, *, owner: str = "w1") -> None:
    ledger.outbox.store_attempt(
        [entry.entry_id],
        owner=owner,
        operation=Operation.VOID,
        body_hash="void",
        idempotency_key=f"key {entry.entry_id}",
        deadline_at=ledger._database.clock.now(),
    )


def said(entry: Entry, target: str) -> Settlement:
    return Settlement(entry.entry_id, TargetId(target), "s1", '{"Status":"VOIDED"}')


def retire(ledger: Ledger, entry: Entry, *, owner: str = "w1") -> int:
    return ledger.outbox.retire([said(entry, str(entry.target_id))], owner=owner)


def take(ledger: Ledger) -> Entry:
    (entry,) = claim(ledger, entity=INVOICE)
    return entry


def settle_as(ledger: Ledger, entry: Entry, target: str) -> None:
    reply = Settlement(entry.entry_id, TargetId(target), None, '{"Status":"AUTHORISED"}')
    assert ledger.outbox.settle([reply], owner="w1") == 1


def changed(ledger: Ledger) -> Entry:
    """A changed invoice, claimed to be voided and issued again."""
    in_step(ledger, invoice())
    plan(ledger, invoice("B", age=1))
    entry = take(ledger)
    assert (entry.operation, entry.target_id) == (Operation.UPDATE, "T-s1")
    return entry


def test_a_void_parts_the_link_and_the_entry_goes_on_as_a_create(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)

    assert retire(ledger, entry) == 1

    again = take(ledger)
    assert (again.entry_id, again.operation) == (entry.entry_id, Operation.CREATE)
    assert again.former_ids == ("T-s1",)
    assert json.loads(again.payload) == {"InvoiceNumber": "s1-R2", "Name": "B"}
    assert ledger.outbox.former_ids(TENANT, INVOICE, [S1, SourceId("s2")]) == {S1: ("T-s1",)}


def test_the_log_tells_the_void_and_holds(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)
    retire(ledger, entry)
    settle_as(ledger, take(ledger), "T-2")

    kinds = [str(one.fields["kind"]) for one in ledger.audit.export(ROUTE)]
    assert kinds[-3:] == [AuditKind.SENT, AuditKind.VOIDED, AuditKind.SETTLED]
    assert ledger.audit.verify(ROUTE).broken is None


def test_numbers_count_up_and_stay_while_an_entry_is_claimed_again(
    ledger: Ledger, clock: FakeClock
) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)
    retire(ledger, entry)
    ledger.outbox.release([take(ledger).entry_id], owner="w1")
    settle_as(ledger, take(ledger), "T-2")
    plan(ledger, invoice("C", age=2))
    clock.advance(1)
    second = take(ledger)
    begin_void(ledger, second)
    retire(ledger, second)

    third = take(ledger)

    assert json.loads(third.payload)["InvoiceNumber"] == "s1-R3"
    assert third.former_ids == ("T-s1", "T-2")


def test_a_void_that_is_begun_is_stored_and_the_link_vouches_for_nothing(
    ledger: Ledger, clock: FakeClock
) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)
    clock.advance(61)
    ledger.outbox.expire_leases(TENANT)
    (doubtful,) = ledger.outbox.claim_in_doubt(TENANT, owner="w2", limit=1, lease_s=60)
    assert doubtful.is_voiding
    back = plan(ledger, invoice("A", age=2))[0]

    ledger.outbox.release([doubtful.entry_id], owner="w2")

    assert back.outcome is PlanOutcome.ADDED
    assert states(ledger)[entry.entry_id] is GONE
    again = take(ledger)
    assert (again.entry_id, again.is_voiding) == (back.entry_id, True)
    assert again.operation is Operation.UPDATE


def test_a_newer_wish_takes_over_after_the_void_and_takes_the_number(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)
    plan(ledger, invoice("A", age=2))

    retire(ledger, entry)

    again = take(ledger)
    assert states(ledger)[entry.entry_id] is GONE
    assert json.loads(again.payload) == {"InvoiceNumber": "s1-R2", "Name": "A"}


def test_what_was_to_be_void_and_is_wished_after_all_is_a_persons_to_void(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)
    settle_as(ledger, entry, "T-s1")
    plan(ledger, invoice("C", age=3))

    assert not take(ledger).is_voiding


def test_a_worker_that_lost_its_lease_retires_nothing(ledger: Ledger, clock: FakeClock) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)
    clock.advance(61)
    ledger.outbox.expire_leases(TENANT)

    assert retire(ledger, entry) == 0

    assert ledger.links.get_many(TENANT, INVOICE, [S1])[S1].target_id == "T-s1"


def test_a_link_that_leads_elsewhere_by_now_is_left_alone(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin_void(ledger, entry)

    ledger.outbox.retire([said(entry, "T-other")], owner="w1")

    assert S1 in ledger.links.get_many(TENANT, INVOICE, [S1])


def test_a_wish_that_there_be_none_keeps_its_link_until_another_is_wished(ledger: Ledger) -> None:
    in_step(ledger, invoice())
    plan(ledger, invoice("void", age=1, policy=ChangePolicy.VOID))
    entry = take(ledger)
    begin_void(ledger, entry)
    settle_as(ledger, entry, "T-s1")
    assert plan(ledger, invoice("void", age=2, policy=ChangePolicy.VOID))[0].outcome is (
        PlanOutcome.UNCHANGED
    )

    plan(ledger, invoice("A", age=3))

    again = take(ledger)
    assert (again.operation, again.is_voiding) == (Operation.UPDATE, True)


def test_what_a_person_ended_is_replaced_by_the_next_wish_even_of_the_same_values(
    ledger: Ledger,
) -> None:
    in_step(ledger, invoice())
    other = SourceId("s2")
    ledger.outbox.replace(TENANT, INVOICE, {S1: TargetId("T-s1"), other: TargetId("T-s2")})

    (again,) = plan(ledger, invoice(age=1))

    assert again.outcome is PlanOutcome.ADDED
    entry = take(ledger)
    assert entry.is_voiding
    assert retire(ledger, entry) == 1
    assert json.loads(take(ledger).payload)["InvoiceNumber"] == "s1-R2"


def test_a_link_that_leads_elsewhere_is_not_replaced(ledger: Ledger) -> None:
    in_step(ledger, invoice())

    ledger.outbox.replace(TENANT, INVOICE, {S1: TargetId("T-before")})

    assert plan(ledger, invoice(age=1))[0].outcome is PlanOutcome.UNCHANGED


def test_an_entry_that_is_held_waits_and_the_link_learns_the_state(ledger: Ledger) -> None:
    entry = changed(ledger)

    held = ledger.outbox.hold(
        entry.entry_id, owner="w1", why="look first", snapshot='{"Status":"AUTHORISED"}'
    )

    assert held == 1
    assert claim(ledger, entity=INVOICE) == []
    link = ledger.links.get_many(TENANT, INVOICE, [S1])[S1]
    assert json.loads(link.target_snapshot) == {"Status": "AUTHORISED", "reply": 1}
    assert ledger.outbox.take_questions(ROUTE, RUN, for_s=60) == [entry.entry_id]
    ledger.outbox.approve([entry.entry_id], actor="kim")
    again = take(ledger)
    assert again.is_approved
    assert again.meta[APPROVAL] == "look first"


def test_a_newer_wish_takes_the_place_of_one_that_is_held(ledger: Ledger) -> None:
    entry = changed(ledger)
    plan(ledger, invoice("C", age=2))

    ledger.outbox.hold(entry.entry_id, owner="w1", why="look first", snapshot="{}")

    assert states(ledger)[entry.entry_id] is GONE
    assert json.loads(take(ledger).payload)["Name"] == "C"


def test_contacts_are_never_asked_for_what_they_were(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish("s1", "B", age=1))

    (entry,) = claim(ledger)

    assert (entry.former_ids, entry.is_voiding) == ((), False)
    assert settle(ledger, [entry]) == 1
    assert SETTLED in states(ledger).values()
    assert PENDING not in states(ledger).values()
