"""A staged run of made-up sales: accounts, won opportunities and their lines, in no order."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sfxero.mapping.spec import RouteSpec
from sfxero.staging.layout import folder_of, part_name
from sfxero.staging.manifest import Manifest, StagedFile, save

RUN_ID: Final = "bench/run"
PART_ROWS: Final = 100_000
LINES_EACH: Final = 4
"""On the average: from one to seven."""
ACCOUNTS: Final = 20_000
FAMILIES: Final = ("Hardware", "Software", "Services", "Freight", "Export")
STAMP: Final = datetime(2026, 11, 1, tzinfo=UTC)


def stage(root: Path, spec: RouteSpec, *, lines: int) -> None:
    """Write what a run of the demo route would have staged; all of it can be invoiced."""
    chance = np.random.default_rng(6)
    opportunities = lines // LINES_EACH
    each = np.resize(np.arange(1, 2 * LINES_EACH), opportunities)
    each[-1] += lines - each.sum()
    owners = np.repeat(np.arange(opportunities), each)
    tables = {
        "Account": _accounts(),
        "OpportunityLineItem": _lines(owners, chance),
    }
    amounts = np.bincount(owners, weights=_cents(np.arange(lines))).astype(np.int64)
    tables["Opportunity"] = _opportunities(amounts)
    for name, table in tables.items():
        shuffled = table.take(pa.array(chance.permutation(len(table))))
        _publish(root, spec, name, shuffled)


def _ids(prefix: str, numbers: np.ndarray) -> pa.Array:
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), 12, "0")
    return pc.binary_join_element_wise(prefix, digits, "AAA", "")


def _common(prefix: str, count: int) -> dict[str, pa.Array]:
    return {
        "Id": _ids(prefix, np.arange(count)),
        "IsDeleted": pa.repeat(False, count),
        "SystemModstamp": pa.repeat(pa.scalar(STAMP, pa.timestamp("us", "UTC")), count),
    }


def _chosen(values: tuple[str, ...], numbers: np.ndarray) -> pa.Array:
    return pa.array(values).take(pa.array(numbers % len(values)))


def _accounts() -> pa.Table:
    numbers = np.arange(ACCOUNTS)
    text = pc.cast(pa.array(numbers), pa.string())
    empty = pa.nulls(ACCOUNTS, pa.string())
    return pa.table(
        {
            **_common("001", ACCOUNTS),
            "Name": pc.binary_join_element_wise("Firm", text, " "),
            "AccountNumber": pc.binary_join_element_wise("A", text, "-"),
            "ABN__c": pa.repeat("51 824 753 556", ACCOUNTS),
            "BillingStreet": pc.binary_join_element_wise(text, "Long Road\nLevel 2", " "),
            "BillingCity": _chosen(("Sydney", "Perth", "Hobart"), numbers),
            "BillingState": _chosen(("NSW", "WA", "TAS"), numbers),
            "BillingPostalCode": pa.repeat("2000", ACCOUNTS),
            "BillingCountry": pa.repeat("Australia", ACCOUNTS),
            "MasterRecordId": empty,
        }
    )


def _opportunities(amounts: np.ndarray) -> pa.Table:
    count = len(amounts)
    numbers = np.arange(count)
    return pa.table(
        {
            **_common("006", count),
            "AccountId": _ids("001", numbers % ACCOUNTS),
            "Amount": _decimals(amounts, 2),
            "CloseDate": pa.array(
                [date(2026, 1, 1) + timedelta(days=day) for day in range(300)], pa.date32()
            ).take(pa.array(numbers % 300)),
            "IsWon": pa.repeat(True, count),
            "Opportunity_Number__c": pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), 7, "0"),
            "StageName": pa.repeat("Closed Won", count),
        }
    )


def _cents(numbers: np.ndarray) -> np.ndarray:
    """What a line of the bench comes to: its quantity by its price, less its discount."""
    return _quantities(numbers) * _prices(numbers) * (100 - _discounts(numbers)) // 100


def _quantities(numbers: np.ndarray) -> np.ndarray:
    return numbers % 9 + 1


def _prices(numbers: np.ndarray) -> np.ndarray:
    """In cents, whole hundreds of them, so that a discount leaves whole cents."""
    return (numbers * 37 % 5_000 + 1) * 100


def _discounts(numbers: np.ndarray) -> np.ndarray:
    return np.where(numbers % 5 == 0, 10, 0)


def _decimals(values: np.ndarray, scale: int) -> pa.Array:
    whole = pc.cast(pa.array(values), pa.decimal128(19, 0))
    unit = pa.scalar(Decimal(1).scaleb(-scale), pa.decimal128(scale + 1, scale))
    return pc.cast(pc.multiply(whole, unit), pa.decimal128(38, scale))


def _lines(owners: np.ndarray, chance: np.random.Generator) -> pa.Table:
    count = len(owners)
    numbers = np.arange(count)
    described = pc.binary_join_element_wise(
        "Product", pc.cast(pa.array(numbers % 3_000), pa.string()), "of the catalogue", " "
    )
    has_own = pa.array(chance.random(count) < 0.7)
    return pa.table(
        {
            **_common("00k", count),
            "OpportunityId": _ids("006", owners),
            "Description": pc.if_else(has_own, described, pa.scalar(None, pa.string())),
            "Name": described,
            "Product2.Family": _chosen(FAMILIES, numbers),
            "Quantity": _decimals(_quantities(numbers) * 100, 2),
            "UnitPrice": _decimals(_prices(numbers), 2),
            "Discount": _decimals(_discounts(numbers) * 100, 2),
        }
    )


def _publish(root: Path, spec: RouteSpec, name: str, table: pa.Table) -> None:
    folder = folder_of(root, route=spec.route, run_id=RUN_ID, object_name=name)
    folder.mkdir(parents=True)
    save(
        Manifest(
            route=spec.route,
            run_id=RUN_ID,
            object_name=name,
            window_from_at=None,
            window_to_at=STAMP,
            api_version="66.0",
            job_id=None,
            mapping_version=spec.mapping_version,
            files=tuple(_parts(folder, table)),
            row_count=len(table),
            staged_at=STAMP,
        ),
        folder,
    )


def _parts(folder: Any, table: pa.Table) -> Iterator[StagedFile]:
    for number, start in enumerate(range(0, len(table), PART_ROWS)):
        part = table.slice(start, PART_ROWS)
        path = folder / part_name(number)
        pq.write_table(part, path, compression="zstd")
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        yield StagedFile(path.name, len(part), len(content), digest)
