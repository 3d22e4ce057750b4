"""Entries that wait for a person's word: they do not go before it, and it is kept who gave it."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.ledger.making import (
    CONTACT,
    ROUTE,
    RUN,
    TENANT,
    bury,
    claim,
    in_step,
    plan,
    settle,
    states,
    version,
    wish,
)
from typer.testing import CliRunner

from sfxero.cli.main import app
from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.approvals import MOST_QUESTIONS, Question
from sfxero.model.audit import AuditKind
from sfxero.model.ids import RouteName, RunId, SourceId
from sfxero.model.outbox import PlannedEntry, PlanOutcome
from sfxero.model.states import Entity, EntryState

pytestmark = pytest.mark.contract

AWAITING, PENDING, GONE = (
    EntryState.AWAITING_APPROVAL,
    EntryState.PENDING,
    EntryState.SUPERSEDED,
)
LARGE = "Amount above 10000"
DAY = 86_400


def held(content: str = "A", *, age: int = 0, source: str = "s1") -> PlannedEntry:
    return wish(source, content, age=age, approval=LARGE)


def planned(ledger: Ledger, *wishes: PlannedEntry) -> list[int]:
    return [one.entry_id or 0 for one in plan(ledger, *wishes)]


def told(ledger: Ledger) -> list[tuple[str, object, str | None]]:
    """What the log says: kind, actor and note."""
    return [
        (str(one.fields["kind"]), one.fields["actor"], one.values and one.values.note)
        for one in ledger.audit.export(ROUTE)
    ]


def test_what_needs_approval_waits_and_is_not_claimed(ledger: Ledger) -> None:
    first, second = plan(ledger, held(), wish("s2"))

    assert (first.outcome, first.state) == (PlanOutcome.ADDED, AWAITING)
    assert [one.source_id for one in claim(ledger)] == ["s2"]
    assert states(ledger)[first.entry_id or 0] is AWAITING
    assert second.state is PENDING


def test_an_approved_entry_goes_and_the_log_says_by_whom(ledger: Ledger) -> None:
    (entry_id,) = planned(ledger, held())

    assert ledger.outbox.approve([entry_id], actor="kim", reason="known customer") == 1

    assert told(ledger)[-1] == (AuditKind.APPROVED, "kim", "known customer")
    assert ledger.audit.verify(ROUTE).is_valid
    assert settle(ledger, claim(ledger)) == 1


def test_a_refused_entry_ends_for_good_with_the_persons_name(ledger: Ledger) -> None:
    (entry_id,) = planned(ledger, held())

    assert ledger.outbox.refuse([entry_id], actor="kim", reason="not agreed") == 1

    detail = ledger.outbox.detail(entry_id)
    assert detail is not None
    assert (detail.line.state, detail.line.discarded_by) == (EntryState.DEAD, "kim")
    assert detail.line.message == "approval was refused by kim: not agreed"
    assert told(ledger)[-1] == (AuditKind.REFUSED, "kim", "not agreed")
    assert ledger.outbox.open_letters(ROUTE) == []
    (again,) = plan(ledger, held(age=1))
    assert (again.outcome, again.state) == (PlanOutcome.UNCHANGED, EntryState.DEAD)


def test_a_change_after_a_refusal_is_asked_about_anew(ledger: Ledger) -> None:
    (entry_id,) = planned(ledger, held())
    ledger.outbox.refuse([entry_id], actor="kim", reason="too dear")

    (changed,) = plan(ledger, held("B", age=1))

    assert changed.state is AWAITING


def test_a_change_after_an_approval_needs_another_one(ledger: Ledger) -> None:
    (entry_id,) = planned(ledger, held())
    ledger.outbox.approve([entry_id], actor="kim")

    (changed,) = plan(ledger, held("B", age=1))

    assert states(ledger) == {entry_id: GONE, changed.entry_id: AWAITING}
    assert claim(ledger) == []


def test_what_was_approved_stays_so_while_its_values_do(ledger: Ledger) -> None:
    (entry_id,) = planned(ledger, held())
    ledger.outbox.approve([entry_id], actor="kim")

    (again,) = plan(ledger, held(age=1))

    assert (again.outcome, again.entry_id, again.state) == (
        PlanOutcome.UNCHANGED,
        entry_id,
        PENDING,
    )


def test_an_edit_while_it_waits_takes_its_place_and_the_old_answer_does_nothing(
    ledger: Ledger,
) -> None:
    (entry_id,) = planned(ledger, held())
    (edited,) = plan(ledger, held("B", age=1))

    assert ledger.outbox.approve([entry_id], actor="kim") == 0
    assert ledger.outbox.refuse([entry_id], actor="kim", reason="no") == 0

    assert states(ledger) == {entry_id: GONE, edited.entry_id: AWAITING}
    assert told(ledger) == []


@pytest.mark.parametrize(
    ("before", "after", "state"), [(LARGE, None, PENDING), (None, LARGE, AWAITING)]
)
def test_a_route_that_asks_otherwise_now_holds_or_frees_what_waits(
    ledger: Ledger, before: str | None, after: str | None, state: EntryState
) -> None:
    (entry_id,) = planned(ledger, wish(approval=before))

    (again,) = plan(ledger, wish(approval=after, age=1, mapping_version="m2"))

    assert states(ledger) == {entry_id: GONE, again.entry_id: state}


def test_an_older_reading_neither_holds_nor_frees_what_waits(ledger: Ledger) -> None:
    (entry_id,) = planned(ledger, wish(approval=LARGE, age=5))

    plan(ledger, wish(age=1))

    assert states(ledger) == {entry_id: AWAITING}


def test_an_edit_back_to_what_xero_holds_needs_nobody(ledger: Ledger) -> None:
    in_step(ledger, wish())
    (entry_id,) = planned(ledger, held("B", age=1))

    (back,) = plan(ledger, held("A", age=2))

    assert (back.outcome, states(ledger)[entry_id]) == (PlanOutcome.UNCHANGED, GONE)


def test_what_is_no_longer_wanted_is_not_asked_about(ledger: Ledger) -> None:
    (entry_id,) = planned(ledger, held())

    read_at = version(9).read_at
    ledger.outbox.withdraw(
        RUN, TENANT, CONTACT, [SourceId("s1")], reason="reopened", read_at=read_at
    )

    assert states(ledger) == {entry_id: GONE}
    assert ledger.outbox.take_questions(ROUTE, RUN, for_s=DAY) == []


def test_only_what_waits_for_it_can_be_approved_or_refused(ledger: Ledger) -> None:
    pending, dead = planned(ledger, wish("s1"), wish("s2"))
    claim(ledger)
    bury(ledger, dead)

    assert ledger.outbox.approve([pending, dead], actor="kim") == 0
    assert ledger.outbox.refuse([pending, dead], actor="kim", reason="no") == 0


def test_each_entry_is_asked_about_by_one_run_until_its_time_is_over(
    ledger: Ledger, clock: FakeClock
) -> None:
    one, two = RunId("one"), RunId("two")
    (first,) = planned(ledger, held())
    assert ledger.outbox.take_questions(ROUTE, one, for_s=DAY) == [first]
    (second,) = planned(ledger, held(source="s2"))

    assert ledger.outbox.take_questions(ROUTE, two, for_s=DAY) == [second]
    assert ledger.outbox.take_questions(ROUTE, one, for_s=DAY) == [first]  # the task again
    assert ledger.outbox.take_questions(RouteName("other"), two, for_s=DAY) == []
    clock.advance(DAY)
    assert ledger.outbox.take_questions(ROUTE, RunId("three"), for_s=DAY) == [first, second]


def test_a_run_asks_about_so_many_and_the_next_one_about_the_rest(ledger: Ledger) -> None:
    one, two = RunId("one"), RunId("two")
    first, second, third = planned(ledger, *(held(source=name) for name in ("s1", "s2", "s3")))

    assert ledger.outbox.take_questions(ROUTE, one, for_s=DAY, most=2) == [first, second]
    assert ledger.outbox.take_questions(ROUTE, one, for_s=DAY, most=2) == [first, second]
    assert ledger.outbox.take_questions(ROUTE, two, for_s=DAY, most=2) == [third]


def test_a_run_is_never_given_more_than_airflow_maps_over() -> None:
    assert MOST_QUESTIONS < 1_024


PAYLOAD: dict[str, Any] = {
    "InvoiceNumber": "SF-1",
    "Date": "2026-11-20",
    "CurrencyCode": "AUD",
    "Url": "https://acme.example/006",
    "TotalTax": 1000.10,
    "Total": 11001.10,
}


def invoice(source: str = "s1", **changes: Any) -> PlannedEntry:
    made = wish(source, entity=Entity.INVOICE, parent="a1", approval=LARGE)
    return replace(made, payload=json.dumps(PAYLOAD), **changes)


def test_a_question_tells_what_a_person_must_know(ledger: Ledger) -> None:
    ledger.names.reserve(TENANT, [(SourceId("a1"), "acme", "Acme")])
    (entry_id,) = planned(ledger, invoice())

    assert ledger.outbox.question(entry_id) == Question(
        entry_id=entry_id,
        route=ROUTE,
        source_id=SourceId("s1"),
        number="SF-1",
        customer="Acme",
        total=Decimal("11001.1"),
        tax=Decimal("1000.1"),
        currency="AUD",
        dated_on="2026-11-20",
        url="https://acme.example/006",
        why=LARGE,
    )
    ledger.outbox.approve([entry_id], actor="kim")
    assert ledger.outbox.question(entry_id) is None


def test_an_account_is_known_once_an_invoice_of_it_is_settled(ledger: Ledger) -> None:
    accounts = [SourceId("a1"), SourceId("a2")]
    in_step(ledger, wish("a1"))
    plan(ledger, invoice(meta={}))
    assert ledger.outbox.invoiced_parents(TENANT, accounts) == set()

    settle(ledger, claim(ledger, entity=Entity.INVOICE))

    assert ledger.outbox.invoiced_parents(TENANT, accounts) == {"a1"}


def test_only_the_values_that_a_person_agreed_to_or_that_are_under_way_need_no_further_word(
    ledger: Ledger,
) -> None:
    def agreed(content: str) -> bool:
        return ledger.outbox.is_agreed(TENANT, SourceId("s1"), content)

    (entry_id,) = planned(ledger, wish(entity=Entity.INVOICE, approval=LARGE))
    found = [agreed("A")]
    ledger.outbox.approve([entry_id], actor="kim")
    found += [agreed("A"), agreed("B")]
    claim(ledger, entity=Entity.INVOICE)
    found.append(agreed("A"))

    assert found == [False, True, False, True]


@pytest.mark.parametrize(
    ("command", "kind"),
    [(("approve",), AuditKind.APPROVED), (("refuse", "--reason", "no"), AuditKind.REFUSED)],
)
def test_a_person_decides_by_command(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch, command: list[str], kind: AuditKind
) -> None:
    monkeypatch.setenv("SFXERO_LEDGER_URL", url)
    (entry_id,) = planned(ledger, held())
    arguments = ["outbox", *command, str(entry_id), "--by", "kim"]

    done, again = (CliRunner().invoke(app, arguments) for _ in range(2))

    assert (done.exit_code, again.exit_code) == (0, 1)
    assert "1 of 1" in done.stdout
    assert "do not wait for approval" in again.stderr
    assert [one[:2] for one in told(ledger)] == [(kind, "kim")]
