from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.model.differences import Difference, DifferenceKind
from sfxero.model.ids import RouteName, RunId

pytestmark = pytest.mark.contract

ROUTE = RouteName("demo")
ONE = Difference(
    kind=DifferenceKind.AMOUNT_EDITED,
    key="006A",
    field="amount",
    source_id="006A",
    target_id="x-1",
    number="SF-1",
    salesforce="100.00",
    ledger="100.00",
    xero="99.99",
    amount=Decimal("-0.0100"),
    currency="AUD",
    dated_on=date(2026, 3, 31),
)
OTHER = replace(ONE, key="006B", source_id="006B", dated_on=date(2026, 4, 1))


def store(ledger: Ledger, clock: FakeClock, number: int, found: Iterable[Difference]) -> int:
    clock.advance(86_400)
    return ledger.differences.store(RunId(f"run-{number}"), ROUTE, found)


def ages(ledger: Ledger) -> dict[str, int]:
    """How many days lie between first and last sighting, by record."""
    return {
        one.difference.key: (one.last_seen_at - one.first_seen_at).days
        for one in ledger.differences.listing(ROUTE)
    }


def test_a_difference_comes_back_as_it_was_found(ledger: Ledger, clock: FakeClock) -> None:
    store(ledger, clock, 1, [ONE])
    assert [one.difference for one in ledger.differences.listing(ROUTE)] == [ONE]


def test_a_difference_ages_until_it_is_not_found_any_more(ledger: Ledger, clock: FakeClock) -> None:
    store(ledger, clock, 1, [ONE])
    store(ledger, clock, 2, [ONE, OTHER])
    assert ages(ledger) == {"006A": 1, "006B": 0}
    assert store(ledger, clock, 3, [OTHER]) == 1
    assert ages(ledger) == {"006B": 1}


def test_one_that_comes_back_is_a_new_one(ledger: Ledger, clock: FakeClock) -> None:
    for number, found in enumerate(([ONE], [], [ONE], [ONE])):
        store(ledger, clock, number, found)
    assert ages(ledger) == {"006A": 1}


def test_the_newest_values_count(ledger: Ledger, clock: FakeClock) -> None:
    store(ledger, clock, 1, [ONE])
    newer = replace(ONE, xero="98.00", amount=Decimal("-2.0000"))
    store(ledger, clock, 2, [newer])
    assert [one.difference for one in ledger.differences.listing(ROUTE)] == [newer]


def test_a_run_over_a_period_resolves_only_what_is_dated_in_it(
    ledger: Ledger, clock: FakeClock
) -> None:
    store(ledger, clock, 1, [ONE, OTHER])
    april = (date(2026, 4, 1), date(2026, 4, 30))
    assert ledger.differences.store(RunId("april"), ROUTE, [], period=april) == 1
    assert list(ages(ledger)) == ["006A"]


def test_what_a_run_has_not_looked_for_stays_open(ledger: Ledger, clock: FakeClock) -> None:
    store(ledger, clock, 1, [ONE, OTHER])
    (one, _) = ledger.differences.listing(ROUTE)
    found = [one.difference_id]
    assert ledger.differences.store(RunId("part"), ROUTE, [], unseen=found) == 1
    assert list(ages(ledger)) == ["006A"]


def test_a_run_that_is_started_again_resolves_what_only_its_first_try_found(
    ledger: Ledger, clock: FakeClock
) -> None:
    store(ledger, clock, 1, [ONE, OTHER])
    assert store(ledger, clock, 1, [OTHER]) == 1
    assert list(ages(ledger)) == ["006B"]


def test_another_route_keeps_its_own(ledger: Ledger, clock: FakeClock) -> None:
    store(ledger, clock, 1, [ONE])
    ledger.differences.store(RunId("other"), RouteName("other"), [ONE])
    assert len(ledger.differences.listing(ROUTE)) == 1


def test_a_yes_holds_while_the_values_are_the_same(ledger: Ledger, clock: FakeClock) -> None:
    store(ledger, clock, 1, [ONE])
    (found,) = ledger.differences.listing(ROUTE)
    assert ledger.differences.accept([found.difference_id], actor="Ann", reason="agreed") == 1
    store(ledger, clock, 2, [ONE])
    (kept,) = ledger.differences.listing(ROUTE)
    assert (kept.accepted_by, kept.accepted_reason) == ("Ann", "agreed")
    store(ledger, clock, 3, [replace(ONE, amount=Decimal("-0.02"))])
    (other,) = ledger.differences.listing(ROUTE)
    assert other.accepted_at is None
    ledger.differences.accept([found.difference_id], actor="Ann", reason="agreed")
    store(ledger, clock, 4, [replace(ONE, amount=Decimal("-0.02"), xero="1.00")])
    (other,) = ledger.differences.listing(ROUTE)
    assert other.accepted_at is None


def test_a_yes_needs_a_reason_and_an_open_difference(ledger: Ledger, clock: FakeClock) -> None:
    store(ledger, clock, 1, [ONE])
    (found,) = ledger.differences.listing(ROUTE)
    with pytest.raises(LedgerError):
        ledger.differences.accept([found.difference_id], actor="Ann", reason=" ")
    store(ledger, clock, 2, [])
    assert ledger.differences.accept([found.difference_id], actor="Ann", reason="late") == 0


def test_what_may_be_sent_again_is_listed_once_by_opportunity(
    ledger: Ledger, clock: FakeClock
) -> None:
    twice = replace(ONE, field="Date")
    unowned = replace(ONE, key="x-9", source_id=None)
    store(ledger, clock, 1, [ONE, twice, OTHER, unowned])
    only = ledger.differences.listing(ROUTE)
    accepted = [one.difference_id for one in only if one.difference.key == "006B"]
    ledger.differences.accept(accepted, actor="Ann", reason="agreed")
    kinds = [DifferenceKind.AMOUNT_EDITED]
    assert ledger.differences.sources(ROUTE, kinds) == ["006A"]
    assert ledger.differences.sources(ROUTE, []) == []


def test_thousands_are_stored_in_short_transactions(ledger: Ledger, clock: FakeClock) -> None:
    many = [replace(ONE, key=f"006{n}") for n in range(2_500)]
    store(ledger, clock, 1, many)
    assert store(ledger, clock, 2, many[:1]) == 2_499
