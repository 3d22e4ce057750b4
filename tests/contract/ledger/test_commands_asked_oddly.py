"""Commands that are given what a person has at hand: ids of other forms, and of other sizes."""

import json
from typing import Any

import pytest
from tests.contract.ledger.auditing import drop_triggers, run_sql, write
from tests.contract.ledger.making import ROUTE, RUN, bury, claim, plan, wish
from typer.testing import CliRunner, Result

from sfxero.cli.main import app
from sfxero.errors import ConfigurationError
from sfxero.ledger import Ledger
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId, to_18
from sfxero.model.states import Entity
from sfxero.sync.replay import wanted_ids

pytestmark = pytest.mark.contract

SHORT = "0018d00000ABCde"
LONG = to_18(SHORT)
HUGE = "99999999999999999999"


@pytest.fixture(autouse=True)
def address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFXERO_LEDGER_URL", url)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def letter(ledger: Ledger, source: str) -> int:
    (planned,) = plan(ledger, wish(source))
    (claimed,) = claim(ledger, limit=1)
    assert planned.entry_id == claimed.entry_id
    bury(ledger, claimed.entry_id)
    return claimed.entry_id


def test_an_open_letter_that_the_limit_leaves_out_counts(ledger: Ledger) -> None:
    first = letter(ledger, "s1")
    ledger.outbox.discard([first], actor="kim", reason="not wanted")
    letter(ledger, "s2")

    assert run("dead-letters", "list", "--all", "--limit", "1").exit_code == 1
    assert run("dead-letters", "list", "--all", "--limit", "1", "--record", "s1").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("outbox", "show", HUGE),
        ("outbox", "approve", HUGE),
        ("outbox", "refuse", HUGE, "--reason", "no"),
        ("dead-letters", "show", HUGE),
        ("dead-letters", "replay", HUGE),
        ("dead-letters", "discard", HUGE, "--reason", "no"),
        ("conflicts", "decide", HUGE, "--for", "xero"),
        ("differences", "accept", HUGE, "--reason", "known"),
    ],
)
def test_an_id_that_no_database_can_hold_is_a_slip_of_the_pen(
    ledger: Ledger, arguments: tuple[str, ...]
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.exception


@pytest.mark.parametrize("asked", [[17.9], [True], [2**63], ["17", "9" * 30], [0], [-1]])
def test_what_is_no_id_replays_no_other_letter(asked: Any) -> None:
    with pytest.raises(ConfigurationError):
        wanted_ids(asked)


def test_a_record_is_found_by_its_id_of_15_characters(ledger: Ledger) -> None:
    write(ledger, wish(LONG))
    plan(ledger, wish(LONG, "B", age=1))

    (waiting,) = json.loads(run("outbox", "list", "--record", SHORT, "--json").stdout)
    assert waiting["source_id"] == LONG
    assert len(run("audit", "export", "--record", SHORT).stdout.splitlines()) == 2


def test_a_person_is_erased_by_the_id_of_15_characters(ledger: Ledger) -> None:
    write(ledger, wish(LONG))
    told = run("audit", "erase", "--record", SHORT, "--reason", "request-17", "--yes")

    assert told.exit_code == 0, told.output
    assert ledger.audit.count_erasable(ROUTE, LONG) == 0


def test_a_record_of_which_nothing_is_erased_is_named(ledger: Ledger) -> None:
    write(ledger, wish("s1"))
    asked = ("--record", "s1", "--record", "s9", "--reason", "request-17", "--yes")
    told = run("audit", "erase", *asked)

    assert ledger.audit.count_erasable(ROUTE, SourceId("s1")) == 0
    assert "s9" in told.output
    assert told.exit_code == 1


def test_a_log_that_is_gone_as_a_whole_is_missed(ledger: Ledger) -> None:
    write(ledger, wish("s1"))
    drop_triggers(ledger)
    run_sql(
        ledger,
        "DELETE FROM audit_events",
        "DELETE FROM audit_values",
        "DELETE FROM audit_heads",
    )

    told = run("audit", "verify")
    assert told.exit_code == 1, told.output
    assert "demo: NOT INTACT" in told.stdout


def test_what_only_waits_needs_no_log(ledger: Ledger) -> None:
    plan(ledger, wish("s1"))
    assert run("audit", "verify").stdout == "Nothing is logged.\n"


def test_values_in_quarantine_cannot_steer_the_terminal_and_are_whole(ledger: Ledger) -> None:
    long = "x" * 90
    value = f"\x1b[2Jname [bold]{long}"
    found = Finding(Entity.ACCOUNT, LONG, "name_odd", "Name", value, "Cure it.", Severity.REFUSE)
    ledger.quarantine.put(RUN, ROUTE, [found])

    told = run("quarantine", "list", "--route", "demo")
    assert told.exit_code == 1
    assert "\x1b" not in told.stdout
    assert LONG in told.stdout
    assert "[bold]" in told.stdout
    assert told.stdout.count("x") >= 90
