import itertools
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from tests.contract.ledger import workers
from tests.contract.ledger.limit_workers import raise_alerts

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.alert_tables import alerts
from sfxero.model.alerts import AlertKind

pytestmark = [pytest.mark.contract, pytest.mark.timeout(60)]

SUBJECT = "xero/tenant-1"


@pytest.fixture(scope="module")
def crew() -> Iterator[workers.Crew]:
    crew = workers.Crew()
    yield crew
    crew.dismiss()


def _raise(ledger: Ledger, kind: AlertKind = AlertKind.OUTAGE, subject: str = SUBJECT) -> bool:
    return ledger.alerts.raise_(kind, subject, message="Xero is down", hint="Wait.")


def test_an_alert_is_new_once_and_counts_what_follows(ledger: Ledger, clock: FakeClock) -> None:
    opened_at = clock.now()
    assert _raise(ledger)
    clock.advance(60)
    assert not _raise(ledger)

    (alert,) = ledger.alerts.list()
    assert (alert.kind, alert.subject, alert.times_seen) == (AlertKind.OUTAGE, SUBJECT, 2)
    assert (alert.message, alert.hint, alert.closed_at) == ("Xero is down", "Wait.", None)
    assert (alert.opened_at, alert.last_seen_at) == (opened_at, clock.now())


def test_a_worker_whose_clock_is_behind_does_not_move_the_last_sighting_back(
    ledger: Ledger, clock: FakeClock
) -> None:
    _raise(ledger)
    last_seen_at = clock.now()
    clock.advance(-30)
    _raise(ledger)
    assert ledger.alerts.list()[0].last_seen_at == last_seen_at


def test_each_kind_and_each_subject_has_an_alert_of_its_own(ledger: Ledger) -> None:
    assert _raise(ledger)
    assert _raise(ledger, AlertKind.DAY_LIMIT)
    assert _raise(ledger, subject="xero/tenant-2")
    assert len(ledger.alerts.list()) == 3


def test_a_closed_alert_is_kept_and_the_next_one_is_new(ledger: Ledger, clock: FakeClock) -> None:
    _raise(ledger)
    clock.advance(60)
    assert ledger.alerts.close(AlertKind.OUTAGE, SUBJECT)
    assert ledger.alerts.list() == []
    closed_at = clock.now()
    clock.advance(60)
    assert _raise(ledger)
    newest, first = ledger.alerts.list(with_closed=True)
    assert (newest.closed_at, first.closed_at) == (None, closed_at)


def test_closing_what_is_not_open_says_so(ledger: Ledger) -> None:
    assert not ledger.alerts.close(AlertKind.OUTAGE, SUBJECT)
    _raise(ledger)
    ledger.alerts.close(AlertKind.OUTAGE, SUBJECT)
    assert not ledger.alerts.close(AlertKind.OUTAGE, SUBJECT)


def test_the_database_itself_refuses_a_second_open_alert(ledger: Ledger) -> None:
    _raise(ledger)
    with ledger._database.read() as conn:
        row = dict(conn.execute(sa.select(alerts)).one()._mapping)
    with pytest.raises(LedgerError), ledger._database.write() as conn:
        conn.execute(sa.insert(alerts).values({**row, "alert_id": 99}))


def test_processes_that_meet_one_trouble_leave_one_alert_with_every_sighting_counted(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    answers = crew.all_do(raise_alerts, url, 25)
    assert sum(itertools.chain(*answers)) == 1
    (alert,) = ledger.alerts.list()
    assert alert.times_seen == 100
