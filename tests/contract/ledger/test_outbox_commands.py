"""The commands over a real ledger: what they show, what they change, and how they end."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.contract.ledger.making import (
    CONTACT,
    bury,
    claim,
    in_step,
    plan,
    states,
    wish,
    withdraw,
)
from typer.testing import CliRunner, Result

from sfxero.cli.main import app
from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.model.states import Entity, EntryState, Operation

pytestmark = pytest.mark.contract


@pytest.fixture(autouse=True)
def address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFXERO_LEDGER_URL", url)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def listed(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def letter(ledger: Ledger, source: str = "s1") -> int:
    """Make a dead letter."""
    (planned,) = plan(ledger, wish(source))
    claim(ledger, limit=1)
    assert planned.entry_id is not None
    bury(ledger, planned.entry_id)
    return planned.entry_id


def test_the_outbox_lists_what_waits_in_the_order_in_which_it_goes(ledger: Ledger) -> None:
    in_step(ledger, wish("s0"))
    plan(ledger, wish("s2"), wish("s1"))

    shown = run("outbox", "list")

    assert shown.exit_code == 0
    assert "s0" not in shown.stdout
    assert shown.stdout.index("s2") < shown.stdout.index("s1")


def test_an_empty_outbox_says_so(ledger: Ledger) -> None:
    assert run("outbox", "list").stdout == "There are none.\n"
    assert listed("outbox", "list") == []


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--route", "demo", {"s1", "s2", "i1"}),
        ("--route", "other", set()),
        ("--tenant", "tenant-1", {"s1", "s2", "i1"}),
        ("--tenant", "tenant-2", set()),
        ("--entity", "invoice", {"i1"}),
        ("--record", "s2", {"s2"}),
        ("--state", "settled", {"s0"}),
        ("--state", "claimed", {"s1"}),
    ],
)
def test_the_list_can_be_narrowed(
    ledger: Ledger, option: str, value: str, expected: set[str]
) -> None:
    in_step(ledger, wish("s0"))
    plan(ledger, wish("s1"), wish("s2"), wish("i1", entity=Entity.INVOICE))
    claim(ledger, limit=1)

    assert {one["source_id"] for one in listed("outbox", "list", option, value)} == expected


def test_what_a_limit_leaves_out_is_said(ledger: Ledger) -> None:
    plan(ledger, *(wish(f"s{number}") for number in range(5)))

    assert "2 of 5 are shown" in run("outbox", "list", "--limit", "2").stdout


def test_an_entry_is_shown_with_its_values_requests_and_link(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish("s1", "Acme"))
    (taken,) = claim(ledger)
    attempt_id = ledger.outbox.store_attempt(
        [taken.entry_id],
        owner="w1",
        operation=Operation.CREATE,
        body_hash="b",
        idempotency_key="key-1",
        deadline_at=clock.now(),
    )
    ledger.outbox.finish_attempt(attempt_id, outcome="ServiceUnavailable", status=503)

    shown = run("outbox", "show", str(taken.entry_id))
    told = listed("outbox", "show", str(taken.entry_id))

    assert shown.exit_code == 0
    for text in ("Acme", "key-1", "ServiceUnavailable", "503", "claimed", "w1 until"):
        assert text in shown.stdout
    assert told["payload"] == {"Name": "Acme"}
    assert [one["outcome"] for one in told["attempts"]] == ["ServiceUnavailable"]
    assert told["link"] is None


def test_an_entry_in_step_names_its_record_in_the_target(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    (entry_id,) = states(ledger)

    assert listed("outbox", "show", str(entry_id))["link"]["target_id"] == "T-s1"
    assert "N1 T-s1" in run("outbox", "show", str(entry_id)).stdout


def test_amounts_are_shown_to_the_last_digit(ledger: Ledger) -> None:
    exact = replace(wish("i1", entity=Entity.INVOICE), payload='{"Total":123456789012345.10}')
    plan(ledger, exact)
    (entry_id,) = states(ledger)

    assert listed("outbox", "show", str(entry_id))["payload"] == {"Total": "123456789012345.10"}


def test_texts_of_others_cannot_steer_the_terminal(ledger: Ledger) -> None:
    plan(ledger, wish("s1", "[red]x[/red]\\u001b[2Jy"))
    (entry_id,) = states(ledger)

    shown = run("outbox", "show", str(entry_id)).stdout

    assert "[red]x[/red]" in shown
    assert "\x1b" not in shown


def test_dead_letters_are_listed_with_their_reason_and_end_with_a_status(ledger: Ledger) -> None:
    assert run("dead-letters", "list").exit_code == 0
    letter(ledger)

    shown = run("dead-letters", "list")

    assert shown.exit_code == 1
    assert "no such account" in shown.stdout
    assert "fix the mapping" in run("dead-letters", "show", "1").stdout


def test_a_replayed_letter_waits_again(ledger: Ledger) -> None:
    first, second = letter(ledger, "s1"), letter(ledger, "s2")

    done = run("dead-letters", "replay", str(second), "--by", "Kim", "--reason", "mapped now")

    assert (done.exit_code, done.stdout) == (0, "Put back: 1 of 1.\n")
    assert states(ledger) == {first: EntryState.DEAD, second: EntryState.PENDING}
    assert run("dead-letters", "replay", "--all").exit_code == 0
    assert set(states(ledger).values()) == {EntryState.PENDING}


def test_a_discarded_letter_is_hidden_and_not_replayed_with_all(ledger: Ledger) -> None:
    entry_id = letter(ledger)

    done = run("dead-letters", "discard", str(entry_id), "--reason", "sold twice", "--by", "Kim")

    assert done.exit_code == 0
    assert run("dead-letters", "list").exit_code == 0
    assert listed("dead-letters", "list") == []
    (shown,) = listed("dead-letters", "list", "--all")
    assert (shown["discarded_by"], shown["state"]) == ("Kim", "dead")
    assert run("dead-letters", "replay", "--all").stdout == "Put back: 0 of 0.\n"
    assert states(ledger) == {entry_id: EntryState.DEAD}


def test_a_person_may_change_their_mind_about_a_discarded_letter(ledger: Ledger) -> None:
    entry_id = letter(ledger)
    run("dead-letters", "discard", str(entry_id), "--reason", "sold twice")

    assert run("dead-letters", "replay", str(entry_id)).exit_code == 0
    assert listed("outbox", "list")[0]["discarded_at"] is None


def test_a_replay_says_why_it_leaves_a_letter_alone(ledger: Ledger) -> None:
    (asked,) = plan(ledger, wish("s1", approval="large"))
    refused, gone = asked.entry_id or 0, letter(ledger, "s2")
    ledger.outbox.refuse([refused], actor="Kim", reason="too dear")
    withdraw(ledger, "s2")

    done = run("dead-letters", "replay", str(refused), str(gone))

    assert done.exit_code == 1
    assert f"Entry {refused}: approval was refused by Kim: too dear\n" in done.stdout
    assert f"Entry {gone}: not sent: left\n" in done.stdout
    assert "Put back: 0 of 2." in done.stdout
    assert run("dead-letters", "replay", "--all").stdout == "Put back: 0 of 0.\n"
    assert run("outbox", "approve", str(refused)).exit_code == 1
    assert run("outbox", "approve", str(refused), str(gone), "--after-all").exit_code == 1
    assert states(ledger) == {refused: EntryState.PENDING, gone: EntryState.DEAD}


def test_what_is_no_dead_letter_is_left_alone_and_ends_with_a_status(ledger: Ledger) -> None:
    entry_id = letter(ledger)
    plan(ledger, wish("s2"))

    for command in (("replay",), ("discard", "--reason", "x")):
        done = run("dead-letters", command[0], "2", *command[1:])
        assert done.exit_code == 1
        assert "0 of 1" in done.stdout
    assert states(ledger) == {entry_id: EntryState.DEAD, 2: EntryState.PENDING}


@pytest.mark.parametrize(
    "arguments",
    [
        ["outbox", "show", "99"],
        ["dead-letters", "show", "99"],
        ["dead-letters", "replay"],
        ["dead-letters", "replay", "1", "--all"],
        ["dead-letters", "replay", "99"],
        ["dead-letters", "replay", "1", "--route", "other"],
        ["dead-letters", "discard", "99", "--reason", "x"],
        ["dead-letters", "discard", "1"],
        ["outbox", "list", "--state", "lost"],
    ],
)
def test_a_slip_of_the_pen_changes_nothing(ledger: Ledger, arguments: list[str]) -> None:
    entry_id = letter(ledger)

    assert run(*arguments).exit_code == 2
    assert states(ledger) == {entry_id: EntryState.DEAD}


def test_alerts_are_listed_while_they_are_open(ledger: Ledger) -> None:
    assert run("alerts", "list").exit_code == 0
    ledger.alerts.raise_(AlertKind.OUTAGE, "xero", message="Xero is down.", hint="Wait.")

    shown = run("alerts", "list")

    assert shown.exit_code == 1
    assert "Xero is down." in shown.stdout
    ledger.alerts.close(AlertKind.OUTAGE, "xero")
    assert listed("alerts", "list") == []
    assert [one["kind"] for one in listed("alerts", "list", "--all")] == ["outage"]


def test_a_ledger_that_is_not_there_is_not_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    path = tmp_path / "nowhere.db"
    monkeypatch.setenv("SFXERO_LEDGER_URL", f"sqlite:///{path}")

    done = run("dead-letters", "list")

    assert done.exit_code == 2
    assert "There is no ledger" in done.stderr
    assert not path.exists()


def test_an_address_that_is_none_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SFXERO_LEDGER_URL", "mysql://u:hunter2@h/db")

    done = run("outbox", "list")

    assert done.exit_code == 2
    assert "hunter2" not in done.output


def test_another_entitys_or_organisations_entries_are_told_apart(ledger: Ledger) -> None:
    plan(ledger, wish("s1"), replace(wish("s1"), tenant=TenantId("tenant-2")))

    shown = listed("outbox", "list", "--entity", CONTACT, "--tenant", "tenant-2")

    assert [(one["tenant"], one["source_id"]) for one in shown] == [("tenant-2", "s1")]
