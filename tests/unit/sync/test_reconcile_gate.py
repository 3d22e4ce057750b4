from typing import Any

import pytest

from sfxero.sync.reconcile_gate import judge

DONE = {"start": "success", "compare": "success"}


def told(**changes: Any) -> dict[str, Any]:
    whole = {
        "verdict": "in step: 5 links",
        "is_in_step": True,
        "links": 5,
        "invoices": 6,
        "open": 0,
    }
    return whole | changes


def test_in_step_passes_in_the_words_of_the_comparison() -> None:
    verdict = judge(told(), task_states=DONE, deferral=None)
    assert (verdict.state, verdict.line) == ("succeeded", "in step: 5 links")
    assert verdict.counts == {"links": 5, "invoices": 6, "open": 0}


def test_differences_fail_the_run_in_the_words_of_the_comparison() -> None:
    said = told(verdict="FAILED: 1 differences: 1 invoice_voided", is_in_step=False)
    verdict = judge(said, task_states=DONE, deferral=None)
    assert (verdict.state, verdict.line) == ("failed", said["verdict"])


@pytest.mark.parametrize(
    ("states", "line"),
    [
        ({"read.xero": "failed", "compare": "upstream_failed"},
         "FAILED: task compare upstream_failed; task read.xero failed"),
        ({"compare": "removed"}, "FAILED: nothing was compared"),
    ],
)  # fmt: skip
def test_a_run_that_compared_nothing_is_red(states: dict[str, str | None], line: str) -> None:
    verdict = judge(None, task_states=states, deferral=None)
    assert (verdict.state, verdict.line) == ("failed", line)


def test_a_run_that_an_outage_held_up_is_deferred() -> None:
    states = {"read.xero": "skipped", "compare": "skipped"}
    verdict = judge(None, task_states=states, deferral="xero is not asked for 240 s")
    assert (verdict.state, verdict.is_deferred) == ("deferred", True)
    assert verdict.line == "deferred: xero is not asked for 240 s; the next night compares"


def test_a_reason_of_an_earlier_try_defers_nothing() -> None:
    verdict = judge(told(), task_states=DONE, deferral="xero is not asked for 240 s")
    assert verdict.state == "succeeded"
