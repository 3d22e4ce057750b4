"""A step that is begun again may find other records: each that counts as read has an end."""

from typing import Any

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.showing import Showing

from sfxero.errors import LedgerError
from sfxero.model.findings import Finding
from sfxero.model.ids import RunId, SourceId
from sfxero.model.states import Entity
from sfxero.sync import extract
from sfxero.sync.companions import Companions
from sfxero.sync.scope import Scope

pytestmark = pytest.mark.contract

HOUR = 3600


def refuse(scope: Scope, entity: Entity, source_id: str) -> None:
    """Let an earlier run have refused a record, so that the next looks for it."""
    finding = Finding(entity, SourceId(source_id), "rule", None, None, "Cure it.")
    scope.ledger.quarantine.put(RunId("demo/other"), scope.route, [finding])


def cure(scope: Scope, entity: Entity, source_id: str) -> None:
    """Let another run find that it is in order, in the midst of this one."""
    scope.ledger.quarantine.clear(RunId("demo/another"), scope.route, entity, [SourceId(source_id)])


def read_of(world: World, scope: Scope) -> tuple[dict[Entity, int], int, int]:
    """What the run has read, how many ends it told, and how many are missing."""
    report = world.ledger.runs.settle(scope.run_id)
    return dict(report.records), sum(one.n for one in report.counts), report.missing_count


def settled(world: World) -> tuple[str, str]:
    """An account and its opportunity, in step and older than any window of the next run."""
    account = world.account()
    opportunity = world.won(account, "100")
    for _ in range(2):
        world.sleep(HOUR)
        world.run()
    world.sleep(HOUR)
    return account, opportunity


def test_a_record_that_a_second_try_does_not_read_is_none_of_the_runs(world: World) -> None:
    account, opportunity = settled(world)
    world.won(account, "50")
    scope = world.begin()
    refuse(scope, Entity.OPPORTUNITY, opportunity)
    counts = world.stage(scope)
    assert counts["Opportunity"] == 1
    cure(scope, Entity.OPPORTUNITY, opportunity)

    Companions(scope, world.salesforce).read()
    world.prepare(scope)

    records, ended, missing = read_of(world, scope)
    assert records == {Entity.OPPORTUNITY: 1, Entity.OPPORTUNITY_LINE: 1}
    assert (ended, missing) == (2, 0)


def test_lines_that_are_in_the_window_too_stay_the_runs(world: World) -> None:
    _, opportunity = settled(world)
    line = world.line(opportunity, "50")
    scope = world.begin()
    world.stage(scope)
    # The window has this line for good, and the lines of its opportunity are read by id.
    world.purge("OpportunityLineItem", line)

    Companions(scope, world.salesforce).read()
    world.prepare(scope)

    records, ended, missing = read_of(world, scope)
    assert records == {Entity.OPPORTUNITY: 1, Entity.OPPORTUNITY_LINE: 2}
    assert (ended, missing) == (3, 0)


def test_a_record_that_left_the_window_before_the_second_try_waits_for_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, _ = settled(world)
    world.edit("Account", account, Name="Acme Two")
    scope = world.begin()

    def dies(*_args: object, **_facts: Any) -> None:
        raise LedgerError("the ledger went away after the rows were published")

    windows = world.ledger.windows.of_run(scope.run_id)
    (window,) = (one for one in windows if one.entity is Entity.ACCOUNT)
    with monkeypatch.context() as patch:
        patch.setattr(type(world.ledger.windows), "mark_staged", dies)
        with pytest.raises(LedgerError):
            extract.submit_job(scope, world.salesforce, window.window_id)
    world.sleep(HOUR)
    world.edit("Account", account, Name="Acme Three")

    world.stage(scope)
    world.prepare(scope)

    assert read_of(world, scope) == ({}, 0, 0)
    assert world.run().missing_count == 0
    assert [one.name for one in world.contacts] == ["Acme Three"]


def test_an_invoice_that_a_second_try_does_not_read_is_none_of_the_runs(world: World) -> None:
    showing = Showing(world)
    _, invoice = showing.invoiced("100")
    showing.run()
    world.sleep(2 * HOUR)
    showing.run()
    scope = showing.begin()
    refuse(scope, Entity.INVOICE, invoice.invoice_id)
    showing.read(scope)
    assert read_of(world, scope) == ({Entity.INVOICE: 1}, 0, 1)
    cure(scope, Entity.INVOICE, invoice.invoice_id)

    showing.read(scope)
    showing.prepare(scope)

    assert read_of(world, scope) == ({}, 0, 0)


def test_what_is_forgotten_was_never_said(world: World) -> None:
    _, opportunity = settled(world)
    scope = world.begin()
    refuse(scope, Entity.OPPORTUNITY, opportunity)
    world.stage(scope)
    world.prepare(scope)
    assert read_of(world, scope) == ({Entity.OPPORTUNITY: 1, Entity.OPPORTUNITY_LINE: 1}, 2, 0)

    # As when somebody clears the task after the run.
    Companions(scope, world.salesforce).read()

    assert read_of(world, scope) == ({}, 0, 0)
