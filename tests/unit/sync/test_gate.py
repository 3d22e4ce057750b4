from typing import Any

import pytest

from sfxero.errors import GateFailed
from sfxero.ledger.runs import DeadLetter, DispositionCount, RunReport
from sfxero.mapping.spec import QuarantineSection
from sfxero.model.ids import SourceId
from sfxero.model.states import Disposition, Entity
from sfxero.sync.gate import Verdict, deferral_of, judge, pass_or_fail

ACCOUNT, OPPORTUNITY, LINE = Entity.ACCOUNT, Entity.OPPORTUNITY, Entity.OPPORTUNITY_LINE
IN_STEP, REFUSED = Disposition.IN_STEP, Disposition.QUARANTINED


def report(*counts: tuple[Entity, Disposition, int], missing: int = 0, dead: int = 0) -> RunReport:
    letters = [
        DeadLetter(number, Entity.INVOICE, SourceId(f"s{number}"), "Refused", "No.", "Ask.")
        for number in range(dead)
    ]
    return RunReport(
        counts=tuple(DispositionCount(entity, end, None, n) for entity, end, n in counts),
        records={},
        missing_count=missing,
        missing_sample=tuple((OPPORTUNITY, SourceId(f"m{number}")) for number in range(missing)),
        dead_letters=tuple(letters),
    )


def verdict_on(found: RunReport, **changes: Any) -> Verdict:
    values: dict[str, Any] = {"limits": QuarantineSection(), "linked": {}, "task_states": {}}
    return judge(found, **values | changes)


def test_a_run_whose_records_all_ended_passes() -> None:
    verdict = verdict_on(report((OPPORTUNITY, IN_STEP, 9), (OPPORTUNITY, REFUSED, 1)))

    assert verdict.objections == ()
    assert verdict.line == "passed: 9 in_step, 1 quarantined"
    pass_or_fail(verdict)


@pytest.mark.parametrize(
    ("found", "changes", "words"),
    [
        (report(missing=1), {}, "1 records have no disposition: opportunity m0"),
        (report(dead=1), {}, "dead letter 0 (invoice of s0): No. Ask."),
        (report(dead=7), {}, "2 more dead letters"),
        (report(), {"task_states": {"publish.contacts": "failed"}}, "publish.contacts failed"),
        (report(), {"task_states": {"gate_input": "upstream_failed"}}, "upstream_failed"),
    ],
)
def test_what_was_lost_given_up_or_failed_is_named(
    found: RunReport, changes: dict[str, Any], words: str
) -> None:
    verdict = verdict_on(found, **changes)

    assert words in verdict.line
    with pytest.raises(GateFailed, match="FAILED"):
        pass_or_fail(verdict)


@pytest.mark.parametrize("state", ["success", "skipped", "running", "up_for_retry", None])
def test_other_task_states_are_no_objection(state: str | None) -> None:
    assert verdict_on(report(), task_states={"one": state}).objections == ()


@pytest.mark.parametrize(
    ("refused", "in_step", "linked", "limits", "passes"),
    [
        # Of the run's own records one in ten is just allowed, more is not.
        (1, 9, 0, {}, True),
        (2, 9, 0, {}, False),
        (1, 0, 0, {}, False),
        (0, 0, 0, {}, True),
        # A quiet hour reads only what is refused: all that is in step counts then.
        (10, 0, 90, {}, True),
        (10, 0, 89, {}, False),
        # The run's records are not counted on top of the linked ones.
        (10, 50, 50, {}, False),
        (5, 5, 0, {"max_share": "0.5"}, True),
        (5, 5, 0, {"max_share": "0"}, False),
        # A number of rows is a limit of its own.
        (3, 997, 0, {"max_rows": 3}, True),
        (4, 996, 0, {"max_rows": 3}, False),
        (1, 999, 0, {"max_rows": 0}, False),
    ],
)
@pytest.mark.parametrize("entity", [ACCOUNT, OPPORTUNITY])
def test_the_share_of_refused_records_is_limited(
    entity: Entity, refused: int, in_step: int, linked: int, limits: dict[str, Any], passes: bool
) -> None:
    found = report((entity, REFUSED, refused), (entity, IN_STEP, in_step))

    verdict = verdict_on(
        found, limits=QuarantineSection.model_validate(limits), linked={entity: linked}
    )

    assert (verdict.objections == ()) is passes
    assert passes or f"of {entity} in quarantine" in verdict.line


def test_what_no_invoice_was_wished_for_does_not_dilute_the_share() -> None:
    idle = [(OPPORTUNITY, Disposition.SKIPPED, 900), (OPPORTUNITY, Disposition.REMOVED, 50)]

    assert verdict_on(report(*idle, (OPPORTUNITY, REFUSED, 1))).objections


def test_lines_are_counted_with_their_opportunities_only() -> None:
    found = report((OPPORTUNITY, IN_STEP, 1), (LINE, IN_STEP, 8), (LINE, REFUSED, 8))

    assert verdict_on(found).counts == {"in_step": 1}


def test_a_run_that_a_service_held_up_says_so_and_does_not_fail() -> None:
    found = report((OPPORTUNITY, Disposition.WAITING, 4))

    verdict = verdict_on(found, outstanding=7, deferral="Xero is down")

    assert verdict.line == (
        "deferred: Xero is down; 7 entries wait; the next run goes on (4 waiting)"
    )
    assert (verdict.is_deferred, verdict.state) == (True, "deferred")
    pass_or_fail(verdict)


def test_a_run_that_was_held_up_before_it_read_anything_says_so() -> None:
    verdict = verdict_on(report(), deferral="the day's calls are used up")

    assert verdict.line == (
        "deferred: the day's calls are used up; 0 entries wait; the next run goes on"
        " (nothing was mapped)"
    )


@pytest.mark.parametrize(
    ("found", "changes", "words"),
    [
        (report(missing=1), {}, "1 records have no disposition"),
        (report(dead=1), {}, "dead letter 0"),
        (report((OPPORTUNITY, REFUSED, 5)), {}, "in quarantine"),
        (report(), {"task_states": {"check.suites": "failed", "a": "skipped"}}, "check.suites"),
        (report(), {"task_states": {"a": "upstream_failed", "b": "skipped"}}, "upstream_failed"),
    ],
)
def test_an_outage_excuses_nothing_else(
    found: RunReport, changes: dict[str, Any], words: str
) -> None:
    verdict = verdict_on(found, deferral="Xero is down", **changes)

    assert words in verdict.line
    assert "Xero is down" in verdict.line
    assert (verdict.is_deferred, verdict.state) == (False, "failed")
    with pytest.raises(GateFailed):
        pass_or_fail(verdict)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"publish.contacts": "skipped", "start": "success"}, "down"),
        # Cleared and done since: the old reason is no more than history.
        ({"publish.contacts": "success"}, None),
        ({}, None),
    ],
)
def test_a_run_is_deferred_while_a_task_of_it_is_skipped(
    states: dict[str, str | None], expected: str | None
) -> None:
    assert deferral_of(states, "down") == expected
    assert deferral_of(states, None) is None


def test_a_part_of_the_past_that_was_not_read_is_an_objection_even_if_it_was_deferred() -> None:
    verdict = verdict_on(report(), deferral="the day is spent", is_read=False)

    assert verdict.state == "failed"
    assert "--reprocess-behavior failed" in verdict.line
