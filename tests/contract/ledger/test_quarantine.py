import pytest
from tests.contract.ledger.making import CONTACT, ROUTE

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import RunId, SourceId
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract


def _finding(
    source_id: str = "s1",
    rule: str = "abn",
    *,
    value: str = "12",
    field: str | None = "ABN__c",
    severity: Severity = Severity.REFUSE,
) -> Finding:
    return Finding(CONTACT, SourceId(source_id), rule, field, value, "fix it", severity)


def _put(ledger: Ledger, run: str, *findings: Finding) -> None:
    ledger.quarantine.put(RunId(run), ROUTE, findings)


def test_a_refusal_met_again_keeps_when_it_was_first_seen(ledger: Ledger, clock: FakeClock) -> None:
    first_at = clock.now()
    _put(ledger, "r1", _finding())
    clock.advance(60)
    _put(ledger, "r2", _finding(value="13"))
    (row,) = ledger.quarantine.listing(ROUTE)
    assert (row.first_seen_at, row.last_seen_at, row.last_run_id) == (first_at, clock.now(), "r2")
    assert (row.value, row.hint, row.field) == ("13", "fix it", "ABN__c")


def test_a_rule_on_the_whole_record_names_no_field(ledger: Ledger) -> None:
    _put(ledger, "r1", _finding(field=None))
    _put(ledger, "r2", _finding(field=None))
    assert [row.field for row in ledger.quarantine.listing(ROUTE)] == [None]


def test_records_that_pass_are_cleared_and_come_back_if_refused_again(ledger: Ledger) -> None:
    _put(ledger, "r1", _finding("s1"), _finding("s2"))
    assert ledger.quarantine.clear(RunId("r2"), ROUTE, CONTACT, [SourceId("s1")]) == 1
    assert ledger.quarantine.open_ids(ROUTE, CONTACT) == ["s2"]
    assert ledger.quarantine.clear(RunId("r3"), ROUTE, CONTACT, [SourceId("s1")]) == 0
    _put(ledger, "r3", _finding("s1"))
    assert ledger.quarantine.open_ids(ROUTE, CONTACT) == ["s1", "s2"]


def test_a_record_shows_only_its_present_reasons(ledger: Ledger) -> None:
    _put(ledger, "r1", _finding(rule="abn"), _finding(rule="name"), _finding("s2"))
    _put(ledger, "r2", _finding(rule="name"))
    assert ledger.quarantine.clear_other_rules(RunId("r2"), ROUTE, CONTACT) == 1
    left = [(row.source_id, row.rule) for row in ledger.quarantine.listing(ROUTE)]
    assert left == [("s1", "name"), ("s2", "abn")]


def test_warnings_belong_to_their_run_and_hold_nothing_back(ledger: Ledger) -> None:
    _put(ledger, "r1", _finding(severity=Severity.WARN), _finding("s2", severity=Severity.WARN))
    assert ledger.quarantine.open_ids(ROUTE, CONTACT) == []
    counts = ledger.quarantine.counts_by_rule(RunId("r1"), severity=Severity.WARN)
    assert counts == {"abn": 2}
    assert ledger.quarantine.counts_by_rule(RunId("r2"), severity=Severity.WARN) == {}


def test_counts_are_of_records_and_of_the_run(ledger: Ledger) -> None:
    _put(ledger, "r1", _finding("s9"))
    _put(ledger, "r2", _finding("s1"), _finding("s1", field="Name"), _finding("s2", "name"))
    assert ledger.quarantine.counts_by_rule(RunId("r2")) == {"abn": 1, "name": 1}


def test_other_routes_and_entities_are_left_alone(ledger: Ledger) -> None:
    _put(ledger, "r1", _finding())
    ledger.quarantine.clear(RunId("r2"), ROUTE, Entity.INVOICE, [SourceId("s1")])
    assert ledger.quarantine.open_ids(ROUTE, CONTACT) == ["s1"]
    assert ledger.quarantine.open_ids(ROUTE, Entity.INVOICE) == []


def test_what_the_run_refused_is_known_without_what_earlier_runs_did(ledger: Ledger) -> None:
    _put(ledger, "r1", _finding("s1"), _finding("s2"))
    _put(ledger, "r2", _finding("s2"), _finding("s2", "name"))
    assert ledger.quarantine.refused_ids(RunId("r2"), ROUTE, CONTACT) == ["s2"]
