"""People are asked by Airflow's own operator, and their answer reaches the outbox."""

import json
import runpy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput
from tests.contract.ledger.making import ROUTE, START, plan, states, wish
from tests.contract.sync.kit import demo_spec

from sfxero.ledger import Ledger
from sfxero.model.audit import AuditKind
from sfxero.model.outbox import PlannedEntry
from sfxero.model.states import Entity, EntryState
from sfxero.orchestration.approving import to_ask
from sfxero.orchestration.approving import told as told_to_a_person
from sfxero.orchestration.asking import APPROVE, LATER, REFUSE, AskApproval

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.contract

CUSTOMER = "{{ conn.get('x').password }} | **Acme**"


def invoice(source: str = "s1", *, total: str = "11000.00") -> PlannedEntry:
    payload = {
        "InvoiceNumber": "SF-1",
        "Date": "2026-11-20",
        "CurrencyCode": "AUD",
        "Url": "https://acme.example/lightning/r/Opportunity/006/view",
        "TotalTax": 1000,
        "Total": total,
    }
    made = wish(source, total, entity=Entity.INVOICE, parent=CUSTOMER, approval="Amount above 9")
    return replace(made, payload=json.dumps(payload).replace(f'"{total}"', total))


@pytest.fixture
def entry_id(ledger: Ledger) -> int:
    (planned,) = plan(ledger, invoice())
    assert planned.entry_id is not None
    return planned.entry_id


def operator(entry_id: int) -> AskApproval:
    return AskApproval(
        task_id="ask", route="demo", entry_id=entry_id, wait=timedelta(days=1), retries=0
    )


def answer(entry_id: int, chosen: str, *, user: str | None = "kim", reason: str = "") -> Any:
    """What the operator does with what Airflow hands it once a person has answered."""
    event = {
        "chosen_options": [chosen],
        "params_input": {"reason": reason},
        "responded_at": datetime.now(tz=UTC),
        "responded_by_user": user and {"id": "7", "name": user},
        "timedout": user is None,
    }
    context: Any = {"run_id": "r1"}
    return operator(entry_id).execute_complete(context, event)


def told(ledger: Ledger) -> list[tuple[object, object, str | None]]:
    return [
        (one.fields["kind"], one.fields["actor"], one.values and one.values.note)
        for one in ledger.audit.export(ROUTE)
    ]


def test_a_person_is_shown_amount_customer_and_link_and_no_value_becomes_markup(
    entry_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **given: asked.update(given))
    task = type("task", (), {"id": "ti"})()
    context: Any = {"task_instance": task}

    with pytest.raises(TaskAwaitingInput):
        operator(entry_id).execute(context)

    assert "AUD 11,000.00" in asked["subject"]
    assert "| Total | AUD 11,000.00 |" in asked["body"]
    assert "| Why you are asked | Amount above 9 |" in asked["body"]
    assert "| <https://acme.example/lightning/r/Opportunity/006/view> |" in asked["body"]
    assert r"\{\{ conn.get\('x'\).password \}\} \| \*\*Acme\*\*" in asked["body"]
    assert asked["options"] == [APPROVE, REFUSE, LATER]
    assert asked["defaults"] == [LATER]


@pytest.mark.filterwarnings("ignore:.*determine_kwargs")  # of Airflow's own provider
def test_an_answered_task_is_named_though_the_process_that_asked_is_gone(entry_id: int) -> None:
    declared = runpy.run_path(str(ROOT / "dags" / "approvals.py"))
    dag = declared["declare"](demo_spec())
    mapped = dag.get_task("ask")
    task = mapped.unmap({"entry_id": entry_id})
    context: Any = {"task": task}
    template = dag.get_template_env().from_string(mapped.map_index_template)

    assert template.render(context) == f"entry {entry_id}"


def test_an_approval_lets_the_entry_go(ledger: Ledger, entry_id: int) -> None:
    said = answer(entry_id, APPROVE, reason="agreed by phone")

    assert said == {"entry_id": entry_id, "chosen": APPROVE, "done": True}
    assert states(ledger) == {entry_id: EntryState.PENDING}
    assert told(ledger) == [(AuditKind.APPROVED, "kim", "agreed by phone")]


def test_a_refusal_ends_it_though_no_reason_was_given(ledger: Ledger, entry_id: int) -> None:
    answer(entry_id, REFUSE)

    assert states(ledger) == {entry_id: EntryState.DEAD}
    assert told(ledger) == [(AuditKind.REFUSED, "kim", "no reason given")]


def test_silence_leaves_it_waiting_and_it_is_asked_about_again(
    ledger: Ledger, entry_id: int
) -> None:
    assert to_ask("demo", run_id="r1", for_s=0) == [entry_id]

    said = answer(entry_id, LATER, user=None)

    assert said["done"] is False
    assert states(ledger) == {entry_id: EntryState.AWAITING_APPROVAL}
    assert told(ledger) == []
    assert to_ask("demo", run_id="r2", for_s=60) == [entry_id]


def test_who_says_later_is_asked_again_by_the_next_run(entry_id: int) -> None:
    to_ask("demo", run_id="r1", for_s=60)

    answer(entry_id, LATER)

    assert to_ask("demo", run_id="r2", for_s=60) == [entry_id]


def test_a_late_answer_does_not_end_the_question_of_another_run(entry_id: int) -> None:
    to_ask("demo", run_id="r1", for_s=0)
    to_ask("demo", run_id="r2", for_s=60)

    answer(entry_id, LATER, user=None)

    with pytest.raises(AirflowSkipException, match="nothing waits"):
        to_ask("demo", run_id="r3", for_s=60)


def test_a_question_about_an_invoice_that_xero_is_to_number_names_none(ledger: Ledger) -> None:
    unnumbered = invoice()
    payload = json.loads(unnumbered.payload)
    del payload["InvoiceNumber"]
    (planned,) = plan(ledger, replace(unnumbered, payload=json.dumps(payload)))

    question = ledger.outbox.question(planned.entry_id or 0)

    assert question is not None
    assert told_to_a_person(question)[0] == f"Invoice of AUD 11,000.00 to {CUSTOMER}"


def test_an_answer_to_what_was_edited_meanwhile_does_nothing(ledger: Ledger, entry_id: int) -> None:
    plan(ledger, edited(invoice(total="12000.00")))

    assert answer(entry_id, APPROVE)["done"] is False
    with pytest.raises(AirflowSkipException, match="does not wait"):
        operator(entry_id).execute({})  # type: ignore[arg-type] # it ends before it looks

    assert EntryState.PENDING not in states(ledger).values()


def edited(made: PlannedEntry) -> PlannedEntry:
    later = type(made.version)(stamp_at=START + timedelta(hours=1), read_at=made.version.read_at)
    return replace(made, version=later)


def test_a_run_asks_about_what_no_other_run_asks_about(ledger: Ledger, entry_id: int) -> None:
    assert to_ask("demo", run_id="r1", for_s=60) == [entry_id]
    (second,) = plan(ledger, invoice("s2"))

    assert to_ask("demo", run_id="r2", for_s=60) == [second.entry_id]
    with pytest.raises(AirflowSkipException, match="nothing waits"):
        to_ask("demo", run_id="r3", for_s=60)
