"""Numbers with more decimals than their field: staged as shown, and exact beside it."""

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfxero.errors import StagingError
from sfxero.model.finer import FINER
from sfxero.staging.arrow_schema import with_finer
from sfxero.staging.comparing import differences
from sfxero.staging.csv_reader import read_batches
from sfxero.staging.layout import part_name
from sfxero.staging.reader import read_latest, read_latest_parts, read_table
from sfxero.staging.writer import Parsing, stage_page

STAMP = pa.timestamp("us", tz="UTC")
NAME = part_name(0, token="w")
NARROW = pa.schema(
    [
        ("Id", pa.string()),
        ("SystemModstamp", STAMP),
        ("IsDeleted", pa.bool_()),
        ("Quantity", pa.decimal128(38, 2)),
        ("Price", pa.decimal128(38, 4)),
        ("Count", pa.int64()),
    ]
)
WIDE = with_finer(NARROW)


def page_of(*numbers: tuple[str, str]) -> bytes:
    lines = [
        f'"{place}","2026-11-01T00:00:00.000Z","false","{quantity}","{price}","2.0"'
        for place, (quantity, price) in enumerate(numbers)
    ]
    head = ",".join(f'"{name}"' for name in NARROW.names)
    return "\n".join([head, *lines, ""]).encode()


def exact(text: str | None) -> dict[str, Decimal]:
    pieces = [one.partition("=") for one in (text or "").split(";") if one]
    return {name: Decimal(number) for name, _, number in pieces}


@pytest.fixture
def stage(stage_lines: Any) -> Any:
    return partial(stage_lines, schema=WIDE)


def row(record_id: str = "00k00000000000AAAA", second: int = 1, **values: Any) -> dict[str, Any]:
    stamp = f"2026-11-01T00:00:{second:02d}.000Z"
    known = {"Id": record_id, "SystemModstamp": stamp, "IsDeleted": False, "Count": 2}
    return {**known, "Quantity": "1.00", "Price": "1.0000"} | values


@pytest.mark.parametrize("way", ["is_wide", "is_careful"])
@pytest.mark.parametrize(
    ("given", "shown", "finer"),
    [
        ("33.333", "33.33", "33.333"),
        ("-33.335", "-33.34", "-33.335"),
        ("1.0E-4", "0.00", "0.0001"),
        ("1.2345678901E7", "12345678.90", "12345678.901"),
        ("33.333333333333336", "33.33", "33.333333333333336"),
        ("123456789012345678.125", "123456789012345678.13", "123456789012345678.125"),
        ("8.0E7", "80000000.00", None),
        ("", None, None),
    ],
)
def test_a_finer_number_is_staged_as_shown_with_the_exact_one_beside_it(
    way: str, given: str, shown: str | None, finer: str | None
) -> None:
    page = page_of(("1.00", "2.5"), (given, "1.00005"))

    (batch,) = read_batches([page], WIDE, **{way: True})

    assert batch.schema.equals(WIDE)
    plain, found = batch.to_pylist()
    assert plain[FINER] is None
    assert (found["Quantity"], found["Price"]) == (shown and Decimal(shown), Decimal("1.0001"))
    wanted = {"Price": Decimal("1.00005")} | ({"Quantity": Decimal(finer)} if finer else {})
    assert exact(found[FINER]) == wanted


@pytest.mark.parametrize(
    ("given", "kept"),
    [("3.3333333333333335E-5", "0.000033333333333334"), ("1.0E-300", "0.000000000000000001")],
)
def test_what_is_finer_than_any_field_stays_too_fine_and_is_never_nothing(
    given: str, kept: str
) -> None:
    (batch,) = read_batches([page_of((given, "1.0"))], WIDE, is_careful=True)

    assert exact(batch.to_pylist()[0][FINER]) == {"Quantity": Decimal(kept)}


@pytest.mark.parametrize("given", ["x", "NaN", "1.0E30"])
def test_what_is_no_number_is_still_named_by_its_place(given: str) -> None:
    page = page_of(("1.0", "1.0"), (given, "1.0"))

    with pytest.raises(StagingError, match="column Quantity, row 2"):
        list(read_batches([page], WIDE, is_careful=True))


def test_a_page_without_finer_numbers_is_read_once_and_the_fast_way(
    tmp_path: Path, fake_page: Any
) -> None:
    page, parsing = fake_page(page_of(("1.0", "1.0"))), Parsing()

    stage_page(page, schema=WIDE, folder=tmp_path, name=NAME, parsing=parsing)

    assert (page.reopened, parsing.is_wide) == ([], False)
    assert pq.read_table(tmp_path / NAME)[FINER].null_count == 1


def test_one_page_of_a_job_is_read_twice_and_those_that_follow_once(
    tmp_path: Path, fake_page: Any
) -> None:
    text, parsing = page_of(("33.333", "1.0")), Parsing()
    first, second = fake_page(text, text), fake_page(text)
    for page in (first, second):
        stage_page(page, schema=WIDE, folder=tmp_path, name=NAME, parsing=parsing)

    assert (len(first.reopened), second.reopened) == (1, [])


def test_files_of_before_there_was_the_column_are_read_beside_new_ones(stage: Any) -> None:
    old = stage(row(Quantity="1.00"), schema=NARROW)
    new = stage(row("00k00000000000BAAA", Quantity="33.333"), schema=WIDE)

    for staged in ([old, new], [new, old]):
        table = read_table(staged)
        assert table.schema.equals(WIDE)
        assert None in table[FINER].to_pylist()
    frame = read_latest([old, new])
    assert frame["Quantity"].tolist() == [Decimal("1.00"), Decimal("33.33")]


def test_a_listing_finds_nothing_new_in_what_was_read_as_it_is(stage: Any) -> None:
    rows = [row(Quantity="33.333"), row("00k00000000000BAAA", Price="1.00005")]
    plain = row("00k00000000000CAAA")

    assert len(differences(stage(*rows, plain), [stage(*rows), stage(plain, schema=NARROW)])) == 0


@pytest.mark.parametrize(
    ("before", "now"), [("33.33", "33.333"), ("33.333", "33.33"), ("33.333", "33.334")]
)
def test_a_listing_finds_what_changed_in_decimals_that_its_field_does_not_show(
    stage: Any, before: str, now: str
) -> None:
    fine = {"Quantity": now, "Price": "1.00005"}
    other = row("00k00000000000BAAA", **fine)
    known = [stage(row(Quantity=before, Price="1.00005"), other)]

    found = differences(stage(row(**fine), other), known)

    assert found.changed == [row()["Id"]]


@pytest.mark.parametrize("narrow", ["33.33", "33.34"])
def test_what_was_read_before_there_was_the_column_is_what_it_shows(
    stage: Any, narrow: str
) -> None:
    known = [stage(row(Quantity=narrow), schema=NARROW)]

    found = differences(stage(row(Quantity="33.33")), known)

    assert len(found) == (narrow != "33.33")


def test_suites_look_at_numbers_as_exact_as_they_are(stage: Any) -> None:
    staged = stage(row(Quantity="0.004"), row("00k00000000000BAAA", Quantity="2"))

    (frame,) = read_latest_parts([staged], columns=("Id", "Quantity"), rows=10)

    assert frame["Quantity"].tolist() == [Decimal("0.004"), Decimal(2)]
    assert list(frame.columns) == ["Id", "Quantity"]


def test_a_schema_without_numbers_has_no_such_column() -> None:
    plain = pa.schema([("Id", pa.string())])
    assert with_finer(plain) == plain
