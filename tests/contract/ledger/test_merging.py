"""What both sides agree on, what is merged again, and what a person decides, on both stores."""

import json
from typing import Any

import pytest
from tests.contract.ledger.making import (
    CONTACT,
    ROUTE,
    RUN,
    TENANT,
    claim,
    in_step,
    plan,
    states,
    version,
    wish,
)
from typer.testing import CliRunner, Result

from sfxero.cli.main import app
from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.merging import Conflict
from sfxero.model.agreed import Agreed, Pair
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.outbox import PlannedEntry, Settlement
from sfxero.model.states import Entity, EntryState

pytestmark = pytest.mark.contract

S1 = SourceId("s1")
ORG = TenantId("org-1")


def agreed(ledger: Ledger, source: SourceId = S1) -> Agreed | None:
    return ledger.links.get_many(TENANT, CONTACT, [source])[source].agreed


def conflict(field: str = "email", *, salesforce: Any = "a", xero: Any = "b") -> Conflict:
    agreed = {"salesforce": "o", "xero": "o"}
    return Conflict(ROUTE, TENANT, S1, TargetId("T-s1"), field, agreed, salesforce, xero)


def settle_agreeing(ledger: Ledger, pairs: dict[str, Pair], **more: Any) -> None:
    (entry,) = claim(ledger)
    said = Settlement(entry.entry_id, TargetId("T-s1"), None, "{}", agreed=pairs, **more)
    assert ledger.outbox.settle([said], owner="w1") == 1


def test_a_settlement_says_on_what_both_sides_agree(ledger: Ledger) -> None:
    in_step(ledger, wish())
    assert agreed(ledger) is None
    plan(ledger, wish(content="B", age=1))

    settle_agreeing(ledger, {"email": Pair("a", "a")})

    assert agreed(ledger) == Agreed(1, {"email": Pair("a", "a")})


def test_other_fields_keep_what_was_agreed_on(ledger: Ledger) -> None:
    in_step(ledger, wish())
    ledger.agreeing.begin(TENANT, {S1: Agreed(0, {"name": Pair("n", "n")})})
    plan(ledger, wish(content="B", age=1))

    settle_agreeing(ledger, {"phones.fax": Pair({"PhoneNumber": "1"}, None)})
    ledger.agreeing.begin(TENANT, {S1: Agreed()})

    expected = {"name": Pair("n", "n"), "phones.fax": Pair({"PhoneNumber": "1"}, None)}
    assert agreed(ledger) == Agreed(1, expected)


def test_an_accounts_entry_says_it_of_the_link_of_its_contact(ledger: Ledger) -> None:
    in_step(ledger, wish())
    back = PlannedEntry(ROUTE, ORG, Entity.ACCOUNT_UPDATE, S1, "{}", "h", version(1), "m1", meta={})
    plan(ledger, back)
    (entry,) = ledger.outbox.claim(ORG, Entity.ACCOUNT_UPDATE, owner="w1", limit=5, lease_s=60)
    pairs = {"email": Pair("a", "b")}
    said = Settlement(entry.entry_id, TargetId(S1), None, "{}", agreed=pairs, agreed_in=TENANT)

    ledger.outbox.settle([said], owner="w1")

    assert agreed(ledger) == Agreed(1, pairs)


def test_what_is_set_aside_goes_no_more_and_is_merged_again(ledger: Ledger) -> None:
    plan(ledger, wish())
    (entry,) = claim(ledger)

    count = ledger.outbox.set_aside(
        [entry.entry_id], owner="w1", reason="it was changed", merged_in=TENANT
    )

    assert count == 1
    assert states(ledger) == {entry.entry_id: EntryState.SUPERSEDED}
    assert set(ledger.merging.due(TENANT)) == {S1}
    assert ledger.merging.due(ORG) == {}


def test_only_the_owner_sets_aside(ledger: Ledger) -> None:
    plan(ledger, wish())
    (entry,) = claim(ledger)

    assert not ledger.outbox.set_aside(
        [entry.entry_id], owner="w2", reason="late", merged_in=TENANT
    )

    assert states(ledger) == {entry.entry_id: EntryState.CLAIMED}
    assert ledger.merging.due(TENANT) == {}


def test_what_became_due_again_meanwhile_stays(ledger: Ledger, clock: FakeClock) -> None:
    ledger.merging.mark_due(TENANT, [S1])
    looked_up = ledger.merging.due(TENANT)
    clock.advance(1)
    ledger.merging.mark_due(TENANT, [S1])

    ledger.merging.clear_due(RUN, TENANT, looked_up)

    assert set(ledger.merging.due(TENANT)) == {S1}
    ledger.merging.clear_due(RUN, TENANT, ledger.merging.due(TENANT))
    assert ledger.merging.due(TENANT) == {}


def test_the_newest_live_entry_of_a_record_is_its_wish(ledger: Ledger) -> None:
    in_step(ledger, wish("s2"))
    plan(ledger, wish())
    claim(ledger)
    assert ledger.merging.wished(TENANT, CONTACT, [S1])[S1].is_under_way
    plan(ledger, wish(content="B", age=1))

    found = ledger.merging.wished(TENANT, CONTACT, [S1, SourceId("s2")])

    assert {one: wished.content_hash for one, wished in found.items()} == {S1: "B"}
    assert not found[S1].is_under_way


def test_all_wishes_of_a_kind_are_those_of_its_live_entries(ledger: Ledger) -> None:
    in_step(ledger, wish("s2"))
    plan(ledger, wish())
    claim(ledger)
    plan(ledger, wish(content="B", age=1), wish("s3"))

    found = ledger.merging.all_wished(TENANT, CONTACT)

    assert found == ledger.merging.wished(TENANT, CONTACT, [S1, SourceId("s2"), SourceId("s3")])
    assert found.keys() == {S1, "s3"}
    assert ledger.merging.all_wished(ORG, CONTACT) == {}


# Conflicts.


def test_a_conflict_is_asked_about_once_and_closed_once(ledger: Ledger) -> None:
    ledger.merging.ask(RUN, [conflict(), conflict("name")])
    ledger.merging.ask(RUN, [conflict()])
    email, name = ledger.merging.listing(ROUTE)
    assert (email.conflict, name.conflict.field) == (conflict(), "name")

    ledger.merging.close(RUN, [email.conflict_id])

    assert [one.conflict.field for one in ledger.merging.listing(ROUTE)] == ["name"]
    assert ledger.merging.open_of(TENANT, [S1]).keys() == {(S1, "name")}
    ledger.merging.ask(RUN, [conflict()])
    assert len(ledger.merging.listing(None)) == 2


def test_a_decision_is_kept_as_long_as_the_values_are_the_same(ledger: Ledger) -> None:
    ledger.merging.ask(RUN, [conflict()])
    (stored,) = ledger.merging.listing(ROUTE)

    assert ledger.merging.decide([stored.conflict_id], "xero", actor="Jo") == 1

    ledger.merging.ask(RUN, [conflict()])
    (decided,) = ledger.merging.listing(ROUTE)
    assert (decided.decision, decided.decided_by) == ("xero", "Jo")
    assert set(ledger.merging.due(TENANT)) == {S1}
    ledger.merging.ask(RUN, [conflict(salesforce={"City": "Perth"})])
    (anew,) = ledger.merging.listing(ROUTE)
    assert (anew.decision, anew.conflict.salesforce) == (None, {"City": "Perth"})
    # Nobody has seen these values yet who decides about the former ones.
    assert ledger.merging.decide([stored.conflict_id], "xero", actor="Jo") == 0


def test_a_decision_is_logged_with_both_values(ledger: Ledger) -> None:
    ledger.merging.ask(RUN, [conflict()])
    (stored,) = ledger.merging.listing(ROUTE)

    ledger.merging.decide([stored.conflict_id], "salesforce", actor="Jo")

    (event,) = ledger.audit.export(ROUTE)
    assert (event.fields["kind"], event.fields["actor"]) == ("decided", "Jo")
    assert event.values is not None
    assert (event.values.before, event.values.after) == ('"b"', '"a"')
    assert ledger.audit.verify(ROUTE).is_valid


def run(url: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("SFXERO_LEDGER_URL", url)
    return CliRunner().invoke(app, ["conflicts", *arguments])


def test_the_commands_list_and_decide(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(url, monkeypatch, "list").exit_code == 0
    ledger.merging.ask(RUN, [conflict(xero={"AddressLine1": "1 Main St", "City": "Perth"})])
    (stored,) = ledger.merging.listing(ROUTE)

    shown = run(url, monkeypatch, "list")
    told = json.loads(run(url, monkeypatch, "list", "--json").stdout)

    assert shown.exit_code == 1
    assert "1 Main St, Perth" in shown.stdout
    assert told[0]["conflict"]["salesforce"] == "a"
    decided = run(
        url, monkeypatch, "decide", str(stored.conflict_id), "--for", "xero", "--by", "Jo"
    )
    assert (decided.exit_code, decided.stdout) == (0, "Decided: 1 of 1.\n")
    assert run(url, monkeypatch, "list").exit_code == 0
    assert run(url, monkeypatch, "decide", "99", "--for", "xero").exit_code == 1
    assert run(url, monkeypatch, "decide", "1", "--for", "both").exit_code == 2
