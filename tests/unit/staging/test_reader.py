from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pandas as pd
import pyarrow as pa
import pytest

from sfxero.errors import StagingError
from sfxero.staging.manifest import Manifest, Staged, save
from sfxero.staging.reader import read_frame, read_ids, read_latest, read_latest_parts
from sfxero.staging.writer import write_records

SCHEMA = pa.schema(
    [
        ("Id", pa.string()),
        ("Amount", pa.decimal128(38, 2)),
        ("SystemModstamp", pa.timestamp("us", tz="UTC")),
    ]
)


@pytest.fixture
def stage(tmp_path):
    numbers = count()

    def _stage(*rows: tuple, schema: pa.Schema = SCHEMA) -> Staged:
        folder = tmp_path / str(next(numbers))
        records = [dict(zip(schema.names, row, strict=True)) for row in rows]
        rows_written = write_records(records, schema=schema, folder=folder)
        now = datetime(2026, 11, 1, tzinfo=UTC)
        manifest = Manifest(
            "demo", "run", "Opportunity", None, now, "66.0", None, "v1",
            rows_written.files, rows_written.row_count, now,
        )  # fmt: skip
        return save(manifest, folder)

    return _stage


def _at(second: int) -> str:
    return f"2026-11-01T00:00:{second:02d}.000Z"


def test_newest_stamp_wins_whatever_the_order(stage):
    first = stage(("a", "2", _at(2)), ("b", "1", _at(1)), ("a", "1", _at(1)))
    second = stage(("b", "9", _at(0)), ("c", "3", _at(3)))
    frame = read_latest([first, second])
    assert list(zip(frame["Id"], frame["Amount"], strict=True)) == [
        ("a", Decimal("2.00")),
        ("b", Decimal("1.00")),
        ("c", Decimal("3.00")),
    ]


def test_of_equal_stamps_the_later_manifest_wins(stage):
    older, newer = stage(("a", "1", _at(1))), stage(("a", "2", _at(1)))
    assert read_latest([older, newer])["Amount"].tolist() == [Decimal("2.00")]
    assert read_latest([newer, older])["Amount"].tolist() == [Decimal("1.00")]


def test_row_without_stamp_yields_to_one_with_it(stage):
    assert read_latest([stage(("a", "1", _at(1)), ("a", "2", None))])["Amount"].tolist() == [
        Decimal("1.00")
    ]


def test_columns_stay_arrows_and_money_decimal(stage):
    frame = read_latest([stage(("a", "0.10", _at(1)))])
    assert frame.columns.tolist() == SCHEMA.names
    assert frame["Amount"].dtype == pd.ArrowDtype(pa.decimal128(38, 2))
    assert frame["SystemModstamp"].dtype == pd.ArrowDtype(pa.timestamp("us", tz="UTC"))


def test_extract_without_rows_reads_as_an_empty_frame(stage):
    frame = read_latest([stage(), stage()])
    assert (len(frame), frame.columns.tolist()) == (0, SCHEMA.names)


def test_rows_come_sorted_by_id_even_where_each_is_there_once(stage):
    frame = read_latest([stage(("b", "1", _at(1)), ("a", "2", _at(2)))])
    assert frame["Id"].tolist() == ["a", "b"]


def test_parts_hold_the_newest_versions_as_staged_in_some_columns(stage):
    first = stage(("a", "2", _at(2)), ("b", "1", _at(1)), ("a", "1", _at(1)))
    second = stage(("b", "9", _at(0)), ("c", "3", _at(3)))
    parts = list(read_latest_parts([first, second], columns=("Amount", "Id", "Gone__c"), rows=2))
    assert [one["Id"].tolist() for one in parts] == [["a", "b"], [], ["c"]]
    assert all(sorted(one.columns) == ["Amount", "Id"] for one in parts)


def test_parts_of_an_extract_without_rows_hold_none(stage):
    assert [len(one) for one in read_latest_parts([stage()], columns=("Id",), rows=2)] in ([], [0])


def test_frame_keeps_every_row_as_staged(stage):
    frame = read_frame([stage(("b", "1", None)), stage(("a", "2", None), ("b", "3", None))])
    assert frame["Id"].tolist() == ["b", "a", "b"]


def test_ids_come_in_lists_without_nulls(stage):
    staged = stage(*((str(n), None, None) for n in range(5)), (None, None, None))
    assert list(read_ids(staged, size=2)) == [["0", "1"], ["2", "3"], ["4"]]


def test_ids_of_a_column_that_was_not_staged_are_refused(stage):
    with pytest.raises(StagingError, match="AccountId"):
        list(read_ids(stage(("a", "1", None)), column="AccountId"))


def test_damaged_or_missing_part_is_refused(stage):
    staged = stage(("a", "1", _at(1)))
    part = staged.folder / staged.manifest.files[0].name
    part.write_bytes(part.read_bytes()[:-1] + b"X")
    with pytest.raises(StagingError, match="not the file"):
        read_frame([staged])
    part.unlink()
    with pytest.raises(StagingError, match="missing"):
        read_frame([staged])


def test_windows_with_different_columns_are_not_filled_up(stage):
    other = pa.schema([*SCHEMA, ("Extra__c", pa.string())])
    with pytest.raises(StagingError, match="differ"):
        read_latest([stage(("a", "1", _at(1))), stage(("a", "1", _at(1), "x"), schema=other)])


def test_reduction_needs_id_and_stamp(stage):
    bare = stage(("a",), schema=pa.schema([("Id", pa.string())]))
    with pytest.raises(StagingError, match="SystemModstamp"):
        read_latest([bare])


def test_nothing_to_read_is_an_error():
    with pytest.raises(StagingError):
        read_frame([])
