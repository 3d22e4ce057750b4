"""Ways from staged rows to what the outbox takes, each measured in a process of its own.

    python tests/benchmarks/prepare_ways.py WAY FOLDER [LEDGER]

Prints one line of JSON: seconds, processor seconds and peak memory, without the imports' time.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from extract_ways import peak_mib
from prepare_rows import RUN_ID

BATCH: Final = 50
SLICE_LINES: Final = 50_000
DEMO: Final = Path(__file__).parents[2] / "include" / "mappings" / "demo.yaml"
COLUMNS: Final = {
    "number_field": "Opportunity_Number__c",
    "quantity_field": "Quantity",
    "unit_amount_field": "UnitPrice",
}
Figures = dict[str, Any]


class Watch:
    """Takes the time of each stage of a way."""

    def __init__(self) -> None:
        self.figures: Figures = {}
        self._last = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        """Note what has passed since the last lap."""
        now = time.perf_counter(), time.process_time()
        passed, busy = (after - before for after, before in zip(now, self._last, strict=True))
        self.figures |= {f"{name}_s": round(passed, 3), f"{name}_cpu_s": round(busy, 3)}
        self._last = now


def bound(folder: Path, _ledger: str) -> Callable[[Watch], int]:
    """The plain lower bound: an Arrow array of line structs per invoice, rendered with orjson.

    It checks nothing and counts in binary floating point, which the product never may.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def read(name: str) -> Any:
        scope = _scope(folder)
        parts = sorted(scope.folder(name).glob("*.parquet"))
        return pa.concat_tables([pq.ParquetFile(part).read() for part in parts])

    def work(watch: Watch) -> int:
        lines, opportunities = read("OpportunityLineItem"), read("Opportunity")
        watch.lap("read")
        lines = lines.sort_by([("OpportunityId", "ascending"), ("Id", "ascending")])
        opportunities = opportunities.sort_by("Id")
        quantity, price, discount = (
            pc.cast(lines[name], pa.float64()).combine_chunks()
            for name in ("Quantity", "UnitPrice", "Discount")
        )
        share = pc.subtract(100.0, discount)
        amount = pc.round(pc.divide(pc.multiply(pc.multiply(quantity, price), share), 100.0), 2)
        tax = pc.round(pc.multiply(amount, 0.1), 2)
        text = pc.coalesce(lines["Description"], lines["Name"]).combine_chunks()
        count = lines.num_rows
        structs = pa.StructArray.from_arrays(
            [text, quantity, price, discount, pa.repeat("200", count),
             pa.repeat("OUTPUT", count), amount],
            ["Description", "Quantity", "UnitAmount", "DiscountRate", "AccountCode", "TaxType",
             "LineAmount"],
        )  # fmt: skip
        owner = pc.dictionary_encode(lines["OpportunityId"].combine_chunks()).indices.to_numpy()
        offsets = np.flatnonzero(np.diff(owner, prepend=-1, append=owner[-1] + 1))
        items = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)
        net = np.add.reduceat(amount.to_numpy(), offsets[:-1]).round(2)
        taxes = np.add.reduceat(tax.to_numpy(), offsets[:-1]).round(2)
        invoices = pa.table(
            {
                "InvoiceNumber": opportunities["Opportunity_Number__c"],
                "Reference": opportunities["Opportunity_Number__c"],
                "Date": pc.cast(opportunities["CloseDate"], pa.string()),
                "LineItems": items,
                "SubTotal": net,
                "TotalTax": taxes,
                "Total": (net + taxes).round(2),
            }
        )
        size = sum(map(len, _rendered(invoices)))
        watch.lap("build")
        watch.figures["body_mib"] = round(size / 2**20, 1)
        return count

    return work


def _rendered(invoices: Any) -> Iterator[bytes]:
    import orjson

    for start in range(0, invoices.num_rows, BATCH):
        yield orjson.dumps({"Invoices": invoices.slice(start, BATCH).to_pylist()})


def build(folder: Path, _ledger: str) -> Callable[[Watch], int]:
    """Ours: every rule of the demo route, exact money, to the bodies of batches."""
    from sfxero.mapping.transform import transform_invoices
    from sfxero.staging.reader import read_latest
    from sfxero.sync.bodies import render

    scope = _scope(folder)

    def work(watch: Watch) -> int:
        lines = read_latest(scope.staged("OpportunityLineItem"))
        opportunities = read_latest(scope.staged("Opportunity"))
        watch.lap("read")
        result = transform_invoices(
            opportunities,
            lines,
            scope.spec,
            organisation=_organisation(),
            instance_url="https://acme.my.salesforce.com",
        )
        watch.lap("transform")
        size = sum(len(render(batch)) for batch in _batches(result.documents))
        watch.lap("render")
        assert not result.findings, result.findings[:3]
        watch.figures["body_mib"] = round(size / 2**20, 1)
        for unit in ("s", "cpu_s"):
            stages = watch.figures[f"transform_{unit}"], watch.figures[f"render_{unit}"]
            watch.figures[f"build_{unit}"] = round(sum(stages), 3)
        return len(lines)

    return work


class Claimed(NamedTuple):
    """What rendering asks of an entry; claims make whole ones, from the ledger's rows."""

    entity: Any
    operation: Any
    payload: str
    parent_target_id: str
    sends: None = None


def _batches(documents: Iterable[Any]) -> Iterator[list[Any]]:
    """Documents as a claim would return their entries, in batches."""
    from sfxero.model.states import Entity, Operation

    contact = "11111111-2222-3333-4444-555555555555"
    entries = (Claimed(Entity.INVOICE, Operation.CREATE, one.payload, contact) for one in documents)
    while batch := list(islice(entries, BATCH)):
        yield batch


def check(folder: Path, _ledger: str) -> Callable[[Watch], int]:
    """Fifteen expectations over the staged lines, by way of the suite's file."""
    import great_expectations  # noqa: F401 - not while time is taken

    from sfxero.model.states import Entity
    from sfxero.quality.checks import check as check_staged
    from sfxero.quality.suites import load_suite
    from sfxero.staging.reader import read_latest_parts

    scope = _scope(folder)
    suite = load_suite(Path(__file__).parent / "prepare_suite.yaml", COLUMNS)
    assert len(suite.expectations) == 15

    def work(watch: Watch) -> int:
        staged = scope.staged("OpportunityLineItem")
        frames = read_latest_parts(staged, columns=suite.columns, rows=100_000)
        result = check_staged(frames, suite, entity=Entity.OPPORTUNITY_LINE)
        assert not result.broken, result.broken
        watch.figures["findings"] = len(result.findings)
        return staged[0].manifest.row_count

    return work


def prepare(folder: Path, ledger: str) -> Callable[[Watch], int]:
    """The whole of `prepare_invoices`: transform, plan and dispositions, in a ledger."""
    from sfxero.model.states import Entity
    from sfxero.sync import prepare as steps

    scope = _scope(folder, ledger)
    windows = scope.ledger.windows
    window_id = windows.open(
        scope.run_id,
        scope.route,
        Entity.OPPORTUNITY,
        from_at=None,
        to_at=scope.clock.now(),
        moves_watermark=True,
    )
    windows.mark_staged(window_id, manifest="staged before", row_count=0)

    def work(watch: Watch) -> int:
        counts = steps.prepare_invoices(
            scope, organisation=_organisation(), instance_url="https://acme.my.salesforce.com"
        )
        watch.lap("prepare")
        watch.figures["counts"] = counts
        return scope.staged("OpportunityLineItem")[0].manifest.row_count

    return work


def _organisation() -> Any:
    from sfxero.mapping.organisation import AccountFacts, OrganisationFacts

    return OrganisationFacts(
        base_currency="AUD",
        tax_rates={"OUTPUT": Decimal("10.0000"), "EXEMPTEXPORT": Decimal(0)},
        accounts={
            "200": AccountFacts("ACTIVE", "OUTPUT", "REVENUE"),
            "260": AccountFacts("ACTIVE", "OUTPUT", "REVENUE"),
        },
    )


def _scope(folder: Path, ledger: str = "") -> Any:
    from sfxero.clock import SystemClock
    from sfxero.ledger import Ledger
    from sfxero.mapping.loader import load_route
    from sfxero.model.ids import RunId, TenantId
    from sfxero.sync.scope import Scope

    opened: Any = Ledger(ledger) if ledger else None
    root: Any = folder / "staging"
    return Scope(
        load_route(DEMO), RunId(RUN_ID), TenantId("bench"), opened, root=root, clock=SystemClock()
    )


WAYS: Final[Mapping[str, Callable[[Path, str], Callable[[Watch], int]]]] = {
    "bound": bound,
    "build": build,
    "check": check,
    "prepare": prepare,
}


def main(way: str, folder: str, ledger: str = "") -> None:
    """Import for one way, then take its time."""
    work = WAYS[way](Path(folder), ledger)
    before = peak_mib()
    busy, began = time.process_time(), time.perf_counter()
    watch = Watch()
    rows = work(watch)
    figures = {
        "rows": rows,
        "seconds": round(time.perf_counter() - began, 3),
        "cpu_s": round(time.process_time() - busy, 3),
        "peak_mib": peak_mib(),
        "imported_mib": before,
        **watch.figures,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
