"""Links that a person makes and parts, on both stores."""

import pytest
from tests.contract.ledger.auditing import migrate_to, run_sql
from tests.contract.ledger.making import (
    CONTACT,
    ROUTE,
    START,
    TENANT,
    claim,
    in_step,
    plan,
    settle,
    version,
    wish,
)

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.linking import Pair
from sfxero.ledger.names import DirectoryContact
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.outbox import PlanOutcome
from sfxero.model.states import Operation

pytestmark = pytest.mark.contract


def pair(source: str = "s1", target: str = "T-1", *, age: int = 0) -> Pair:
    return Pair(SourceId(source), TargetId(target), '{"Name":"A"}', None, version(age), "match 100")


def link(ledger: Ledger, *pairs: Pair) -> int:
    return ledger.linking.link(ROUTE, TENANT, CONTACT, pairs, actor="pat")


def unlink(ledger: Ledger, source: str = "s1", target: str = "T-1") -> list[SourceId]:
    pairs = {SourceId(source): TargetId(target)}
    return ledger.linking.unlink(ROUTE, TENANT, CONTACT, pairs, actor="pat", reason="wrong")


def test_a_linked_record_is_updated_and_not_created(ledger: Ledger) -> None:
    assert link(ledger, pair()) == 1

    (planned,) = plan(ledger, wish())
    (entry,) = claim(ledger)

    assert planned.outcome is PlanOutcome.ADDED
    assert (entry.operation, entry.target_id) == (Operation.UPDATE, "T-1")
    assert entry.is_first_update
    settle(ledger, [entry])
    plan(ledger, wish(content="B", age=1))
    (later,) = claim(ledger)
    assert not later.is_first_update


def test_what_waits_for_a_record_goes_as_an_update_once_it_is_linked(ledger: Ledger) -> None:
    plan(ledger, wish())
    link(ledger, pair())
    assert [entry.operation for entry in claim(ledger)] == [Operation.UPDATE]


def test_linking_again_changes_nothing(ledger: Ledger) -> None:
    link(ledger, pair())
    assert link(ledger, pair(), pair("s2", "T-2")) == 1
    assert ledger.audit.verify(ROUTE).events == 2


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("s1", "T-9", "it is linked with T-s1 already"),
        ("s9", "T-s1", "T-s1 is linked with s1 already"),
    ],
)
def test_a_record_is_not_linked_twice(ledger: Ledger, source: str, target: str, words: str) -> None:
    in_step(ledger, wish())
    assert ledger.linking.objections(TENANT, CONTACT, [pair(source, target)]) == {source: words}
    with pytest.raises(LedgerError, match=words):
        link(ledger, pair("s0", "T-0"), pair(source, target))
    assert ledger.links.count(TENANT, CONTACT) == 1


def test_a_record_whose_write_is_under_way_is_neither_linked_nor_parted(ledger: Ledger) -> None:
    plan(ledger, wish(), wish("s2"))
    claim(ledger, limit=1)
    assert "under way" in ledger.linking.objections(TENANT, CONTACT, [pair()])["s1"]
    with pytest.raises(LedgerError, match="under way"):
        link(ledger, pair())

    link(ledger, pair("s2", "T-2"))
    claim(ledger)
    with pytest.raises(LedgerError, match="under way"):
        unlink(ledger, "s2", "T-2")


def test_only_the_pair_that_is_named_is_parted(ledger: Ledger) -> None:
    link(ledger, pair(), pair("s2", "T-2"))
    assert unlink(ledger, "s1", "T-other") == []
    assert unlink(ledger) == ["s1"]
    assert [one.source_id for one in ledger.links.all(TENANT, CONTACT)] == ["s2"]


def test_the_log_tells_who_linked_what_and_why(ledger: Ledger) -> None:
    link(ledger, pair())
    unlink(ledger)

    told = [
        (one.fields["kind"], one.fields["rule"], one.fields["source_id"], one.fields["target_id"])
        for one in ledger.audit.export(ROUTE)
    ]
    values = [one.values for one in ledger.audit.export(ROUTE)]
    assert told == [("linked", "match", "s1", "T-1"), ("unlinked", "match", "s1", "T-1")]
    assert [(one and one.before, one and one.after, one and one.note) for one in values] == [
        (None, '{"Name":"A"}', "match 100"), ('{"Name":"A"}', None, "wrong")]  # fmt: skip
    assert ledger.audit.verify(ROUTE).is_valid


def test_a_linked_contact_holds_its_name_for_its_source(ledger: Ledger) -> None:
    rows = [
        DirectoryContact(contact_id, "acme", "Acme", number, None, status, START)
        for contact_id, number, status in (("T-1", "OLD", "ACTIVE"), ("T-2", None, "ARCHIVED"))
    ]
    ledger.names.upsert_directory(TENANT, rows)
    assert ledger.names.owners(TENANT) == {"acme": "contact:T-2"}
    link(ledger, pair())
    assert ledger.names.owners(TENANT) == {"acme": "s1"}


def test_the_log_stays_as_it_was_when_its_kinds_were_widened(url: str, clock: FakeClock) -> None:
    """SQLite makes the table anew: its rows and triggers must come along."""
    ledger = Ledger(url, clock=clock)
    migrate_to(ledger, "0010")
    run_sql(
        ledger,
        "INSERT INTO audit_events (route, seq, kind, at, values_hash, previous_hash, event_hash) "
        "VALUES ('demo', 1, 'sent', '2026-01-01', 'v', 'p', 'e')",
    )
    ledger.migrate()

    (event,) = ledger.audit.export(ROUTE)
    assert (event.fields["kind"], event.fields["values_hash"]) == ("sent", "v")
    changes = (
        "UPDATE audit_events SET actor = 'x'",
        "DELETE FROM audit_events",
        "INSERT INTO audit_events SELECT * FROM audit_events",
    )
    for statement in changes:
        with pytest.raises(LedgerError):
            run_sql(ledger, statement)
    ledger.close()
