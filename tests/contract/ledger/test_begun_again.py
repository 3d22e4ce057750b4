"""What a run that begins anew must forget, and what the next one must know of the last."""

from datetime import UTC, datetime

import pytest
from tests.contract.ledger.making import ROUTE, claim, in_step, plan, wish

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.findings import Finding
from sfxero.model.ids import RouteName, RunId, SourceId
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

ACCOUNT = Entity.ACCOUNT
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def begin(ledger: Ledger, run_id: str, rules: str, *, route: RouteName = ROUTE) -> None:
    ledger.runs.start(
        RunId(run_id), route, kind="changes", mapping_version=rules, actor="t", params="{}"
    )


def read(
    ledger: Ledger, run_id: str, *, moves_watermark: bool = True, prepares: bool = True
) -> None:
    window_id = ledger.windows.open(
        RunId(run_id), ROUTE, ACCOUNT, from_at=None, to_at=NOON, moves_watermark=moves_watermark
    )
    ledger.windows.mark_staged(window_id, manifest="m", row_count=0)
    if prepares:
        ledger.windows.mark_prepared([window_id])


def test_before_the_first_prepared_window_there_are_no_last_rules(ledger: Ledger) -> None:
    begin(ledger, "one", "m1")
    read(ledger, "one", prepares=False)

    assert ledger.runs.last_mapping_version(ROUTE, ACCOUNT) is None


def test_the_last_rules_are_those_of_the_newest_prepared_window(
    ledger: Ledger, clock: FakeClock
) -> None:
    for run_id, rules in (("one", "m1"), ("two", "m2")):
        begin(ledger, run_id, rules)
        read(ledger, run_id)
        clock.advance(60)
    begin(ledger, "other", "m9", route=RouteName("other"))
    begin(ledger, "failed", "m3")
    read(ledger, "failed", prepares=False)
    begin(ledger, "restricted", "m4")
    read(ledger, "restricted", moves_watermark=False)

    assert ledger.runs.last_mapping_version(ROUTE, ACCOUNT) == "m2"


def test_a_window_that_is_drawn_again_says_nothing_until_it_is_prepared(
    ledger: Ledger, clock: FakeClock
) -> None:
    for run_id, rules in (("one", "m1"), ("two", "m2")):
        begin(ledger, run_id, rules)
        read(ledger, run_id)
        clock.advance(60)

    begin(ledger, "two", "m3")
    read(ledger, "two", prepares=False)
    assert ledger.runs.last_mapping_version(ROUTE, ACCOUNT) == "m1"

    read(ledger, "two")
    assert ledger.runs.last_mapping_version(ROUTE, ACCOUNT) == "m3"


def test_a_run_that_begins_again_has_refused_nothing_yet(ledger: Ledger) -> None:
    run_id = RunId("one")
    begin(ledger, run_id, "m1")
    finding = Finding(ACCOUNT, SourceId("s1"), "rule", "Name", None, "hint")
    ledger.quarantine.put(run_id, ROUTE, [finding])

    begin(ledger, run_id, "m1")

    assert ledger.quarantine.refused_ids(run_id, ROUTE, ACCOUNT) == []
    assert ledger.quarantine.open_ids(ROUTE, ACCOUNT) == ["s1"]


def test_an_update_carries_what_was_written_before(ledger: Ledger) -> None:
    in_step(ledger, wish(content="A"))
    plan(ledger, wish(content="B", age=1), wish("s2", content="C"))

    update, create = sorted(claim(ledger) + claim(ledger), key=lambda one: one.source_id)

    assert update.former_payload == wish(content="A").payload
    assert create.former_payload is None


def test_what_another_flow_read_says_nothing_of_the_rules(ledger: Ledger) -> None:
    begin(ledger, "one", "m1")
    read(ledger, "one")

    assert ledger.runs.last_mapping_version(ROUTE, Entity.INVOICE) is None
