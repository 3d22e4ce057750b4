from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sfxero.errors import SyncError
from sfxero.staging.manifest import Manifest, Staged, save
from sfxero.staging.writer import write_records

STAMP = pa.timestamp("us", tz="UTC")


class FakePage:
    """A page whose readings are scripted: bytes, or an error after some bytes."""

    def __init__(
        self, *readings: bytes | tuple[bytes, SyncError], count: int | None = None
    ) -> None:
        self._readings = list(readings)
        self.number_of_records = count
        self.reopened: list[SyncError] = []

    def chunks(self) -> Iterator[bytes]:
        reading = self._readings.pop(0)
        text, failure = reading if isinstance(reading, tuple) else (reading, None)
        for start in range(0, len(text), 7):
            yield text[start : start + 7]
        if failure is not None:
            raise failure

    def reopen(self, failure: SyncError) -> None:
        self.reopened.append(failure)
        if not self._readings:
            raise failure


@pytest.fixture
def schema() -> pa.Schema:
    return pa.schema(
        [
            ("Id", pa.string()),
            ("Name", pa.string()),
            ("Amount", pa.decimal128(38, 2)),
            ("Count", pa.int64()),
            ("IsWon", pa.bool_()),
            ("CloseDate", pa.date32()),
            ("SystemModstamp", STAMP),
        ]
    )


HEADER = '"Id","Name","Amount","Count","IsWon","CloseDate","SystemModstamp"\n'


def csv_row(
    record_id: str = "1",
    *,
    name: str = "A",
    amount: str = "1.0",
    count: str = "1",
    is_won: str = "true",
    close_on: str = "2026-01-31",
    stamp: str = "2026-01-31T02:03:04.000Z",
) -> str:
    values = (record_id, name, amount, count, is_won, close_on, stamp)
    return ",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n"


def csv_page(*rows: str, header: str = HEADER) -> bytes:
    return (header + "".join(rows)).encode()


@pytest.fixture
def page_of():
    """Build a page's bytes from keyword rows."""

    def build(*rows: dict[str, str]) -> bytes:
        return csv_page(*(csv_row(**row) for row in rows))

    return build


@pytest.fixture
def fake_page():
    return FakePage


@pytest.fixture
def stage_lines(tmp_path: Path) -> Any:
    """Stage rows of lines, each time in a folder of their own."""
    numbers = count()

    def stage(*rows: dict[str, Any], schema: pa.Schema) -> Staged:
        folder = tmp_path / str(next(numbers))
        written = write_records(rows, schema=schema, folder=folder)
        now = datetime(2026, 11, 1, tzinfo=UTC)
        manifest = Manifest(
            "demo", "run", "OpportunityLineItem", None, now, "66.0", None, "v1",
            written.files, written.row_count, now,
        )  # fmt: skip
        return save(manifest, folder)

    return stage
