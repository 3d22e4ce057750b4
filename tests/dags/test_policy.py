"""Every DAG keeps to the rules that make a run safe to repeat and honest about its end."""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sfxero.cli.pools import needed_pools

ROOT = Path(__file__).parents[2]
ROUTES = {"demo": "xero_xero_demo", "second": "xero_xero_books"}
"""Each route with the pool of its Xero connection."""

pytestmark = [pytest.mark.dag, pytest.mark.timeout(180)]


CALLING = {
    "salesforce_to_xero.py": {"start"},
    "xero_to_salesforce.py": {"start", "read"},
    "outbox_drain.py": set(),
    "approvals.py": set(),
    "maintenance.py": {"consent"},
    "migrate_history.py": {"start"},
    "sweep.py": {"start"},
    "reconcile.py": {"start", "read.xero", "compare"},
}
"""The tasks of each file that call Xero and do not publish."""
PUBLISHING = (
    "salesforce_to_xero",
    "xero_to_salesforce",
    "outbox_drain",
    "migrate_history",
    "sweep",
)
"""The files whose DAGs send the outbox."""
WITHOUT_JOBS = {"approvals.py", "outbox_drain.py", "maintenance.py", "xero_to_salesforce.py"}
"""The files whose DAGs read nothing of Salesforce in bulk."""
TO_XERO = ("publish.contacts", "publish.invoices", "publish.emails")
TO_SALESFORCE = "publish.opportunities"


def publishing_dags(parsed: Any) -> Iterator[tuple[str, Any]]:
    """Yield each DAG that sends the outbox, with its id."""
    found = [one for one in every_dag(parsed) if one[0].startswith(PUBLISHING)]
    assert len(found) == len(PUBLISHING) * len(ROUTES)
    yield from found


def every_dag(parsed: Any) -> Iterator[tuple[str, Any]]:
    """Yield each DAG with its id; none at all would make every rule hold."""
    assert parsed["dags"], "no DAG was parsed"
    yield from parsed["dags"].items()


def test_each_file_declares_its_dag_once_per_route(parsed: Any) -> None:
    found = {dag_id: dag["file"] for dag_id, dag in every_dag(parsed)}
    assert found == {
        f"{path.stem}__{route}": path.name
        for path in (ROOT / "dags").glob("*.py")
        for route in ROUTES
    }


def test_each_dag_is_tagged_with_the_product_and_its_route(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        assert set(dag["tags"]) == {"sfxero", dag_id.rsplit("__", 1)[1]}


def test_each_dag_shows_its_files_docstring(parsed: Any) -> None:
    for _, dag in every_dag(parsed):
        source = (ROOT / "dags" / dag["file"]).read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(source), clean=False)
        assert docstring
        assert dag["doc_md"].strip() == docstring.strip()
        assert dag["description"]


def test_each_dag_runs_when_its_route_says(parsed: Any) -> None:
    dags = dict(every_dag(parsed))
    assert "'0 * * * *'" in dags["salesforce_to_xero__demo"]["schedule"]
    assert "'15 4 * * *'" in dags["salesforce_to_xero__second"]["schedule"]


def test_what_waits_is_looked_at_every_ten_minutes_whatever_the_route_says(parsed: Any) -> None:
    dags = dict(every_dag(parsed))
    assert all("'*/10 * * * *'" in dags[f"outbox_drain__{one}"]["schedule"] for one in ROUTES)


def test_the_past_is_read_month_by_month_when_a_person_says_so_and_never_by_itself(
    parsed: Any,
) -> None:
    dags = dict(every_dag(parsed))
    for route, zone in (("demo", "UTC"), ("second", "Australia/Sydney")):
        dag = dags[f"migrate_history__{route}"]
        assert "0 0 1 * *" in dag["schedule"]
        assert zone in dag["schedule"]
        assert dag["end_date"] < "2000"
        assert {task["priority_weight"] for task in dag["tasks"].values()} == {1}


def test_what_a_person_may_ask_of_a_run(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        asked = {
            "salesforce_to_xero.py": ["full_refresh", "replay"],
            "xero_to_salesforce.py": ["full_refresh"],
            "reconcile.py": ["from", "to"],
        }
        assert dag["params"] == asked.get(dag["file"], []), dag_id


def test_each_dag_file_is_short(parsed: Any) -> None:
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 150, path.name


def test_no_dag_catches_up_or_overlaps_with_itself(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        # Runs that ask people wait for a day, side by side, each about entries of its own.
        at_once = 150 if dag_id.startswith("approvals__") else 1
        assert (dag["catchup"], dag["max_active_runs"]) == (False, at_once), dag_id


def test_each_task_is_tried_again_by_what_went_wrong(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        for task_id, task in dag["tasks"].items():
            assert task["retry_policy"] == "SyncRetry", f"{dag_id} {task_id}"
            assert (task["retries"] >= 1) == (task_id != "gate"), f"{dag_id} {task_id}"


def test_each_dag_ends_in_a_gate_that_always_runs_and_is_never_tried_again(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        assert dag["leaves"] == ["gate"], dag_id
        gate = dag["tasks"]["gate"]
        assert (gate["trigger_rule"], gate["retries"]) == ("TriggerRule.ALL_DONE", 0), dag_id


def test_no_task_but_the_gate_runs_over_a_failure(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        for task_id, task in dag["tasks"].items():
            if task_id != "gate":
                assert task["trigger_rule"] == "TriggerRule.ALL_SUCCESS", f"{dag_id} {task_id}"


def test_whatever_calls_xero_runs_in_the_pool_of_the_routes_connection(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        pools = {task_id: task["pool"] for task_id, task in dag["tasks"].items()}
        calling = {one for one in pools if one.startswith("publish.")} - {TO_SALESFORCE}
        calling |= CALLING[dag["file"]]
        assert calling or dag["file"] == "approvals.py"
        for task_id, pool in pools.items():
            expected = ROUTES[dag_id.rsplit("__", 1)[1]] if task_id in calling else "default_pool"
            assert pool == expected, f"{dag_id} {task_id}"


def test_the_pools_that_the_tasks_name_are_the_ones_we_create(
    parsed: Any, two_routes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFXERO_INCLUDE", str(two_routes))
    named = {task["pool"] for _, dag in every_dag(parsed) for task in dag["tasks"].values()}
    created = needed_pools()
    assert named - {"default_pool"} == set(created)
    assert {(one["slots"], one["include_deferred"]) for one in created.values()} == {(5, True)}


def test_a_reconciliation_runs_at_night_and_writes_to_neither_service(parsed: Any) -> None:
    for route, zone in (("demo", "UTC"), ("second", "Australia/Sydney")):
        dag = parsed["dags"][f"reconcile__{route}"]
        assert "'10 5 * * *'" in dag["schedule"], "after the sweep, in the route's own night"
        assert zone in dag["schedule"]
        assert not [one for one in dag["tasks"] if "publish" in one]


def test_a_wait_holds_no_worker_slot(parsed: Any) -> None:
    for dag_id, dag in every_dag(parsed):
        waits = {task_id: one for task_id, one in dag["tasks"].items() if task_id.endswith(".wait")}
        assert bool(waits) == (dag["file"] not in WITHOUT_JOBS), dag_id
        assert {one["mode"] for one in waits.values()} <= {"reschedule"}, dag_id


def test_a_dead_publishers_next_try_comes_after_its_lease(parsed: Any) -> None:
    for dag_id, dag in publishing_dags(parsed):
        publishing = [one for one in dag["tasks"] if one.startswith("publish.")]
        assert publishing
        for task_id in publishing:
            assert dag["tasks"][task_id]["retry_delay_s"] > 60, f"{dag_id} {task_id}"


@pytest.mark.parametrize(
    ("file", "order"),
    [
        ("salesforce_to_xero", ["start", "extract", "check", "prepare", "publish", "gate"]),
        ("migrate_history", ["start", "extract", "check", "prepare", "publish", "gate"]),
        ("sweep", ["start", "extract", "check", "prepare", "publish", "gate"]),
        ("xero_to_salesforce", ["start", "read", "check", "prepare", "publish", "gate"]),
        ("outbox_drain", ["start", "publish", "gate"]),
        ("reconcile", ["start", "read", "compare", "gate"]),
        ("approvals", ["waiting", "ask", "gate"]),
    ],
)
def test_the_graph_reads_like_the_design(parsed: Any, file: str, order: list[str]) -> None:
    """One step after the other, by task group."""
    dag = parsed["dags"][f"{file}__demo"]
    step_of = {
        task_id: (task["group"] or task_id).split(".")[0] for task_id, task in dag["tasks"].items()
    }
    steps = {
        (step_of[task_id], step_of[below])
        for task_id, task in dag["tasks"].items()
        for below in task["downstream"]
        if step_of[task_id] != step_of[below]
    }
    assert steps == set(itertools.pairwise(order))


def test_contacts_come_before_the_invoices_that_name_them(parsed: Any) -> None:
    sync = parsed["dags"]["salesforce_to_xero__demo"]["tasks"]
    assert sync["prepare.contacts"]["downstream"] == ["prepare.invoices"]
    for dag_id, dag in publishing_dags(parsed):
        if TO_XERO[0] in dag["tasks"]:
            assert dag["tasks"][TO_XERO[0]]["downstream"] == [TO_XERO[1]], dag_id


def test_publishing_is_spread_over_lanes_and_reading_over_shares(parsed: Any) -> None:
    for dag_id, dag in publishing_dags(parsed):
        mapped = {task_id for task_id, task in dag["tasks"].items() if task["is_mapped"]}
        downloads = {one for one in dag["tasks"] if one.endswith(".download")}
        assert mapped == (set(TO_XERO) & set(dag["tasks"])) | downloads, dag_id


def test_one_task_writes_to_salesforce_in_each_dag_that_does(parsed: Any) -> None:
    writing = {dag["file"] for _, dag in every_dag(parsed) if TO_SALESFORCE in dag["tasks"]}
    assert writing == {"xero_to_salesforce.py", "outbox_drain.py"}


def test_emails_follow_their_invoices_where_the_route_has_them(parsed: Any) -> None:
    sending = [one for one in publishing_dags(parsed) if "publish.invoices" in one[1]["tasks"]]
    assert sending
    for dag_id, dag in sending:
        after = dag["tasks"]["publish.invoices"]["downstream"]
        assert after == (["publish.emails"] if dag_id.endswith("__second") else ["gate"]), dag_id


def test_each_object_is_read_on_its_own_and_then_what_all_of_them_touched(parsed: Any) -> None:
    tasks = parsed["dags"]["salesforce_to_xero__demo"]["tasks"]
    for name in ("Account", "Opportunity", "OpportunityLineItem"):
        group = f"extract.{name}"
        assert tasks[f"{group}.wait"]["downstream"] == [f"{group}.download"]
        assert tasks[f"{group}.download"]["downstream"] == ["extract.complete"]


def test_no_chore_waits_for_another(parsed: Any) -> None:
    tasks = parsed["dags"]["maintenance__demo"]["tasks"]
    assert {task_id: one["downstream"] for task_id, one in tasks.items()} == {
        "audit": ["gate"],
        "consent": ["gate"],
        "gate": [],
    }
