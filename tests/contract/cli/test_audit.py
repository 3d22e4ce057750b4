import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.ledger.auditing import ACTOR, drop_triggers, events, run_sql, three_writes
from tests.contract.ledger.making import ROUTE, in_step, wish
from typer.testing import CliRunner, Result

from sfxero.cli.main import app
from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.audit import AuditKind

pytestmark = pytest.mark.contract


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    monkeypatch.setenv("SFXERO_LEDGER_URL", url)
    with Ledger(url, clock=FakeClock()) as ledger:
        ledger.migrate()
        yield ledger


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments], input=answer)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_verify_says_that_all_is_intact(ledger: Ledger) -> None:
    three_writes(ledger)
    result = run("verify")
    head = ledger.audit.head(ROUTE)
    assert result.exit_code == 0
    assert result.stdout == f"demo: intact, 6 events, 0 of them erased, head {head}\n"


def test_verify_of_an_empty_ledger_says_so(ledger: Ledger) -> None:
    assert (run("verify").exit_code, run("verify").stdout) == (0, "Nothing is logged.\n")


def test_verify_names_what_is_broken_and_fails(ledger: Ledger) -> None:
    three_writes(ledger)
    drop_triggers(ledger)
    run_sql(ledger, "DELETE FROM audit_events WHERE seq = 3")
    result = run("verify")
    assert result.exit_code == 1
    assert "demo: NOT INTACT, 5 events" in result.stdout
    assert "demo: event 3: the event is missing" in result.stdout


def test_verify_names_what_the_outbox_knows_and_the_log_does_not(ledger: Ledger) -> None:
    in_step(ledger, wish())
    result = run("verify", "--route", "demo")
    assert result.exit_code == 1
    assert "demo: 1 gaps against the outbox" in result.stdout
    assert "demo: entry 1: settled by the reply to a request" in result.stdout


def test_verify_speaks_to_machines(ledger: Ledger) -> None:
    three_writes(ledger)
    (report,) = json.loads(run("verify", "--json").stdout)
    assert (report["route"], report["is_valid"], report["events"]) == ("demo", True, 6)
    assert report["head"] == str(ledger.audit.head(ROUTE))


def test_verify_takes_the_head_that_it_printed_before(ledger: Ledger) -> None:
    three_writes(ledger)
    noted = str(ledger.audit.head(ROUTE))
    ledger.audit.erase(ROUTE, "s1", actor="sam", reason="asked for")
    assert run("verify", "--route", "demo", "--head", noted).exit_code == 0
    result = run("verify", "--route", "demo", "--head", f"6:{'0' * 64}")
    assert result.exit_code == 1
    assert "event 6: the event is not the one that was noted" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--head", f"6:{'0' * 64}"),
        ("verify", "--route", "demo", "--head", "0:abc"),
        ("verify", "--route", "nowhere"),
        ("export", "--route", "nowhere"),
        ("export", "--since", "yesterday"),
        ("erase", "--record", "nobody", "--reason", "asked for", "--yes"),
        ("erase", "--record", "s1"),
    ],
)
def test_a_wrong_call_ends_with_a_status_of_its_own(
    ledger: Ledger, arguments: tuple[str, ...]
) -> None:
    three_writes(ledger)
    assert run(*arguments).exit_code == 2


def test_without_a_ledger_nothing_is_said_to_be_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFXERO_LEDGER_URL", f"sqlite:///{tmp_path / 'other.db'}")
    assert run("verify").exit_code == 2


def test_export_prints_one_event_a_line_and_the_head_apart(ledger: Ledger) -> None:
    three_writes(ledger)
    result = run("export")
    assert result.exit_code == 0
    told = lines(result)
    assert [line["event"]["seq"] for line in told] == [1, 2, 3, 4, 5, 6]
    assert [line["event_hash"] for line in told] == [one.event_hash for one in events(ledger)]
    assert told[0]["event"]["actor"] == ACTOR
    assert told[0]["values"] == {"after": '{"Name":"A"}', "request_hash": "body of k1"}
    assert result.stderr == f"demo: head {ledger.audit.head(ROUTE)}\n"


def test_export_is_narrowed_by_record_and_time(ledger: Ledger) -> None:
    three_writes(ledger)
    day = ledger._database.clock.now().date().isoformat()
    assert {one["event"]["source_id"] for one in lines(run("export", "--record", "s2"))} == {"s2"}
    assert len(lines(run("export", "--since", day))) == 6
    assert lines(run("export", "--until", day)) == []


def test_erase_asks_first_and_leaves_all_as_it_was_after_a_no(ledger: Ledger) -> None:
    three_writes(ledger)
    result = run("erase", "--record", "s1", "--reason", "asked for", answer="n\n")
    assert result.exit_code == 1
    assert "Erase the values of 2 events, for good?" in result.stdout
    assert ledger.audit.count_erasable(ROUTE, "s1") == 2


def test_erase_of_several_records_says_how_many_events_are_done(ledger: Ledger) -> None:
    three_writes(ledger)
    arguments = ("--record", "s1", "--record", "s3", "--reason", "asked for", "--by", "sam")
    result = run("erase", *arguments, answer="y\n")
    assert result.exit_code == 0
    assert "Erased the values of 4 events." in result.stdout
    told = [line for line in lines(run("export")) if line["event"]["kind"] == AuditKind.ERASED]
    assert [line["event"]["actor"] for line in told] == ["sam", "sam"]
    assert run("verify").exit_code == 0
    assert "values" not in lines(run("export"))[0]


def test_erase_without_a_question_names_who_is_logged_in(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "alex")
    three_writes(ledger)
    assert run("erase", "--record", "s1", "--reason", "asked for", "--yes").exit_code == 0
    assert events(ledger)[-1].fields["actor"] == "alex"
