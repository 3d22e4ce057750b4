"""How many entries a second go through the outbox, by real processes on SQLite and PostgreSQL.

    PYTHONPATH=plugins .venv/bin/python tests/benchmarks/bench_outbox.py

Prints a table, keeps the figures under `results/` and ends with one line of JSON. Each row is the
median of the rounds; rows of all sizes take turns, so that they share the machine's moods. What
drivers do at their fastest with the same rows, in transactions of the same size, stands beside.
"""

import argparse
import itertools
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import orjson
import stores

from sfxero.ledger import Ledger
from sfxero.ledger.engine import CHUNK
from sfxero.model.ids import RouteName, RunId, SourceId, TargetId, TenantId
from sfxero.model.outbox import PlannedEntry, Settlement, SourceVersion
from sfxero.model.states import Entity, Operation

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult

TENANT = TenantId("3f2a1c9e-7c55-4d5e-9f3e-1f2d3c4b5a69")
ROUTE, RUN = RouteName("bench"), RunId("bench/manual")
START = datetime(2026, 11, 1, tzinfo=UTC)
BATCH = 50
LEASE_S = 600.0
CALLS = ("claim", "attempt", "settle")


def invoice(number: int, contacts: int) -> PlannedEntry:
    """A wish of the size that a usual invoice has: two lines, 0.6 kB."""
    source = f"006Sb{number:010d}AAA"
    line = {"Quantity": "1.0000", "UnitAmount": "125.50", "AccountCode": "200"}
    payload = orjson.dumps({
        "Type": "ACCREC", "InvoiceNumber": f"SF-{number}", "Reference": f"REF-{number}",
        "Date": "2026-11-20", "DueDate": "2026-12-04", "LineAmountTypes": "Exclusive",
        "Status": "AUTHORISED", "CurrencyCode": "AUD", "Url": f"https://org.example/{source}/view",
        "LineItems": [
            {"Description": f"Work item {place} of {number}", **line, "TaxType": "OUTPUT",
             "LineAmount": "125.50"} for place in (1, 2)
        ],
        "SubTotal": "251.00", "TotalTax": "25.10", "Total": "276.10",
    }).decode()  # fmt: skip
    return _wish(Entity.INVOICE, source, payload, parent=f"001Sb{number % contacts:010d}AAA")


def contact(number: int) -> PlannedEntry:
    source = f"001Sb{number:010d}AAA"
    return _wish(Entity.CONTACT, source, f'{{"Name":"Firm {number}"}}', parent=None)


def _wish(entity: Entity, source: str, payload: str, *, parent: str | None) -> PlannedEntry:
    return PlannedEntry(
        route=ROUTE,
        tenant=TENANT,
        entity=entity,
        source_id=SourceId(source),
        payload=payload,
        content_hash=sha256(payload.encode()).hexdigest(),
        version=SourceVersion(stamp_at=START, read_at=START),
        mapping_version="1f0e9d8c7b6a5948",
        parent_entity=Entity.CONTACT if parent else None,
        parent_source_id=SourceId(parent) if parent else None,
        meta={"number": source},
    )


@dataclass(frozen=True, slots=True)
class Work:
    """What one process did: how many entries, from when to when, and how long its calls took."""

    count: int
    began: float
    ended: float
    calls: dict[str, list[float]]


class Crew:
    """Processes, started and warm, that begin each piece of work at the same moment."""

    def __init__(self, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.size = size
        self._pool = context.Pool(size, _join, (context.Barrier(size),))

    def do(self, work: Any, url: str, *arguments: int) -> "AsyncResult[list[Work]]":
        tasks = [(work, url, number, self.size, *arguments) for number in range(self.size)]
        return self._pool.starmap_async(_start_together, tasks, chunksize=1)

    def dismiss(self) -> None:
        self._pool.terminate()
        self._pool.join()


_barriers: list[Barrier] = []


def _join(barrier: Barrier) -> None:
    _barriers.append(barrier)


def _start_together(work: Any, *arguments: Any) -> Work:
    return work(*arguments, _barriers[0])


def plan(url: str, number: int, size: int, count: int, start: Barrier) -> Work:
    """Plan one's share of new invoices; the calls are the transactions."""
    wishes = [invoice(one, contacts=count // 10) for one in range(number, count, size)]
    with Ledger(url) as ledger:
        ledger.outbox.has_due(TENANT, Entity.INVOICE, now=START)
        start.wait()
        began = last = time.monotonic()
        taken = []
        for place, _ in enumerate(ledger.outbox.plan(RUN, wishes)):
            if place % CHUNK == 0:  # the first answer of a chunk comes when it is committed
                now = time.monotonic()
                taken.append(now - last)
            last = time.monotonic()
        return Work(len(wishes), began, time.monotonic(), {"plan": taken})


def waits_beside(url: str, planning: "AsyncResult[Any]") -> list[float]:
    """Make a short write now and then, as every call to a target does; returns their times."""
    waits = []
    with Ledger(url) as ledger:
        while not planning.ready():
            before = time.monotonic()
            ledger.outbox.renew([0], owner="nobody", lease_s=LEASE_S)
            waits.append(time.monotonic() - before)
            time.sleep(0.02)
    return waits[1:]  # the first one connects


def drain(url: str, number: int, size: int, start: Barrier) -> Work:
    """Do what a lane does between its calls to the target, until nothing is due."""
    owner = f"{RUN}/invoice/{number}"
    calls: dict[str, list[float]] = {name: [] for name in CALLS}
    count = 0
    with Ledger(url) as ledger:
        ledger.outbox.has_due(TENANT, Entity.INVOICE, now=START)
        start.wait()
        began = time.monotonic()
        while done := _batch(ledger, owner, Entity.INVOICE, calls):
            count += done
        return Work(count, began, time.monotonic(), calls)


def _batch(ledger: Ledger, owner: str, entity: Entity, calls: dict[str, list[float]]) -> int:
    outbox = ledger.outbox
    moments = [time.monotonic()]
    outbox.expire_leases(TENANT)
    outbox.claim_in_doubt(TENANT, owner=owner, limit=BATCH, lease_s=LEASE_S)
    outbox.has_due(TENANT, entity, now=datetime.now(UTC))
    claimed = outbox.claim(TENANT, entity, owner=owner, limit=BATCH, lease_s=LEASE_S)
    moments.append(time.monotonic())
    if not claimed:
        return 0
    attempt_id = outbox.store_attempt(
        [entry.entry_id for entry in claimed],
        owner=owner,
        operation=Operation.CREATE,
        body_hash="0" * 64,
        idempotency_key=f"{owner}/{claimed[0].entry_id}",
        deadline_at=datetime.now(UTC) + timedelta(minutes=1),
    )
    outbox.finish_attempt(attempt_id, outcome="answered", status=200)
    moments.append(time.monotonic())
    said = [
        Settlement(entry.entry_id, TargetId(f"x-{entry.source_id}"), None, entry.payload)
        for entry in claimed
    ]
    if outbox.settle(said, owner=owner) != len(claimed):
        raise RuntimeError("an entry was claimed twice")
    moments.append(time.monotonic())
    for name, (before, after) in zip(CALLS, itertools.pairwise(moments), strict=True):
        calls[name].append(after - before)
    return len(claimed)


def link_contacts(url: str, count: int) -> None:
    """Let the invoices' parents be there."""
    calls: dict[str, list[float]] = {name: [] for name in CALLS}
    with Ledger(url) as ledger:
        for _ in ledger.outbox.plan(RUN, map(contact, range(count))):
            pass
        while _batch(ledger, f"{RUN}/contact/0", Entity.CONTACT, calls):
            pass


def reference(url: str, other: str) -> float:
    """Rows per second that the driver alone carries from one ledger's outbox to another's."""
    source, target = stores.raw(url), stores.raw(other)
    cursor = source.execute("SELECT * FROM entries")
    names = [column[0] for column in cursor.description]
    types = [column[1] for column in cursor.description]
    rows = cursor.fetchall()
    began = time.monotonic()
    for place in range(0, len(rows), CHUNK):
        chunk = rows[place : place + CHUNK]
        if stores.is_sqlite(other):
            marks = ",".join("?" * len(names))
            target.executemany(f"INSERT INTO entries VALUES ({marks})", chunk)  # noqa: S608 - marks
        else:
            _copy(target, names, types, chunk)
        target.commit()
    rate = len(rows) / (time.monotonic() - began)
    source.close()
    target.close()
    return rate


def _copy(target: Any, names: list[str], types: list[int], rows: Iterable[Any]) -> None:
    statement = f"COPY entries ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
    with target.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def one_round(server: str | None, crew: Crew, count: int, folder: Path) -> dict[str, float]:
    """Take `count` invoices from wish to link."""
    with stores.fresh(server, folder) as url:
        link_contacts(url, count // 10)
        planning = crew.do(plan, url, count)
        waits = waits_beside(url, planning)
        planned = planning.get()
        with stores.fresh(server, folder) as other:
            plain = reference(url, other)
        drained = crew.do(drain, url).get()
    if sum(work.count for work in drained) != count:
        raise RuntimeError("not every entry came through")
    figures = {
        "plan_per_s": _rate(planned),
        "plain_per_s": plain,
        "plan_longest_ms": max(_of(planned, "plan")) * 1000,
        "wait_longest_ms": max(waits) * 1000,
        "drain_per_s": _rate(drained),
        "through_per_s": 1 / (1 / _rate(planned) + 1 / _rate(drained)),
    }
    for name in CALLS:
        figures[f"{name}_ms"] = median(_of(drained, name)) * 1000
        figures[f"{name}_p95_ms"] = quantiles(_of(drained, name), n=20)[-1] * 1000
    return figures


def _rate(works: list[Work]) -> float:
    wall_s = max(work.ended for work in works) - min(work.began for work in works)
    return sum(work.count for work in works) / wall_s


def _of(works: list[Work], name: str) -> list[float]:
    return [one for work in works for one in work.calls[name]]


def measured(given: argparse.Namespace, server: str | None) -> Iterator[dict[str, Any]]:
    """Yield a row for each store and number of processes."""
    servers = {"sqlite": None} | ({"postgres": server} if server else {})
    rounds: dict[tuple[str, int], list[dict[str, float]]] = {}
    crews = {size: Crew(size) for size in given.workers}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.rounds):
            for (store, address), size in itertools.product(servers.items(), given.workers):
                taken = one_round(address, crews[size], given.entries, Path(folder))
                rounds.setdefault((store, size), []).append(taken)
    for crew in crews.values():
        crew.dismiss()
    for (store, size), taken in rounds.items():
        row = {name: round(median(one[name] for one in taken), 1) for name in taken[0]}
        ratios = (one["plan_per_s"] / one["plain_per_s"] for one in taken)
        yield {"store": store, "workers": size, **row, "plan_to_plain": round(median(ratios), 2)}


COLUMNS = {
    "store": "store",
    "workers": "workers",
    "plan_per_s": "plan/s",
    "plain_per_s": "driver/s",
    "plan_to_plain": "ratio",
    "plan_longest_ms": "longest ms",
    "wait_longest_ms": "beside ms",
    "drain_per_s": "drain/s",
    "through_per_s": "through/s",
    "claim_ms": "claim ms",
    "claim_p95_ms": "p95",
    "attempt_ms": "attempt ms",
    "settle_ms": "settle ms",
    "settle_p95_ms": "p95",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    server = stores.postgres()
    rows = list(measured(given, server))
    sys.stdout.write("".join(f"{title:>11}" for title in COLUMNS.values()) + "\n")
    for row in rows:
        sys.stdout.write("".join(f"{row[name]:>11}" for name in COLUMNS) + "\n")
    figures = {"entries": given.entries, "rounds": given.rounds, **stores.surroundings(server)}
    sys.stdout.write(stores.keep("outbox", {**figures, "rows": rows}) + "\n")


if __name__ == "__main__":
    main()
