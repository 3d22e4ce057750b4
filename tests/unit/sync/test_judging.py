"""What is done about a changed invoice, as a table of policies and states."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sfxero.model.ids import RouteName, SourceId, TargetId, TenantId
from sfxero.model.outbox import (
    APPROVAL,
    LOOKED_AT,
    ON_CHANGE,
    BookedCredit,
    ChangePolicy,
    Entry,
    NoteTotals,
    SourceVersion,
    looked_at,
)
from sfxero.model.states import Entity, EntryState, Operation
from sfxero.sync.judging import Act, judge, to_void
from sfxero.xero.snapshots import snapshot

NOW = datetime(2026, 11, 1, tzinfo=UTC)
UPDATE, DRAFTS, REISSUE, CREDIT, ASK, VOID = ChangePolicy


def entry(policy: ChangePolicy, **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "entry_id": 1,
        "route": RouteName("demo"),
        "tenant": TenantId("t"),
        "entity": Entity.INVOICE,
        "operation": Operation.UPDATE,
        "source_id": SourceId("006"),
        "state": EntryState.CLAIMED,
        "payload": '{"Reference":"new"}',
        "content_hash": "B",
        "version": SourceVersion(NOW, NOW),
        "mapping_version": "m",
        "run_id": "r",
        "meta": {ON_CHANGE: policy},
        "target_id": TargetId("X"),
        "parent_target_id": None,
        "tries": 0,
        "lease_until_at": NOW,
    }
    return Entry(**values | changes)


def invoice(status: str, **values: Any) -> dict[str, Any]:
    return {"InvoiceID": "X", "Status": status, "Reference": "old", "Total": Decimal(1), **values}


@pytest.mark.parametrize(
    ("policy", "draft", "approved"),
    [
        (UPDATE, Act.EDIT, Act.EDIT),
        (DRAFTS, Act.EDIT, Act.HOLD),
        (REISSUE, Act.EDIT, Act.VOID),
        (CREDIT, Act.EDIT, Act.HOLD),
        (ASK, Act.HOLD, Act.HOLD),
        (VOID, Act.VOID, Act.VOID),
    ],
)
def test_policy_and_state_decide(policy: ChangePolicy, draft: Act, approved: Act) -> None:
    assert [judge(entry(policy), invoice(one)).act for one in ("DRAFT", "SUBMITTED")] == [draft] * 2
    assert judge(entry(policy), invoice("AUTHORISED")).act is approved


@pytest.mark.parametrize(
    ("is_vouched", "reference", "act"),
    [(True, "new", Act.SETTLE), (True, "old", Act.EDIT), (False, "old", Act.EDIT)],
)
def test_what_was_written_stays_only_where_xero_holds_it(
    is_vouched: bool, reference: str, act: Act
) -> None:
    same = '{"Reference":"new"}'
    linked = entry(
        UPDATE, former_payload=same, parent_target_id=TargetId("C1"), is_vouched=is_vouched
    )
    held = invoice("AUTHORISED", Reference=reference, Contact={"ContactID": "C1"})
    assert judge(linked, held).act is act


def version(amount: int) -> str:
    lines = f'[{{"AccountCode":"200","LineAmount":{amount}}}]'
    return f'{{"LineItems":{lines},"SubTotal":{amount}}}'


@pytest.mark.parametrize(
    ("wished", "act"), [(1, Act.CREDIT), (2, Act.SETTLE), (3, Act.HOLD)], ids=str
)
@pytest.mark.parametrize("status", ["AUTHORISED", "PAID"])
def test_a_decrease_is_credited_paid_or_not(wished: int, act: Act, status: str) -> None:
    changed = entry(CREDIT, payload=version(wished), former_payload=version(2))
    is_refused = act is Act.HOLD and status == "PAID"
    held = invoice(status, SubTotal=Decimal(2))
    assert judge(changed, held).act is (Act.REFUSE if is_refused else act)


@pytest.mark.parametrize(("stands", "act"), [(3, Act.HOLD), (1, Act.HOLD), (2, Act.CREDIT)])
def test_a_difference_is_credited_only_from_what_xero_holds(stands: int, act: Act) -> None:
    booked = [BookedCredit("N-C1", NoteTotals("2", "2.2"))]
    changed = entry(CREDIT, payload=version(1), former_payload=version(2))
    held = invoice("AUTHORISED", SubTotal=Decimal(stands))
    assert judge(changed, held).act is act
    with_note = judge(replace(changed, booked=booked), held | {"SubTotal": Decimal(stands + 2)})
    assert with_note.act is (Act.REFUSE if act is Act.HOLD else act)


def test_a_credit_note_of_a_persons_is_asked_about_before_another_is_made() -> None:
    changed = entry(CREDIT, payload=version(1), former_payload=version(2))
    held = invoice(
        "AUTHORISED",
        SubTotal=Decimal(2),
        AmountCredited=Decimal(1),
        CreditNotes=[{"CreditNoteNumber": "CN-7"}],
    )
    assert "CN-7 was allocated to it" in judge(changed, held).why
    approved = replace(changed, is_approved=True)
    assert judge(approved, held).act is Act.HOLD
    seen = looked_at(snapshot(Entity.INVOICE, held))
    asked = {APPROVAL: judge(changed, held).why, LOOKED_AT: seen}
    meta = {**changed.meta, **asked}
    assert judge(replace(approved, meta=meta), held).act is Act.CREDIT
    known = replace(changed, booked=[BookedCredit("CN-7", NoteTotals("0", "0"))])
    assert judge(known, held).act is Act.CREDIT


@pytest.mark.parametrize("policy", ChangePolicy)
@pytest.mark.parametrize("status", ["AUTHORISED", "PAID"])
def test_what_has_a_credit_note_of_ours_is_neither_edited_nor_voided(
    policy: ChangePolicy, status: str
) -> None:
    booked = [BookedCredit("N-C1", NoteTotals("1", "1.1"))]
    changed = entry(policy, payload=version(3), former_payload=version(2), booked=booked)
    verdict = judge(replace(changed, is_approved=True), invoice(status, SubTotal=Decimal(3)))
    assert verdict.act is Act.REFUSE
    assert "N-C1 of 1.10 stands beside the Xero invoice" in verdict.why
    assert verdict.hint.startswith("Take N-C1 off the invoice in Xero and void it there")


def test_what_is_to_be_another_contacts_is_not_credited() -> None:
    moved = entry(
        CREDIT, payload=version(1), former_payload=version(2), parent_target_id=TargetId("C2")
    )
    held = invoice("AUTHORISED", Contact={"ContactID": "C1"}, SubTotal=Decimal(2))
    assert "account changed" in judge(moved, held).why


@pytest.mark.parametrize("policy", [UPDATE, DRAFTS, CREDIT, ASK])
def test_what_a_person_approved_is_edited(policy: ChangePolicy) -> None:
    assert judge(entry(policy, is_approved=True), invoice("AUTHORISED")).act is Act.EDIT


@pytest.mark.parametrize("policy", ChangePolicy)
@pytest.mark.parametrize(
    "held",
    [
        None,
        invoice("PAID"),
        invoice("AUTHORISED", AmountPaid=1),
        invoice("DRAFT", AmountCredited=1),
    ],
)
def test_what_xero_would_refuse_is_not_sent(
    policy: ChangePolicy, held: dict[str, Any] | None
) -> None:
    assert judge(entry(policy), held).act is Act.REFUSE


@pytest.mark.parametrize("status", ["VOIDED", "DELETED"])
@pytest.mark.parametrize("policy", ChangePolicy)
def test_only_a_void_that_was_meant_makes_room(policy: ChangePolicy, status: str) -> None:
    is_end = policy is VOID
    by_hand, meant = (
        judge(entry(policy, is_voiding=one), invoice(status)).act for one in (False, True)
    )
    assert by_hand is (Act.SETTLE if is_end else Act.REFUSE)
    assert meant is (Act.SETTLE if is_end else Act.RETIRE)


@pytest.mark.parametrize(
    ("policy", "is_voiding", "act"),
    [
        (REISSUE, False, Act.SETTLE),
        (UPDATE, True, Act.SETTLE),
        (UPDATE, False, Act.EDIT),
        (VOID, True, Act.VOID),
    ],
)
def test_what_xero_holds_already_is_not_replaced(
    policy: ChangePolicy, is_voiding: bool, act: Act
) -> None:
    held = invoice("AUTHORISED", Reference="new")
    assert judge(entry(policy, is_voiding=is_voiding), held).act is act


@pytest.mark.parametrize(("status", "ending"), [("DRAFT", "DELETED"), ("AUTHORISED", "VOIDED")])
def test_a_draft_is_deleted_and_an_approved_one_is_voided(status: str, ending: str) -> None:
    void = to_void(entry(REISSUE), invoice(status))
    assert (void.operation, void.sends) == (Operation.VOID, {"InvoiceID": "X", "Status": ending})
