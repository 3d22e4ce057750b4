"""Three ways from the same rows to Parquet, each measured alone in a process of its own.

    python tests/benchmarks/extract_ways.py WAY FOLDER ADDRESS

Prints one line of JSON: seconds, processor seconds and peak memory, without the imports' time.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench_sandbox_stream import FIELDS

BLOCK_BYTES = 1 << 20
GROUP_ROWS = 64 * 1024
JOB_ID = "750000000000001AAA"
RUN_ID = "bench/run"


def peak_mib() -> float:
    """The most memory that this process ever held: the mark is not inherited, as rusage's is."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [each for each in status.splitlines() if each.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024, 1)


def limit(folder: Path, _address: str) -> Callable[[], int]:
    """The machine's own limit: a file on disk, types given, no network and no checks."""
    import pyarrow as pa
    import pyarrow.csv as pv
    import pyarrow.parquet as pq

    schema = pq.read_schema(folder / "schema.parquet")
    options = pv.ConvertOptions(
        column_types=schema,
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=[""],
        true_values=["true"],
        false_values=["false"],
    )

    def groups(reader: Any) -> Iterator[Any]:
        held: list[Any] = []
        for batch in reader:
            held.append(batch)
            if sum(each.num_rows for each in held) >= GROUP_ROWS:
                yield pa.Table.from_batches(held)
                held = []
        if held:
            yield pa.Table.from_batches(held)

    def work() -> int:
        rows = 0
        reader = pv.open_csv(
            folder / "all.csv",
            read_options=pv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pv.ParseOptions(newlines_in_values=True),
            convert_options=options,
        )
        with pq.ParquetWriter(folder / "limit.parquet", schema, compression="zstd") as writer:
            for group in groups(reader):
                writer.write_table(group)
                rows += group.num_rows
        return rows

    return work


def tutorial(folder: Path, address: str) -> Callable[[], int]:
    """What tutorials show: simple_salesforce's Bulk API 2.0 into pandas into Parquet."""
    import pandas as pd
    from simple_salesforce import Salesforce

    def work() -> int:
        salesforce = Salesforce(instance_url=address, session_id="t", version="66.0")
        soql = f"SELECT {', '.join(FIELDS)} FROM Opportunity"  # noqa: S608 - names of ours
        pages = salesforce.bulk2.Opportunity.query_all(soql, max_records=1_000_000, wait=0)
        frame = pd.concat([pd.read_csv(io.StringIO(page)) for page in pages])
        frame.to_parquet(folder / "tutorial.parquet")
        salesforce.session.close()
        return len(frame)

    return work


def ours(folder: Path, address: str, *, at_once: int = 2) -> Callable[[], int]:
    """This package: job to published manifest, each page a row of an SQLite ledger."""
    scope, client, window_id = _scope(folder, address)
    from sfxero.staging import arrow_schema, reader, writer  # noqa: F401 - not while time is taken
    from sfxero.sync import pages

    def work() -> int:
        with _without_account():
            pages.download_pages(scope, client, window_id, at_once=at_once)
        return scope.ledger.windows.get(window_id).row_count or 0

    return work


def note(folder: Path, address: str) -> Callable[[], int]:
    """What the run's own account adds: every record's id, read back and stored in the ledger."""
    from sfxero.model.states import Entity
    from sfxero.staging.manifest import load
    from sfxero.sync.staged import ids_in

    ours(folder, address)()
    scope, _, _ = _scope(folder, address)

    def work() -> int:
        count = 0
        for ids in ids_in(load(scope.folder("Opportunity"))):
            scope.ledger.runs.add_records(scope.run_id, Entity.OPPORTUNITY, ids)
            count += len(ids)
        return count

    return work


@contextmanager
def _without_account() -> Iterator[None]:
    """Leave out that the ids are read back: `note` measures that, with what it is for."""
    from sfxero.sync import staged

    before = staged.ids_in
    staged.ids_in = lambda _staged: ()
    try:
        yield
    finally:
        staged.ids_in = before


def _scope(folder: Path, address: str) -> Any:
    from sfxero.clock import SystemClock
    from sfxero.ledger import Ledger
    from sfxero.mapping.loader import load_route
    from sfxero.model.ids import RouteName, RunId, TenantId
    from sfxero.model.states import Entity
    from sfxero.salesforce.client import SalesforceClient
    from sfxero.sync.scope import Scope

    spec = load_route(Path(__file__).parents[2] / "include" / "mappings" / "demo.yaml")
    clock = SystemClock()
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    ledger.migrate()
    client = SalesforceClient(
        login_url=address, client_id="id", client_secret="secret", api_version="66.0"
    )
    window_id = ledger.windows.open(
        RunId(RUN_ID),
        RouteName("demo"),
        Entity.OPPORTUNITY,
        from_at=None,
        to_at=clock.now(),
        moves_watermark=True,
    )
    ledger.windows.attach_job(window_id, job_id=JOB_ID, api_version="66.0")
    scope = Scope(
        spec,
        RunId(RUN_ID),
        TenantId("bench"),
        ledger,
        root=folder / "staging",
        clock=clock,
        listed={"Opportunity": tuple(FIELDS)},
    )
    return scope, client, window_id


WAYS = {"limit": limit, "tutorial": tutorial, "ours": ours, "note": note}


def main(way: str, folder: str, address: str, at_once: str = "") -> None:
    """Prepare one way, then take its time."""
    options = {"at_once": int(at_once)} if at_once else {}
    work = WAYS[way](Path(folder), address, **options)
    before = peak_mib()
    busy, began = time.process_time(), time.perf_counter()
    rows = work()
    figures = {
        "rows": rows,
        "seconds": round(time.perf_counter() - began, 3),
        "cpu_s": round(time.process_time() - busy, 3),
        "peak_mib": peak_mib(),
        "imported_mib": before,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
