"""A month of bookkeeping, with faults: after each sync Salesforce shows what Xero says."""

from random import Random

import pytest
from tests.contract.sync.bookkeeping import Bookkeeper, expected, shown
from tests.contract.sync.comparing import HOUR, Comparer
from tests.contract.sync.kit import World
from tests.contract.sync.mirroring import Mirror
from tests.contract.sync.showing import Showing

from sfxero.errors import SyncError
from sfxero.model.differences import DifferenceKind
from sfxero.model.states import ACTIVE, DISPOSITION_OF, WAITING
from sfxero.sync.draining import SHOWN

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

DEALS = 8
ACTIONS_A_DAY = 8
LISTS = "/api.xro/2.0/(Invoices|Payments|CreditNotes|Overpayments)$"
FAULTS = (
    {"kind": "error_before", "path": LISTS, "count": 4},
    {"kind": "truncated_json", "path": LISTS},
    {"kind": "force_429", "path": LISTS, "retry_after_s": 2},
    {"kind": "token_expired", "path": LISTS},
    {"kind": "lost_reply", "path": "/composite/sobjects"},
    {"kind": "error_after", "path": "/composite/sobjects", "status": 500},
    {"kind": "error_before", "path": "/composite/sobjects", "status": 503},
    {"kind": "row_locked", "path": "/composite/sobjects", "rows": 3, "count": 2},
    {
        "kind": "chunk_failed",
        "path": "/composite/sobjects",
        "code": "UNABLE_TO_LOCK_ROW",
        "count": 4,
    },
    {"kind": "token_expired", "path": "/composite/sobjects"},
)


class Month:
    """Thirty days of a bookkeeper's actions, each day with some syncs and some faults."""

    def __init__(self, world: World, *, seed: int, has_mirror: bool = False) -> None:
        self.showing = Showing(world)
        self.mirror = Mirror(self.showing) if has_mirror else None
        self.world = world
        self.random = Random(seed)  # noqa: S311 - a script, not a secret
        self.faults = 0
        account = [world.account(f"Customer {n}") for n in range(3)]
        today = world.books.today().isoformat()
        self.deals = [
            world.won(account[n % 3], f"{100 + n}.{n:02d}", "19.95", CloseDate=today)
            for n in range(DEALS)
        ]
        world.run()
        self.keeper = Bookkeeper(self.showing, self.deals, seed=seed)

    def sync(self) -> None:
        """One run that is repeated until it goes through, then the drain of what it left."""
        fault = self.random.choice((None, None, *FAULTS))
        if fault is not None:
            self.faults += 1
            self.world.fail(**fault)
        for _ in range(5):
            try:
                report = self.showing.run()
                break
            except SyncError:
                self.world.sleep(70)
        self.world.control("DELETE", "/fault")
        assert report.missing_count == 0
        assert report.dead_letters == ()
        live = {state for state in DISPOSITION_OF if state in WAITING | ACTIVE}
        for _ in range(20):
            if not live & set(self.world.states()):
                return
            self.world.sleep(61)
            for entity in SHOWN:
                self.showing.publish(entity)
        raise AssertionError("the outbox does not run dry")

    def differences(self) -> list[str]:
        today, found = self.world.books.today(), []
        for deal in self.deals:
            if self.mirror is not None:
                self.mirror.assert_right(self.showing.invoice_of(deal))
            wanted = expected(self.showing.invoice_of(deal), self.showing, today=today)
            told = shown(self.showing, deal)
            found += [
                f"{deal} {n}: {told[n]} not {wanted[n]}" for n in wanted if told[n] != wanted[n]
            ]
        return found


@pytest.mark.parametrize(
    ("seed", "days", "switches", "has_mirror"),
    [
        (7, 30, {}, False),
        (11, 10, {"deleted_payments_listed": False, "modified_since_inclusive": True}, True),
    ],
    ids=["as documented", "as some have seen it, mirrored"],
)
def test_after_each_sync_of_a_month_salesforce_shows_what_xero_says(
    world: World, seed: int, days: int, switches: dict[str, bool], has_mirror: bool
) -> None:
    before = world.control("GET", "/xero/switches")
    month = Month(world, seed=seed, has_mirror=has_mirror)
    world.switch(**switches)
    try:
        for day in range(days):
            for _ in range(ACTIONS_A_DAY):
                month.keeper.act()
                world.sleep(month.random.randint(0, 3600))
                if month.random.random() < 0.1:
                    month.sync()
                    assert month.differences() == [], f"seed {seed} day {day}"
            world.sleep(24 * 3600 - ACTIONS_A_DAY * 1800)
            month.sync()
            assert month.differences() == [], f"seed {seed} day {day}"
    finally:
        world.switch(**before)
    assert sum(month.keeper.done.values()) == days * ACTIONS_A_DAY
    assert len(month.keeper.done) >= 12
    assert month.faults > days // 2
    assert_named(Comparer(world))


def assert_named(comparer: Comparer) -> None:
    """After all that, the proof holds: what a hand did in Xero has a name, and nothing else has."""
    comparer.world.sleep(HOUR)
    outcome = comparer.compare()
    kinds = {one.difference.kind for one in outcome.open}
    assert kinds <= {DifferenceKind.INVOICE_VOIDED, DifferenceKind.EDITED_IN_XERO}, outcome.verdict
    assert outcome.proof.links == DEALS
    assert outcome.proof.sums.unexplained() == []
