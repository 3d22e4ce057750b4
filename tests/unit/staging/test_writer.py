import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfxero.errors import IncompleteExtract, ServiceUnavailable, StagingError
from sfxero.staging.layout import MANIFEST_NAME, folder_of, part_name
from sfxero.staging.writer import stage_page, sweep, write_records

NAME = part_name(0, token="w1")


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_page_becomes_a_typed_part_with_count_and_hash(tmp_path, schema, page_of, fake_page):
    page = fake_page(page_of({}, {"record_id": "2"}), count=2)
    part = stage_page(page, schema=schema, folder=tmp_path, name=NAME)
    content = (tmp_path / NAME).read_bytes()
    assert (part.name, part.rows, part.size_bytes) == (NAME, 2, len(content))
    assert part.sha256 == hashlib.sha256(content).hexdigest()
    parts = pq.ParquetFile(tmp_path / NAME)
    assert parts.schema_arrow == schema
    assert parts.metadata.row_group(0).column(0).compression == "ZSTD"
    assert _files(tmp_path) == [NAME]


@pytest.mark.parametrize("body", ["empty body", "header only"])
def test_page_without_rows_keeps_the_schema(tmp_path, schema, page_of, fake_page, body):
    text = {"empty body": b"", "header only": page_of()}[body]
    part = stage_page(fake_page(text, count=0), schema=schema, folder=tmp_path, name=NAME)
    assert part.rows == 0
    assert pq.read_schema(tmp_path / NAME) == schema


def test_the_same_page_becomes_the_same_bytes_whoever_writes_it(
    tmp_path, schema, page_of, fake_page
):
    text = page_of(*({"record_id": str(n)} for n in range(5_000)))
    parts = [
        stage_page(fake_page(text), schema=schema, folder=tmp_path, name=part_name(0, token=who))
        for who in ("w1", "w2")
    ]
    assert parts[0].sha256 == parts[1].sha256
    assert parts[0].name != parts[1].name


@pytest.mark.parametrize(
    "first_reading",
    ["cut with an error", "cut in silence", "a row short", "ends inside a value"],
)
def test_page_that_was_not_whole_is_read_again(tmp_path, schema, page_of, fake_page, first_reading):
    whole = page_of({}, {"record_id": "2"})
    short = {
        "cut with an error": (whole[:-20], ServiceUnavailable("cut")),
        "cut in silence": whole[: whole.rindex(b'"2"') + 3],
        "a row short": page_of({}),
        "ends inside a value": whole[:-4],
    }[first_reading]
    page = fake_page(short, whole, count=2)
    part = stage_page(page, schema=schema, folder=tmp_path, name=NAME)
    assert len(page.reopened) == 1
    assert part.rows == pq.read_table(tmp_path / NAME).num_rows == 2
    assert _files(tmp_path) == [NAME]


@pytest.mark.parametrize(("amount", "count", "error"), [("1.0", 2, IncompleteExtract),
                                                        ("x", 1, StagingError)])  # fmt: skip
def test_page_that_stays_wrong_fails_and_leaves_nothing(
    tmp_path, schema, page_of, fake_page, amount, count, error
):
    page = fake_page(page_of({"amount": amount}), count=count)
    with pytest.raises(error):
        stage_page(page, schema=schema, folder=tmp_path, name=NAME)
    assert _files(tmp_path) == []


def test_value_that_does_not_fit_is_named_after_a_second_reading(
    tmp_path, schema, page_of, fake_page
):
    text = page_of({}, {}, {"amount": "1.234"})
    page = fake_page(text, text)
    with pytest.raises(StagingError, match="column Amount, row 3:"):
        stage_page(page, schema=schema, folder=tmp_path, name=NAME)


def test_record_too_long_for_a_block_is_read_by_a_second_reading(
    tmp_path, schema, page_of, fake_page
):
    text = page_of({"name": "x" * 3_000_000}, {"record_id": "2"})
    page = fake_page(text, text, count=2)
    assert stage_page(page, schema=schema, folder=tmp_path, name=NAME).rows == 2
    assert len(page.reopened) == 1


def test_second_try_withdraws_the_manifest_before_it_replaces_the_part(tmp_path, schema):
    (tmp_path / MANIFEST_NAME).write_text("{}")
    with pytest.raises(StagingError):
        write_records([{"Amount": Decimal("0.001")}], schema=schema, folder=tmp_path)
    assert _files(tmp_path) == []


def test_parts_of_tries_that_came_to_nothing_are_swept(tmp_path, schema, fake_page, page_of):
    (tmp_path / MANIFEST_NAME).write_text("{}")
    for who in ("dead", "alive"):
        stage_page(
            fake_page(page_of({})), schema=schema, folder=tmp_path, name=part_name(0, token=who)
        )
    sweep(tmp_path, keep={part_name(0, token="alive")})
    assert _files(tmp_path) == [MANIFEST_NAME, part_name(0, token="alive")]


def test_ids_get_no_dictionary_and_repeated_values_do(tmp_path, schema):
    records = ({"Id": str(n), "Name": f"name {n % 7}"} for n in range(5_000))
    staged = write_records(records, schema=schema, folder=tmp_path)
    group = pq.read_metadata(tmp_path / staged.files[0].name).row_group(0)
    encodings = {
        group.column(place).path_in_schema: group.column(place).encodings for place in (0, 1)
    }
    assert "RLE_DICTIONARY" not in encodings["Id"]
    assert "RLE_DICTIONARY" in encodings["Name"]


def test_many_batches_share_row_groups(tmp_path, schema):
    records = ({"Id": str(n), "Amount": Decimal(n) / 4} for n in range(150_000))
    staged = write_records(records, schema=schema, folder=tmp_path)
    metadata = pq.read_metadata(tmp_path / staged.files[0].name)
    assert (metadata.num_rows, metadata.num_row_groups) == (150_000, 3)


def test_records_of_json_are_typed_as_csv_is(tmp_path, schema):
    record = {
        "Id": "1",
        "Name": "a\0b",
        "Amount": Decimal("8.0E+7"),
        "Count": 7,
        "IsWon": True,
        "CloseDate": "2026-01-31",
        "SystemModstamp": "2026-01-31T02:03:04.000+0000",
    }
    staged = write_records([record, {"Id": "2", "Name": ""}], schema=schema, folder=tmp_path)
    full, sparse = pq.read_table(tmp_path / staged.files[0].name).to_pylist()
    assert full["Name"] == "ab"
    assert full["Amount"] == Decimal("80000000.00")
    assert (full["Count"], full["IsWon"]) == (7, True)
    assert full["SystemModstamp"] == datetime(2026, 1, 31, 2, 3, 4, tzinfo=UTC)
    assert set(sparse.values()) == {"2", None}


def test_record_that_does_not_fit_is_named(tmp_path, schema):
    records = [{"Id": "1"}] * 2500 + [{"Amount": Decimal("0.001")}]
    with pytest.raises(StagingError, match="column Amount, row 2501:"):
        write_records(records, schema=schema, folder=tmp_path)
    assert _files(tmp_path) == []


def test_memory_does_not_grow_with_the_page(tmp_path, schema, page_of):
    class _Long:
        number_of_records = 400_000

        def chunks(self):
            block = page_of(*({"name": "x" * 40} for _ in range(1000)))
            head, rows = block.split(b"\n", 1)
            yield head + b"\n"
            for _ in range(400):
                yield rows

        def reopen(self, failure):
            raise failure

    before = pa.total_allocated_bytes()
    peak = 0

    class _Watching(_Long):
        def chunks(self):
            nonlocal peak
            for chunk in super().chunks():
                peak = max(peak, pa.total_allocated_bytes() - before)
                yield chunk

    part = stage_page(_Watching(), schema=schema, folder=tmp_path, name=NAME)
    assert part.rows == 400_000
    assert peak < 64 * 1024 * 1024


def test_folders_of_different_runs_never_coincide(tmp_path):
    runs = ["scheduled__2026-11-01T00:00:00+00:00", "scheduled__2026-11-01T00_00_00_00_00",
            "../../etc", "manual/1", "manual_1", ".."]  # fmt: skip
    folders = [folder_of(tmp_path, route="demo", run_id=run, object_name="Account") for run in runs]
    assert len(set(folders)) == len(runs)
    assert all(folder.resolve().is_relative_to(tmp_path / "demo") for folder in folders)
    assert all(folder.relative_to(tmp_path).parts[2:] == ("Account",) for folder in folders)
