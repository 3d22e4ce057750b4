"""A step turns to the ledger before anything else: without it, no service hears of us."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfxero.errors import ServiceUnavailable
from sfxero.orchestration import publishing, steps

ROOT = Path(__file__).parents[3]
RUN = {"route": "demo", "run_id": "r1", "tenant": "t", "windows": {"Account": 1}}
NOWHERE = "http://127.0.0.1:1"

pytestmark = pytest.mark.contract


@pytest.fixture(autouse=True)
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing can be reached, so the error tells who was asked first."""
    org = {"consumer_key": "k", "consumer_secret": "s", "instance_url": NOWHERE}
    for name, connection in (
        ("SFXERO_LEDGER", {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "schema": "x"}),
        ("XERO_DEMO", {"conn_type": "xero", "login": "i", "password": "s", "host": NOWHERE}),
        ("SALESFORCE_DEMO", {"conn_type": "salesforce", "extra": org}),
    ):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    monkeypatch.setenv("SFXERO_INCLUDE", str(ROOT / "include"))
    monkeypatch.setenv("SFXERO_STAGING", str(tmp_path))


STEPS: dict[str, Callable[[], Any]] = {
    "start": lambda: steps.start("demo", run_id="r1", full_refresh=False, actor="a"),
    "submit": lambda: steps.submit(RUN, "Account"),
    "wait": lambda: steps.wanted_readers(RUN, 1),
    "download": lambda: steps.download(RUN, 1, share=0, of=1),
    "complete": lambda: steps.complete(RUN),
    "publish": lambda: publishing.publish(RUN, "invoice", lane=0),
    "look": lambda: publishing.look("demo", run_id="r1", actor="a"),
}


@pytest.mark.parametrize("step", STEPS)
def test_without_the_ledger_each_step_fails_before_it_asks_a_service(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the last try, too: an outage of the ledger is never waited out in silence.
    monkeypatch.setattr("sfxero.orchestration.outages._is_last_try", lambda: True)

    with pytest.raises(ServiceUnavailable) as caught:
        STEPS[step]()

    assert caught.value.service == "ledger"
