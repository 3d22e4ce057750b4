"""People answer over Airflow's REST API, and a live scheduler carries out what they say."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.live import LiveAirflow, logged_in, postgres_server, running_airflow
from tests.e2e.world import (
    DAG_ID,
    DRAIN_ID,
    ROOT,
    ROUTE,
    SLOW,
    Books,
    SandboxProcess,
    own_route,
    running_sandbox,
    wait_for,
)

APPROVALS_ID = f"approvals__{ROUTE}"
APPROVAL = "  approval: {when: {field: Name, starts_with: Ask}}\n"
DATE = "  date: CloseDate\n"
ENTRY = (
    "SELECT state, discarded_by, message FROM entries WHERE source_id = %s AND entity = 'invoice'"
)

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.timeout(800)]


@dataclass(frozen=True, slots=True)
class Desk:
    """One Airflow between an org and its books, and a person who is logged in."""

    airflow: LiveAirflow
    sandbox: SandboxProcess
    http: httpx.Client

    def win(self, name: str, price: str) -> str:
        """Win a deal of one line; returns its id."""
        deal = self.sandbox.post(
            "/salesforce/Opportunity",
            Name=name,
            AccountId=self.sandbox.rows("Account")[0]["Id"],
            StageName="Closed Won",
            CloseDate="2026-11-20",
        )["Id"]
        self.sandbox.post(
            "/salesforce/OpportunityLineItem",
            OpportunityId=deal,
            PricebookEntryId=self.sandbox.rows("PricebookEntry")[0]["Id"],
            Quantity=1,
            UnitPrice=price,
        )
        return str(deal)

    def start(self, dag_id: str) -> str:
        """Start a run of a DAG; returns its id."""
        self._send("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        run = self._send("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None})
        return str(run["dag_run_id"])

    def run(self, dag_id: str) -> str:
        """Run a DAG to its end, which must be good; returns the run's id."""
        run_id = self.start(dag_id)
        wait_for(
            lambda: self.state(dag_id, run_id) in {"success", "failed"},
            limit_s=SLOW,
            what=f"the end of {dag_id}",
            every_s=0.5,
        )
        assert self.state(dag_id, run_id) == "success", self.airflow.last_words()
        return run_id

    def state(self, dag_id: str, run_id: str) -> str:
        self.airflow.check()
        return str(self._send("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def questions(self) -> dict[str, dict[str, Any]]:
        """Return what nobody has answered yet, by headline."""
        found = self._send("GET", "/dags/~/dagRuns/~/hitlDetails?response_received=false")
        return {one["subject"]: one for one in found["hitl_details"]}

    def wait_for_questions(self, count: int) -> dict[str, dict[str, Any]]:
        """Wait until so many questions stand, each with a task that the scheduler knows as parked.

        It takes a task that is answered within that second for lost, and asks again half a minute
        later: no person is as quick.
        """

        def are_asked() -> bool:
            self.airflow.check()
            tasks = [one["task_instance"]["id"] for one in self.questions().values()]
            return len(tasks) == count and all(map(self._is_parked, tasks))

        wait_for(are_asked, limit_s=SLOW, what=f"{count} questions", every_s=0.5)
        return self.questions()

    def _is_parked(self, task_id: str) -> bool:
        log = (self.airflow.home / "scheduler.log").read_text(encoding="utf-8", errors="replace")
        told = (line for line in log.splitlines() if "TaskInstance Finished" in line)
        return any(f"ti_id={task_id}," in one and "state=awaiting_input," in one for one in told)

    def answer(self, question: dict[str, Any], chosen: str, *, of: str, reason: str = "") -> None:
        """Say what is to become of the invoice of a deal, and wait until that is carried out."""
        task = question["task_instance"]
        path = (
            f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/"
            f"{task['task_id']}/{task['map_index']}/hitlDetails"
        )
        told = {"chosen_options": [chosen], "params_input": {"reason": reason}}
        self._send("PATCH", path, told)

        def is_carried_out() -> bool:
            self.airflow.check()
            return bool(self.entry(of)[0] != "awaiting_approval")

        wait_for(is_carried_out, limit_s=SLOW, what="the answer", every_s=0.5)

    def entry(self, deal: str) -> tuple[Any, ...]:
        """Return how the invoice of a deal stands: state, who discarded it, and why."""
        (found,) = self.airflow.ask_ledger(ENTRY, deal)
        return found

    def invoiced(self) -> set[str]:
        return set(Books.read(self.sandbox).invoices_by_opportunity())

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.http.request(method, f"/api/v2{path}", json=body)
        assert reply.is_success, f"{path}: {reply.text}"
        return reply.json()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, accounts=3, opportunities=4) as running:
        running.post("/salesforce/switches", job_delay_s=0)
        yield running


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxProcess) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("live")
    include = home / "own"
    shutil.copytree(ROOT / "include", include)
    own_route(include / "mappings")
    ask_about_some(include / "mappings" / f"{ROUTE}.yaml")
    with (
        postgres_server() as server,
        running_airflow(
            home, server=server, include=include, sandbox_url=sandbox.url, log_level="INFO"
        ) as airflow,
        logged_in(airflow) as http,
    ):
        yield Desk(airflow, sandbox, http)


def ask_about_some(path: Path) -> None:
    """Let the route ask about deals whose names say so; its sync starts by hand."""
    text = path.read_text(encoding="utf-8")
    for old, new in ((DATE, DATE + APPROVAL), ('schedule: "@hourly"\n', "")):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def about(questions: dict[str, dict[str, Any]], total: str) -> dict[str, Any]:
    """Return the question about an invoice of this total."""
    (found,) = (one for headline, one in questions.items() if f" {total} " in headline)
    return found


def test_answers_are_carried_out_and_silence_holds_up_nothing_else(desk: Desk) -> None:
    plain = desk.win("Plain", "90")
    agreed, refused, open_ = (desk.win(f"Ask {n}", f"{n}00") for n in (1, 2, 3))
    desk.run(DAG_ID)
    assert plain in desk.invoiced()
    assert desk.invoiced().isdisjoint({agreed, refused, open_})

    desk.start(APPROVALS_ID)
    questions = desk.wait_for_questions(3)
    first, second = about(questions, "110.00"), about(questions, "220.00")
    assert "| Why you are asked | Name starts with Ask |" in first["body"]
    desk.answer(first, "Approve", of=agreed, reason="known customer")
    desk.answer(second, "Refuse", of=refused, reason="too large")

    assert desk.entry(agreed) == ("pending", None, None)
    assert desk.entry(refused) == ("dead", "admin", "approval was refused by admin: too large")
    desk.run(DRAIN_ID)
    assert desk.entry(agreed)[0] == "settled"
    assert agreed in desk.invoiced()

    # One question still stands; all else goes on, later questions too.
    later, other = desk.win("Ask 4", "400"), desk.win("Plain too", "80")
    desk.run(DAG_ID)
    desk.start(APPROVALS_ID)
    desk.answer(about(desk.wait_for_questions(2), "440.00"), "Approve", of=later)
    desk.run(DRAIN_ID)

    assert {plain, agreed, later, other} <= desk.invoiced()
    assert desk.invoiced().isdisjoint({refused, open_})
    assert desk.entry(open_) == ("awaiting_approval", None, None)
    (still_asked,) = desk.questions().values()
    assert desk.state(APPROVALS_ID, still_asked["task_instance"]["dag_run_id"]) == "running"
    audited = desk.airflow.ask_ledger(
        "SELECT kind, actor FROM audit_events WHERE kind IN ('approved', 'refused') ORDER BY 1"
    )
    assert audited == [("approved", "admin"), ("approved", "admin"), ("refused", "admin")]
