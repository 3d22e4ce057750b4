"""A reconciliation after opportunities changed: what the sync did on purpose is no difference."""

import pytest
from tests.contract.sync.comparing import HOUR, Comparer
from tests.contract.sync.kit import World, die
from tests.contract.sync.test_reconcile import settle_before

from sfxero.model.differences import DifferenceKind
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE


@pytest.fixture
def comparer(world: World) -> Comparer:
    return Comparer(world)


def reprice(world: World, opportunity: str, price: str) -> None:
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=price)


def explained(comparer: Comparer) -> list[str]:
    return [one.difference.kind.value for one in comparer.compare().stored]


def void_by_hand(world: World, opportunity: str) -> None:
    target = world.link(opportunity, INVOICE).target_id
    world.control("POST", f"/xero/invoices/{target}/void")


def test_a_voided_predecessor_is_no_difference_and_the_sums_tie_out(comparer: Comparer) -> None:
    world = comparer.world
    world.respec(invoices={"on_change": "reissue"})
    opportunity = comparer.invoiced("100")
    reprice(world, opportunity, "120")
    world.run()
    world.sleep(HOUR)

    outcome = comparer.compare()

    assert outcome.stored == []
    assert outcome.verdict == "in step: 1 links, AUD 120.00 won, 120.00 invoiced; 0 explained"


def test_a_void_on_its_way_is_named_as_such(comparer: Comparer) -> None:
    world = comparer.world
    world.respec(invoices={"on_change": "reissue"})
    opportunity = comparer.invoiced("100")
    reprice(world, opportunity, "120")
    world.run(publishes=False)
    assert explained(comparer) == ["waiting"]

    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)

    assert explained(comparer) == ["in_flight"]
    assert comparer.kinds() == []


@pytest.mark.parametrize(
    ("change", "fields"),
    [({"UnitPrice": "120"}, ["amount"]), ({"Description": "Other words"}, ["LineItems"])],
)
def test_an_edit_that_xero_has_and_the_ledger_has_not_heard_of_is_in_flight(
    comparer: Comparer, change: dict[str, str], fields: list[str]
) -> None:
    world = comparer.world
    opportunity = comparer.invoiced("100")
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", line["Id"], **change)
    world.run(publishes=False)
    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)

    found = [one.difference for one in comparer.compare().stored]

    assert {one.kind for one in found} == {DifferenceKind.IN_FLIGHT}
    assert [one.field for one in found] == fields


def test_an_edit_in_flight_is_one_though_the_next_waits_behind_it(comparer: Comparer) -> None:
    world = comparer.world
    opportunity = comparer.invoiced("100")
    reprice(world, opportunity, "120")
    world.run(publishes=False)
    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    world.sleep(HOUR)
    reprice(world, opportunity, "130")
    world.sleep(HOUR)
    world.run(publishes=False)

    assert explained(comparer) == ["in_flight"]


def test_an_invoice_whose_place_another_takes_meanwhile_is_no_second_one(
    comparer: Comparer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = comparer.world
    world.respec(invoices={"on_change": "reissue"})
    opportunity = comparer.invoiced("100")
    reprice(world, opportunity, "120")
    world.run(publishes=False)
    settle_before(monkeypatch, world.ledger.links, "all", world)

    outcome = comparer.compare()

    assert [one.status for one in world.invoices] == ["VOIDED", "AUTHORISED"]
    assert {one.difference.kind for one in outcome.stored} == {DifferenceKind.CHANGED_WHILE_READING}
    assert comparer.compare().stored == []


@pytest.mark.parametrize(
    ("rule", "named"), [("void", "waiting"), ("ask", "awaiting_approval"), ("list", None)]
)
def test_a_reopened_opportunity_is_named_by_what_the_route_does(
    comparer: Comparer, rule: str, named: str | None
) -> None:
    world = comparer.world
    world.respec(invoices={"on_reopen": rule})
    opportunity = comparer.invoiced("100")
    world.edit("Opportunity", opportunity, StageName="Prospecting")
    world.run(publishes=False)

    if named is None:
        assert comparer.kinds() == ["opportunity_reopened"]
    else:
        assert explained(comparer) == [named]


def test_a_voided_invoice_of_a_reopened_opportunity_is_in_step(comparer: Comparer) -> None:
    world = comparer.world
    world.respec(invoices={"on_reopen": "void"})
    opportunity = comparer.invoiced("100")
    world.edit("Opportunity", opportunity, StageName="Prospecting")
    world.run()
    world.sleep(HOUR)

    assert comparer.compare().stored == []


@pytest.mark.parametrize(
    ("rule", "named"),
    [("void", "not_read_yet"), ("ask", "not_read_yet"), ("list", "opportunity_reopened")],
)
def test_a_reopening_that_the_sync_has_not_read_is_named_by_what_the_route_does(
    comparer: Comparer, rule: str, named: str
) -> None:
    world = comparer.world
    world.respec(invoices={"on_reopen": rule})
    opportunity = comparer.invoiced("100")
    world.edit("Opportunity", opportunity, StageName="Prospecting")

    assert explained(comparer) == [named]


@pytest.mark.parametrize(("status", "ended"), [("AUTHORISED", "VOIDED"), ("DRAFT", "DELETED")])
def test_what_is_won_again_after_its_invoice_was_ended_is_to_be_read_first(
    comparer: Comparer, status: str, ended: str
) -> None:
    world = comparer.world
    world.respec(invoices={"on_reopen": "void", "status": status})
    opportunity = comparer.invoiced("100")
    world.edit("Opportunity", opportunity, StageName="Prospecting")
    world.run()
    world.sleep(HOUR)
    world.edit("Opportunity", opportunity, StageName="Closed Won")

    assert [one.status for one in world.invoices] == [ended]
    assert explained(comparer) == ["not_read_yet"]

    world.run()
    world.sleep(HOUR)
    assert comparer.compare().stored == []


@pytest.mark.parametrize(("status", "kind"), [("AUTHORISED", "voided"), ("DRAFT", "deleted")])
def test_what_a_person_voided_is_issued_again_where_the_route_allows_it(
    comparer: Comparer, status: str, kind: str
) -> None:
    world = comparer.world
    world.respec(invoices={"status": status})
    opportunity = comparer.invoiced("100")
    first = world.link(opportunity, INVOICE)
    void_by_hand(world, opportunity)
    assert comparer.kinds() == [f"invoice_{kind}"]
    world.run()
    assert len(world.invoices) == 1
    world.respec(reconcile={"repair": {f"invoice_{kind}": "reissue"}})

    world.run()

    link = world.link(opportunity, INVOICE)
    assert link.target_number == f"{first.target_number}-R2"
    assert len(world.invoices) == 2
    # The difference stands open until the next comparison.
    world.sleep(HOUR)
    world.forget_calls()
    world.run()
    assert world.writes() == []
    assert comparer.kinds() == []


def test_what_a_person_voided_and_accepted_is_left_alone(comparer: Comparer) -> None:
    world = comparer.world
    opportunity = comparer.invoiced("100")
    void_by_hand(world, opportunity)
    (found,) = comparer.compare().open
    assert found.difference.kind is DifferenceKind.INVOICE_VOIDED
    store = world.ledger.differences
    assert store.accept([found.difference_id], actor="kim", reason="cancelled") == 1
    world.respec(reconcile={"repair": {"invoice_voided": "reissue"}})

    world.run()

    assert len(world.invoices) == 1


def test_a_change_that_the_sync_missed_is_issued_anew_by_the_routes_policy(
    comparer: Comparer,
) -> None:
    world = comparer.world
    world.respec(
        invoices={"on_change": "reissue"},
        reconcile={"repair": {"opportunity_changed": "resend"}},
    )
    opportunity = comparer.invoiced("100")
    tables = world.sandbox.org.records.tables
    before = tables["Opportunity"][opportunity]["SystemModstamp"]
    reprice(world, opportunity, "120")
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    tables["Opportunity"][opportunity]["SystemModstamp"] = before
    tables["OpportunityLineItem"][line["Id"]]["SystemModstamp"] = before
    world.sleep(HOUR)
    world.run()
    assert comparer.kinds() == ["opportunity_changed"]

    world.run()

    assert sorted(one.status for one in world.invoices) == ["AUTHORISED", "VOIDED"]
    assert comparer.kinds() == []
