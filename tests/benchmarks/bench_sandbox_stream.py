"""How fast Bulk result pages of a large object leave the sandbox, read over a socket.

    PYTHONPATH=plugins .venv/bin/python tests/benchmarks/bench_sandbox_stream.py --rows 1000000

Prints a table and ends with one line of JSON. The server is a process of its own; the reader takes
bytes off the socket and looks at nothing but their number, so that the sandbox alone is measured.
On a busy machine look at the rate per second of the server's own processor time.
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import time
from statistics import median

import psutil

FIELDS = (
    "Id", "AccountId", "Name", "Description", "StageName", "Amount", "Probability",
    "ExpectedRevenue", "CloseDate", "Type", "NextStep", "IsClosed", "IsWon", "Pricebook2Id",
    "HasOpportunityLineItem", "OwnerId", "IsDeleted", "CreatedDate", "CreatedById",
    "LastModifiedDate", "LastModifiedById", "SystemModstamp", "Opportunity_Number__c",
    "Xero_Invoice_Id__c", "Xero_Invoice_Status__c", "Xero_Amount_Due__c",
)  # fmt: skip
ROOT = "/services/data/v66.0"
READ_BYTES = 1 << 20
MEGABYTE = 1_000_000


class Org:
    """The sandbox as one client sees it."""

    def __init__(self, address: str) -> None:
        self._http = http.client.HTTPConnection(address.removeprefix("http://"), timeout=600)
        form = "grant_type=client_credentials&client_id=sandbox-sf-client"
        form += "&client_secret=sandbox-sf-secret"
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = self._reply("POST", "/services/oauth2/token", form, head)
        self._head = {"Authorization": f"Bearer {reply['access_token']}"}

    def _reply(self, method: str, path: str, body: str | None, head: dict[str, str]) -> dict:
        self._http.request(method, path, body, head)
        response = self._http.getresponse()
        text = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:200]!r}")
        return json.loads(text)

    def call(self, method: str, path: str, body: object = None) -> dict:
        head = self._head | {"Content-Type": "application/json"}
        return self._reply(method, path, None if body is None else json.dumps(body), head)

    def finished_job(self) -> str:
        soql = " ".join(("SELECT", ", ".join(FIELDS), "FROM Opportunity"))
        job = self.call("POST", f"{ROOT}/jobs/query", {"operation": "queryAll", "query": soql})
        path = f"{ROOT}/jobs/query/{job['id']}"
        while self.call("GET", path)["state"] != "JobComplete":
            time.sleep(0.01)
        return path

    def read_pages(self, job_path: str) -> tuple[int, int, int]:
        """Return pages, rows and bytes of a job's results."""
        pages = rows = size = 0
        path = f"{job_path}/results"
        while path:
            self._http.request("GET", path, headers=self._head)
            response = self._http.getresponse()
            pages += 1
            rows += int(response.headers["Sforce-NumberOfRecords"])
            while part := response.read(READ_BYTES):
                size += len(part)
            locator = response.headers["Sforce-Locator"]
            path = "" if locator == "null" else f"{job_path}/results?locator={locator}"
        return pages, rows, size


def measure(
    org: Org, server: psutil.Process, *, rows: int, page_cap: int, repeats: int
) -> dict[str, object]:
    org.call("POST", "/_sandbox/salesforce/switches", {"job_delay_s": 0, "page_cap": page_cap})
    started = time.perf_counter()
    org.call("POST", "/_sandbox/salesforce/seed_big", {"rows": rows})
    seed_s = time.perf_counter() - started
    rates: list[float] = []
    busy_rates: list[float] = []
    for _ in range(repeats):
        job_path = org.finished_job()
        before = sum(server.cpu_times()[:2])
        started = time.perf_counter()
        pages, read, size = org.read_pages(job_path)
        rates.append(size / MEGABYTE / (time.perf_counter() - started))
        busy_rates.append(size / MEGABYTE / (sum(server.cpu_times()[:2]) - before))
    return {
        "rows": read, "columns": len(FIELDS), "pages": pages, "page_cap": page_cap,
        "megabytes": round(size / MEGABYTE, 1), "seed_s": round(seed_s, 3),
        "mb_per_s": [round(rate, 1) for rate in rates],
        "median_mb_per_s": round(median(rates), 1),
        "median_mb_per_server_cpu_s": round(median(busy_rates), 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--page-cap", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    command = [sys.executable, "-m", "sfxero.sandbox.server", "--port", "0"]
    command += ["--accounts", "300", "--opportunities", "0"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
            start_s = time.perf_counter() - started
            org = Org(found.group() if found else "")
            process = psutil.Process(server.pid)
            figures = measure(
                org, process, rows=given.rows, page_cap=given.page_cap, repeats=given.repeats
            )
            rss = process.memory_info().rss
        finally:
            server.terminate()
    figures |= {"start_s": round(start_s, 2), "server_rss_mb": round(rss / MEGABYTE)}
    for name, value in figures.items():
        sys.stdout.write(f"{name:18} {value}\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
