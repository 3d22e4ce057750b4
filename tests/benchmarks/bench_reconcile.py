"""What a reconciliation of many links costs: calls, minutes at the real limits, memory, time.

    make bench-reconcile LINKS=100000

A process of its own holds the sandbox with that many won opportunities and invoices, and fills the
ledger (SQLite) with their links; another one reconciles over HTTP and is measured. The sandbox
has no limits here: the minutes are forecast from the calls at Xero's 60 a minute. Prints a table,
ends with one line of JSON and keeps it under `results/`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
PER_MINUTE = 60
PER_SECOND = 50
"""Invoices of one second: a batch a second is what Xero takes."""


def serve(folder: Path, links: int) -> None:
    """Fill a sandbox and a ledger with copies of one synced opportunity, and serve until told."""
    from tests.contract.sync.kit import World

    from sfxero.ledger import Ledger
    from sfxero.sandbox.server import SandboxSettings, build_sandbox, serving
    from sfxero.sandbox.xero.switches import Switches

    far = 10**9
    switches = Switches(minute_limit=far, day_limit=far, app_minute_limit=far, largest_list=10**9)
    sandbox = build_sandbox(SandboxSettings(switches=switches, clock_speed=0.0))
    url = f"sqlite:///{folder / 'ledger.db'}"
    with serving(sandbox) as address:
        with Ledger(url) as ledger:
            ledger.migrate()
        world = World(sandbox, address, folder, url)
        world.org_switch(job_delay_s=0)
        opportunity = world.won(world.account("Firm"), "100", "23.45")
        world.sleep(3600)
        world.run()
        _copy(world, opportunity, links)
        world.sleep(3600)
        world.forget_calls()
        say(json.dumps({"address": address, "now": world.clock.now().isoformat()}))
        sys.stdin.readline()
        world.close()


def _copy(world: Any, opportunity: str, links: int) -> None:
    """Make the rest of both systems and of the ledger as if it had been synced, too."""
    import sqlalchemy as sa

    from sfxero.ledger.tables import links as table
    from sfxero.model.states import Entity

    records = world.sandbox.org.records
    model, invoice = records.tables["Opportunity"][opportunity], world.invoices[0]
    with world.ledger._database.read() as conn:
        row = dict(
            conn.execute(sa.select(table).where(table.c.entity == Entity.INVOICE)).one()._mapping
        )
    rows = []
    for number in range(1, links):
        new_id = records.new_id("Opportunity")
        ours, theirs = f"OPP-{number + 900_000:06}", str(uuid.uuid4())
        closed_on = date(2025, 1, 1) + timedelta(days=number % 690)
        names = {
            opportunity: new_id,
            invoice.invoice_id: theirs,
            str(model["Opportunity_Number__c"]): ours,
            str(model["CloseDate"]): closed_on.isoformat(),
        }
        copied = {"Id": new_id, "Opportunity_Number__c": ours, "CloseDate": closed_on}
        records.tables["Opportunity"][new_id] = {**model, **copied}
        world.books.invoice_table.put(
            replace(
                invoice,
                invoice_id=theirs,
                number=f"SF-{ours}",
                reference=ours,
                url=_renamed(str(invoice.url), names),
                dated_on=closed_on,
                updated_at=invoice.updated_at + timedelta(seconds=number // PER_SECOND),
            )
        )
        rows.append(
            {
                **row,
                "source_id": new_id,
                "target_id": theirs,
                "target_number": f"SF-{ours}",
                "source_snapshot": _renamed(row["source_snapshot"], names),
                "target_snapshot": _renamed(row["target_snapshot"], names),
            }
        )
    with world.ledger._database.write() as conn:
        for start in range(0, len(rows), 5_000):
            conn.execute(sa.insert(table), rows[start : start + 5_000])


def _renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def reconcile(folder: Path, address: str, now: str) -> None:
    """Reconcile once in this process, and print what it took."""
    from datetime import datetime

    from tests.contract.sync.comparing import Comparer
    from tests.contract.sync.kit import World

    from sfxero.clock import FakeClock

    class Elsewhere:
        """As much of a sandbox as the kit asks of one that runs in another process."""

        clock = FakeClock(datetime.fromisoformat(now))
        xero = type("Xero", (), {"books": None})

    world = World(Elsewhere(), address, folder, f"sqlite:///{folder / 'ledger.db'}")  # type: ignore[arg-type]
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.monotonic(), time.process_time()
    outcome = Comparer(world).compare()
    figures = {
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "idle_mib": before_kib // 1024,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "links": outcome.proof.links,
        "open": len(outcome.open),
        "verdict": outcome.verdict,
    }
    world.close()
    say(json.dumps(figures))


def measure(links: int) -> dict[str, Any]:
    """Serve and reconcile in processes of their own."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, __file__, "--links", str(links), "--folder", name]
        with subprocess.Popen(
            [*command, "--role", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout
            assert server.stdin
            told = json.loads(server.stdout.readline())
            place = ["--address", told["address"], "--now", told["now"]]
            done = subprocess.run(
                [*command, "--role", "reconcile", *place], stdout=subprocess.PIPE, check=True
            )
            journal = httpx.get(f"{told['address']}/_sandbox/journal", timeout=60).json()
            server.stdin.write("\n")
            server.stdin.flush()
    calls = Counter(
        "xero" if "/api.xro/" in one["path"] else "salesforce"
        for one in journal
        if "/services/data" in one["path"] or "/api.xro/" in one["path"]
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {
        **figures,
        "xero_calls": calls["xero"],
        "xero_calls_per_10000": round(calls["xero"] * 10_000 / links, 1),
        "salesforce_calls": calls["salesforce"],
        "minutes_at_60_a_minute": round(calls["xero"] / PER_MINUTE, 1),
    }


def say(line: str) -> None:
    """Write a line at once: another process may wait for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure, show and keep."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--role", default="measure")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--address")
    parser.add_argument("--now")
    given = parser.parse_args()
    if given.role == "serve":
        serve(given.folder, given.links)
    elif given.role == "reconcile":
        reconcile(given.folder, given.address, given.now)
    else:
        figures = measure(given.links)
        for label, value in figures.items():
            say(f"{label:24} {value}")
        text = json.dumps(figures)
        (HERE / "results" / f"reconcile-{given.links}.json").write_text(text + "\n")
        say(text)
        if figures["open"] or figures["xero_calls_per_10000"] >= 60:
            sys.exit("not in step, or more than 60 calls for 10,000 links")


if __name__ == "__main__":
    main()
