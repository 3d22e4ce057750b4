"""A lane that may not call ends deferred; what it leaves behind goes on, oldest first."""

import pytest
from tests.contract.sync.kit import ACCOUNT, OPPORTUNITY, TENANT, World, contact_wish, invoice_wish

from sfxero.model.states import Entity
from sfxero.ratelimit.circuit import CircuitKey, CircuitPolicy
from sfxero.xero.accounting import Accounting

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE
KEY = CircuitKey("xero", TENANT)
OUTAGE_S = 20.0
"""Over before the first probe, so that what follows shows who asks first."""


@pytest.fixture
def accounting(world: World) -> Accounting:
    return world.new_accounting(is_limited=True, has_circuit=True)


def open_circuit(world: World) -> None:
    """Let other workers have found Xero down."""
    for _ in range(5):
        world.ledger.circuits.failed(KEY, probe=None, policy=CircuitPolicy())


def test_a_lane_that_finds_the_circuit_open_sends_nothing_and_says_why(
    world: World, accounting: Accounting
) -> None:
    world.plan(contact_wish())
    open_circuit(world)

    report = world.publish(target=accounting)

    assert (report.is_deferred, world.states(), world.calls()) == (True, ["pending"], [])
    assert "could not be reached" in str(report.deferred_by)


def test_entries_in_doubt_stay_in_doubt_while_the_circuit_is_open(
    world: World, accounting: Accounting
) -> None:
    world.plan(contact_wish())
    world.claim()
    world.sleep(61)
    open_circuit(world)

    assert world.publish(target=accounting).is_deferred

    assert (world.states(), world.calls()) == (["in_doubt"], [])


def test_a_service_that_goes_away_in_the_middle_leaves_its_entries_to_a_look_up(
    world: World, accounting: Accounting
) -> None:
    world.plan(contact_wish())
    world.fail("lost_reply", "/Contacts", method="PUT")
    world.fail("outage", "^/api.xro", after_s=0.5, for_s=OUTAGE_S)

    first = world.publish(target=accounting)
    states = world.states()
    world.sleep(60)
    world.forget_calls()
    second = world.publish(target=accounting)

    assert (first.is_deferred, states) == (True, ["in_doubt"])
    assert (world.calls(), second.found) == (["GET Contacts"], 1)
    assert len(world.contacts) == 1


def test_when_it_is_back_doubts_come_first_and_then_the_oldest(
    world: World, accounting: Accounting
) -> None:
    sources = [f"00100000000000{number}AAA" for number in range(1, 6)]
    world.plan(*(contact_wish(one, name=f"Customer {one}") for one in sources))
    world.claim()  # and its worker dies
    world.sleep(61)
    late = [f"0010000000001{number}0AAA" for number in range(3)]
    world.plan(*(contact_wish(one, name=f"Customer {one}") for one in late))
    open_circuit(world)
    world.sleep(30)

    world.publish(target=accounting, batch_size=3)

    assert world.calls()[:2] == ["GET Contacts", "GET Contacts"]
    assert [one.number for one in world.contacts] == [*sources, *late]
    assert world.ledger.alerts.list() == []


def test_an_edit_that_gets_the_probe_may_read_before_it_writes(
    world: World, accounting: Accounting
) -> None:
    world.plan(contact_wish(), invoice_wish())
    world.publish()
    world.publish(INVOICE)
    world.plan(invoice_wish(age=1, Reference="new"))
    open_circuit(world)
    world.sleep(30)

    report = world.publish(INVOICE, target=accounting)

    assert (report.is_deferred, report.updated) == (False, 1)
    assert world.link(OPPORTUNITY, INVOICE) is not None
    assert world.ledger.circuits.look(KEY).openings == 0


def test_only_one_of_many_lanes_asks_whether_it_is_back(world: World) -> None:
    world.plan(contact_wish(ACCOUNT))
    open_circuit(world)
    world.sleep(30)
    world.fail("outage", "^/api.xro", for_s=300)

    lanes = [world.new_accounting(is_limited=True, has_circuit=True) for _ in range(4)]
    reports = [world.publish(target=one, owner=f"w{n}") for n, one in enumerate(lanes)]

    assert [report.is_deferred for report in reports] == [True] * 4
    assert world.calls() == ["PUT Contacts"]
    (alert,) = world.ledger.alerts.list(with_closed=True)
    assert alert.times_seen == 2


def test_no_permit_is_left_over_after_a_lane(world: World, accounting: Accounting) -> None:
    world.plan(contact_wish(), invoice_wish())
    world.publish(target=accounting)
    world.publish(INVOICE, target=accounting)

    taken = [world.ledger.permits.take(TENANT, limit=5, lease_s=60) for _ in range(5)]
    assert None not in taken
