"""Publishers are killed in the midst of it, again and again; each invoice is there exactly once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.publishers import (
    NO_LIMITS,
    UNLIMITED,
    Job,
    assert_exactly_once,
    fill,
    run_with_kills,
)
from tests.e2e.world import SandboxProcess, running_sandbox

from sfxero.clock import seeded_random
from sfxero.ledger import Ledger
from sfxero.model.ids import TenantId
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TENANT = TenantId(SANDBOX_TENANT_ID)
SEED = 20261101
INVOICES, KILLS = 600, 5


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    with running_sandbox(tmp_path, accounts=1, opportunities=0) as running:
        running.post("/xero/switches", write_latency_s=0.2, **NO_LIMITS)
        yield running


def test_five_killed_publishers_leave_every_invoice_there_once_to_the_cent(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger(url) as ledger:
        ledger.migrate()
        wanted = fill(ledger, TENANT, contacts=20, invoices=INVOICES, chance=seeded_random(SEED))
        job = Job(sandbox.url, url, TENANT, batch_size=10, lease_s=5.0, policy=UNLIMITED)
        killed = run_with_kills(job, sandbox, size=4, kills=KILLS, invoices=INVOICES, seed=SEED)
        assert killed == KILLS
        assert_exactly_once(sandbox, ledger, TENANT, wanted)
