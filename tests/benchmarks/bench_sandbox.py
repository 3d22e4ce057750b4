"""What the sandbox costs: start, memory of 100,000 invoices, calls, and rows per second.

    PYTHONPATH=plugins .venv/bin/python tests/benchmarks/bench_sandbox.py

Prints a table with the goals and ends with one line of JSON. Each figure comes from a process of
its own. The goals hold for the default sizes on a machine that has nothing else to do.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import httpx
import psutil

HERE = Path(__file__).parent
MEBIBYTE = 1 << 20
CREDENTIALS = ("sandbox-xero-client", "sandbox-xero-secret")
GOALS = {
    "start_to_ready_s": ("below", 2),
    "process_mib": ("below", 1024),
    "stream_mb_per_s": ("at least", 100),
}
SERVER = (sys.executable, "-m", "sfxero.sandbox.server", "--port", "0")


def started(*arguments: str) -> tuple[float, "subprocess.Popen[str]", str]:
    """Start a server; returns the seconds until it answered, its process and its address."""
    began = time.perf_counter()
    server = subprocess.Popen([*SERVER, *arguments], stdout=subprocess.PIPE, text=True)
    found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
    if found is None:
        raise RuntimeError("the sandbox did not start")
    httpx.get(f"{found.group()}/_sandbox/health").raise_for_status()
    return time.perf_counter() - began, server, found.group()


def start_seconds(repeats: int) -> dict[str, float]:
    """From the command to the first answer, with the default rows."""
    taken = []
    for _ in range(repeats):
        seconds, server, _ = started()
        taken.append(seconds)
        server.terminate()
        server.wait()
    return {"start_to_ready_s": round(median(taken), 2)}


def memory(invoices: int) -> dict[str, float]:
    """Fill a sandbox in this process, as a bookkeeper would type the invoices."""
    from sfxero.sandbox.server import build_sandbox

    sandbox = build_sandbox()
    hands, process = sandbox.xero.hands, psutil.Process()
    before, began = process.memory_info().rss, time.perf_counter()
    contacts = [hands.write_contact({"Name": f"Customer {n}"}) for n in range(invoices // 10 or 1)]
    for place in range(invoices):
        lines = [
            {
                "Description": f"Work item {line} of invoice {place}",
                "Quantity": Decimal(line),
                "UnitAmount": Decimal("125.50"),
                "AccountCode": "200",
            }
            for line in (1, 2, 3)
        ]
        hands.write_invoice(
            {
                "Type": "ACCREC",
                "Status": "AUTHORISED",
                "InvoiceNumber": f"SF-{place}",
                "Reference": f"006Sb{place:010d}",
                "Contact": {"ContactID": contacts[place % len(contacts)].contact_id},
                "Date": "2026-11-20",
                "DueDate": "2026-12-20",
                "LineItems": lines,
            }
        )
    after = process.memory_info().rss
    return {
        "invoices": invoices,
        "process_mib": round(after / MEBIBYTE),
        "of_them_invoices_mib": round((after - before) / MEBIBYTE),
        "fill_s": round(time.perf_counter() - began, 1),
    }


def calls_per_second(seconds: float) -> dict[str, float]:
    """One client, one connection: how often it can read the organisation."""
    _, server, address = started("--accounts", "0", "--opportunities", "0")
    with httpx.Client(base_url=address) as client:
        form = {"grant_type": "client_credentials"}
        token = client.post("/connect/token", data=form, auth=CREDENTIALS).json()["access_token"]
        client.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        limits = {"minute_limit": 10**9, "day_limit": 10**9, "app_minute_limit": 10**9}
        client.post("/_sandbox/xero/switches", json=limits).raise_for_status()
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            client.get("/api.xro/2.0/Organisation").raise_for_status()
            count += 1
        rate = count / (time.perf_counter() - began)
    server.terminate()
    server.wait()
    return {"calls_per_s": round(rate)}


def streaming(rows: int) -> dict[str, float]:
    """The rate of Bulk result pages, measured by the script beside this one."""
    command = [sys.executable, str(HERE / "bench_sandbox_stream.py"), "--rows", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    return {"stream_rows": figures["rows"], "stream_mb_per_s": figures["median_mb_per_s"]}


def judged(name: str, value: float) -> str:
    """Say what a figure should be, and whether it is."""
    if name not in GOALS:
        return ""
    side, goal = GOALS[name]
    is_met = value < goal if side == "below" else value >= goal
    return f"goal: {side} {goal:,}, {'met' if is_met else 'MISSED'}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--invoices", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    figures: dict[str, float] = {"cores": psutil.cpu_count() or 0}
    figures |= start_seconds(given.repeats)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        figures |= process.submit(memory, given.invoices).result()
    figures |= calls_per_second(3.0)
    figures |= streaming(given.rows)
    for name, value in figures.items():
        sys.stdout.write(f"{name:24} {value:>12,}   {judged(name, value)}\n".rstrip() + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
