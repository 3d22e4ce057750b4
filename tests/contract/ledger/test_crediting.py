"""Credit notes: begun before they are sent, one sale with their invoice once they are booked."""

import pytest
from sqlalchemy import update
from tests.contract.ledger.making import ROUTE, TENANT, claim, in_step, plan, states, wish

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.tables import links
from sfxero.model.audit import AuditKind
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.outbox import (
    BookedCredit,
    Entry,
    NoteTotals,
    OpenCredit,
    PlannedEntry,
    PlanOutcome,
    Settlement,
)
from sfxero.model.states import Entity, EntryState, Operation

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE
S1 = SourceId("s1")
TOTALS = NoteTotals("20.00", "22.00")


def invoice(content: str = "A", *, age: int = 0) -> PlannedEntry:
    return wish("s1", content, age=age, entity=INVOICE)


def take(ledger: Ledger) -> Entry:
    (entry,) = claim(ledger, entity=INVOICE)
    return entry


def begin(ledger: Ledger, entry: Entry, operation: Operation = Operation.CREDIT) -> None:
    ledger.outbox.store_attempt(
        [entry.entry_id],
        owner="w1",
        operation=operation,
        body_hash=operation,
        idempotency_key=f"{operation} {entry.entry_id} {entry.tries}",
        deadline_at=ledger._database.clock.now(),
    )


def of_note(entry: Entry) -> Settlement:
    return Settlement(entry.entry_id, TargetId("CN-1"), "N1-C1", '{"CreditNoteID":"CN-1"}')


def of_invoice(entry: Entry) -> Settlement:
    return Settlement(entry.entry_id, TargetId("T-s1"), "N1", '{"AmountCredited":"22"}')


def changed(ledger: Ledger) -> Entry:
    """A changed invoice, claimed to be credited."""
    in_step(ledger, invoice())
    plan(ledger, invoice("B", age=1))
    entry = take(ledger)
    assert (entry.open_credit, entry.credit_number) == (None, "N1-C1")
    return entry


def test_each_step_lets_the_entry_wait_again_and_the_last_settles_it(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    assert ledger.outbox.advance(of_note(entry), owner="w1") == 1
    again = take(ledger)
    assert again.open_credit == OpenCredit("N1-C1", '{"Name":"B"}', "B", TargetId("CN-1"))
    begin(ledger, again, Operation.ALLOCATE)
    ledger.outbox.advance(of_note(again), owner="w1")
    ledger.outbox.book_credit(of_invoice(take(ledger)), TOTALS, owner="w1")

    assert claim(ledger, entity=INVOICE) == []  # it holds the values, so it is settled on the way

    assert states(ledger)[entry.entry_id] is EntryState.SETTLED
    link = ledger.links.get_many(TENANT, INVOICE, [S1])[S1]
    assert (link.content_hash, link.source_snapshot) == ("B", '{"Name":"B"}')
    assert ledger.outbox.credited(TENANT, INVOICE) == {"T-s1": [TOTALS]}
    kinds = [str(one.fields["kind"]) for one in ledger.audit.export(ROUTE)]
    assert kinds[-6:] == [
        AuditKind.SENT,
        AuditKind.CREDITED,
        AuditKind.SENT,
        AuditKind.CREDITED,
        AuditKind.CREDITED,
        AuditKind.HELD_ALREADY,
    ]
    assert ledger.audit.verify(ROUTE).broken is None


def test_the_next_credit_note_has_the_next_number(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    ledger.outbox.book_credit(of_invoice(entry), TOTALS, owner="w1")
    claim(ledger, entity=INVOICE)
    plan(ledger, invoice("C", age=2))

    second = take(ledger)

    assert (second.credit_number, second.former_payload) == ("N1-C2", '{"Name":"B"}')


def test_a_credit_note_that_is_begun_is_stored_and_the_link_vouches_for_nothing(
    ledger: Ledger, clock: FakeClock
) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    clock.advance(61)
    ledger.outbox.expire_leases(TENANT)
    (doubtful,) = ledger.outbox.claim_in_doubt(TENANT, owner="w2", limit=1, lease_s=60)
    assert doubtful.open_credit is not None

    (back,) = plan(ledger, invoice("A", age=2))

    assert back.outcome is PlanOutcome.ADDED


def test_a_newer_wish_is_held_against_what_the_credit_note_was_for(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    plan(ledger, invoice("C", age=2))
    ledger.outbox.advance(of_note(entry), owner="w1")
    newer = take(ledger)
    assert newer.content_hash == "C"
    assert newer.open_credit == OpenCredit("N1-C1", '{"Name":"B"}', "B", TargetId("CN-1"))

    ledger.outbox.book_credit(of_invoice(newer), TOTALS, owner="w1")

    again = take(ledger)
    assert (again.open_credit, again.former_payload) == (None, '{"Name":"B"}')


def test_one_that_was_never_made_is_forgotten_and_its_number_used(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    ledger.outbox.release([entry.entry_id], owner="w1")
    again = take(ledger)

    ledger.outbox.drop_credit(again.entry_id, owner="w1")

    ledger.outbox.release([again.entry_id], owner="w1")
    third = take(ledger)
    assert (third.open_credit, third.credit_number) == (None, "N1-C1")
    assert ledger.outbox.credited(TENANT, INVOICE) == {}


def test_a_void_one_comes_to_nothing_keeps_its_number_and_the_link_vouches_no_more(
    ledger: Ledger,
) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    ledger.outbox.book_credit(of_invoice(entry), TOTALS, owner="w1")
    claim(ledger, entity=INVOICE)
    plan(ledger, invoice("C", age=2))
    second = take(ledger)
    assert second.booked == (BookedCredit("N1-C1", TOTALS),)

    assert ledger.outbox.void_credits(of_invoice(second), ["N1-C1"], owner="w1") == 1

    third = take(ledger)
    assert (third.booked, third.credit_number, third.is_vouched) == ((), "N1-C2", False)
    assert ledger.outbox.credited(TENANT, INVOICE) == {"T-s1": [NoteTotals("0", "0")]}
    (back,) = plan(ledger, invoice("B", age=3))
    assert back.outcome is PlanOutcome.ADDED


def test_one_that_is_void_before_it_was_used_is_under_way_no_more(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin(ledger, entry)

    ledger.outbox.void_credits(of_invoice(entry), ["N1-C1"], owner="w1")

    again = take(ledger)
    assert (again.open_credit, again.credit_number) == (None, "N1-C2")


def test_those_of_a_former_invoice_only_use_up_their_numbers(ledger: Ledger) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    ledger.outbox.book_credit(of_invoice(entry), TOTALS, owner="w1")
    claim(ledger, entity=INVOICE)
    plan(ledger, invoice("C", age=2))
    begin(ledger, take(ledger))
    with ledger._database.write() as conn:
        conn.execute(update(links).values(target_id="T-other"))
    ledger.outbox.release([entry.entry_id + 1], owner="w1")

    again = take(ledger)

    assert (again.open_credit, again.booked, again.credit_number) == (None, (), "N1-C2")


def test_who_lost_the_lease_changes_nothing(ledger: Ledger, clock: FakeClock) -> None:
    entry = changed(ledger)
    begin(ledger, entry)
    clock.advance(61)
    ledger.outbox.expire_leases(TENANT)

    assert ledger.outbox.advance(of_note(entry), owner="w1") == 0
    assert ledger.outbox.book_credit(of_invoice(entry), TOTALS, owner="w1") == 0
    ledger.outbox.drop_credit(entry.entry_id, owner="w1")

    (doubtful,) = ledger.outbox.claim_in_doubt(TENANT, owner="w2", limit=1, lease_s=60)
    assert doubtful.open_credit is not None


def test_booking_what_is_booked_already_leaves_the_link_alone(ledger: Ledger) -> None:
    entry = changed(ledger)

    ledger.outbox.book_credit(of_invoice(entry), TOTALS, owner="w1")

    assert ledger.links.get_many(TENANT, INVOICE, [S1])[S1].content_hash == "A"
