"""What an older reading says is not stored any more once a newer one has begun."""

from datetime import timedelta

import pytest
from tests.contract.ledger.making import (
    ROUTE,
    RUN,
    START,
    plan,
    states,
    wish,
    withdraw,
)

from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.model.findings import Finding
from sfxero.model.ids import RunId, SourceId
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

LATER = RunId("run-2")
ACCOUNT = Entity.ACCOUNT
FINDING = Finding(ACCOUNT, SourceId("s1"), "name_missing", "Name", None, "Name it.")


@pytest.fixture
def superseded(ledger: Ledger) -> Ledger:
    """Two runs have drawn their windows, and only the later one still counts."""
    plan(ledger, wish())
    ledger.quarantine.put(RUN, ROUTE, [FINDING])
    for run_id, to_at in ((RUN, START), (LATER, START + timedelta(hours=1))):
        ledger.windows.open(run_id, ROUTE, ACCOUNT, from_at=None, to_at=to_at, moves_watermark=True)
    assert ledger.windows.supersede_unprepared(ROUTE, before_run=LATER) == 1
    return ledger


def test_an_older_reading_plans_nothing_any_more(superseded: Ledger) -> None:
    with pytest.raises(LedgerError, match="later run"):
        plan(superseded, wish("s2"))

    assert list(superseded.outbox.plan(LATER, [wish("s3")]))


def test_an_older_reading_takes_back_nothing_any_more(superseded: Ledger) -> None:
    before = states(superseded)

    with pytest.raises(LedgerError, match="later run"):
        withdraw(superseded, "s1")

    assert states(superseded) == before
    assert withdraw(superseded, "s1", run_id=LATER) == 1


def test_an_older_reading_neither_fills_nor_empties_the_quarantine(superseded: Ledger) -> None:
    quarantine = superseded.quarantine

    with pytest.raises(LedgerError, match="later run"):
        quarantine.put(RUN, ROUTE, [FINDING])
    with pytest.raises(LedgerError, match="later run"):
        quarantine.clear(RUN, ROUTE, ACCOUNT, [FINDING.source_id])
    assert quarantine.open_ids(ROUTE, ACCOUNT) == [FINDING.source_id]

    assert quarantine.clear(LATER, ROUTE, ACCOUNT, [FINDING.source_id]) == 1
