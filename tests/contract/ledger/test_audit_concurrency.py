"""Real processes at once on one chain."""

from collections.abc import Iterator

import pytest
from tests.contract.ledger import audit_workers, workers
from tests.contract.ledger.auditing import events
from tests.contract.ledger.making import ROUTE, plan, wish

from sfxero.ledger import Ledger
from sfxero.model.audit import AuditKind

pytestmark = [pytest.mark.contract, pytest.mark.timeout(60)]

RECORDS = 140


@pytest.fixture(scope="module")
def crew() -> Iterator[workers.Crew]:
    crew = workers.Crew()
    yield crew
    crew.dismiss()


def test_four_processes_extend_one_chain_without_a_break(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    plan(ledger, *(wish(f"s{number}") for number in range(RECORDS)))
    requests = crew.all_do(audit_workers.write_all, url)
    report = ledger.audit.verify(ROUTE)
    assert report.is_valid
    assert report.events == 2 * RECORDS
    told = events(ledger)
    assert [event.seq for event in told] == list(range(1, 2 * RECORDS + 1))
    keys = {event.fields["idempotency_key"] for event in told}
    assert len(keys) == sum(requests)
    sent = [event.fields["source_id"] for event in told if event.fields["kind"] == AuditKind.SENT]
    assert sorted(map(str, sent)) == sorted(f"s{number}" for number in range(RECORDS))


def test_a_check_while_others_write_sees_one_moment(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    plan(ledger, *(wish(f"s{number}") for number in range(RECORDS)))
    assert crew.all_do(audit_workers.write_or_verify, url, 2 * RECORDS) == [True] * 4
