from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.errors import IncompleteExtract, ServiceUnavailable, StagingError
from sfxero.staging.csv_reader import read_batches


def _rows(text: bytes, schema: pa.Schema, step: int = 5, *, is_careful: bool = False) -> list[dict]:
    chunks = (text[start : start + step] for start in range(0, len(text), step))
    batches = read_batches(chunks, schema, is_careful=is_careful)
    return [row for batch in batches for row in batch.to_pylist()]


CAREFULLY = pytest.mark.parametrize("is_careful", [False, True], ids=["fast", "careful"])


@CAREFULLY
def test_values_get_their_declared_types(schema, page_of, is_careful):
    text = page_of({"amount": "8.0E7", "count": "1.2E7", "is_won": "false", "name": 'say "hi"'})
    assert _rows(text, schema, is_careful=is_careful) == [
        {
            "Id": "1",
            "Name": 'say "hi"',
            "Amount": Decimal("80000000.00"),
            "Count": 12_000_000,
            "IsWon": False,
            "CloseDate": date(2026, 1, 31),
            "SystemModstamp": datetime(2026, 1, 31, 2, 3, 4, tzinfo=UTC),
        }
    ]


@pytest.mark.parametrize("stamp", ["2026-01-31T02:03:04.000Z", "2026-01-31T02:03:04.000+0000",
                                   "2026-01-31T12:03:04.000+10:00"])  # fmt: skip
@CAREFULLY
def test_moment_is_the_same_in_every_spelling(schema, page_of, stamp, is_careful):
    row = _rows(page_of({"stamp": stamp}), schema, is_careful=is_careful)[0]
    assert row["SystemModstamp"] == datetime(2026, 1, 31, 2, 3, 4, tzinfo=UTC)


@CAREFULLY
def test_empty_quotes_are_null_in_every_type(schema, page_of, is_careful):
    names = ("name", "amount", "count", "is_won", "close_on", "stamp")
    row = _rows(page_of(dict.fromkeys(names, "")), schema, is_careful=is_careful)[0]
    assert set(row.values()) == {"1", None}


@pytest.mark.parametrize("word", ["NULL", "NA", "N/A", "nan", "null", "#N/A", "0012", "1e5", " x "])
@CAREFULLY
def test_text_that_looks_like_something_else_stays_text(schema, page_of, word, is_careful):
    assert _rows(page_of({"name": word}), schema, is_careful=is_careful)[0]["Name"] == word


@pytest.mark.parametrize("value", ["12 High St\nLevel 3\r\nPerth", "a\u2028b\x0bc", "Zoë, 漢字 😀"])
@CAREFULLY
def test_breaks_and_accents_inside_values_survive(schema, page_of, value, is_careful):
    assert (
        _rows(page_of({"name": value}, {"record_id": "2"}), schema, step=1, is_careful=is_careful)[
            0
        ]["Name"]
        == value
    )


@CAREFULLY
def test_nul_bytes_are_dropped(schema, page_of, is_careful):
    assert _rows(page_of({"name": "a\0b"}), schema, is_careful=is_careful)[0]["Name"] == "ab"


@CAREFULLY
def test_lines_may_end_in_carriage_returns_or_not_at_all(schema, page_of, is_careful):
    text = page_of({}, {"record_id": "2"})
    assert len(_rows(text.replace(b"\n", b"\r\n"), schema, is_careful=is_careful)) == 2
    assert len(_rows(text.rstrip(b"\n"), schema, is_careful=is_careful)) == 2


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_page_without_rows_has_none_with_or_without_header(schema, page_of, ending):
    assert _rows(page_of().rstrip(b"\n") + ending, schema) == []
    assert _rows(ending, schema) == []


def test_value_of_the_longest_field_is_read_whole(schema, page_of):
    value = "x\n" * 65_536
    rows = _rows(page_of({"name": value}, {"record_id": "2"}), schema, step=16_384)
    assert [row["Name"] for row in rows] == [value, "A"]


@pytest.mark.parametrize(
    ("column", "row"),
    [
        ("Amount", {"amount": "1.234"}),
        ("Amount", {"amount": "NaN"}),
        ("Amount", {"amount": "Infinity"}),
        ("Amount", {"amount": "1,000"}),
        ("Amount", {"amount": "1e40"}),
        ("Count", {"count": "1.5"}),
        ("Count", {"count": "1e30"}),
        ("IsWon", {"is_won": "perhaps"}),
        ("CloseDate", {"close_on": "31/01/2026"}),
        ("CloseDate", {"close_on": "2026-02-30"}),
        ("SystemModstamp", {"stamp": "2026-01-31T02:03:04"}),
    ],
)
def test_value_that_does_not_fit_is_named_by_column_and_row(schema, page_of, column, row):
    text = page_of({}, {}, row, {}, row)
    with pytest.raises(StagingError, match=f"column {column}, row 3:") as caught:
        _rows(text, schema, is_careful=True)
    assert next(iter(row.values())) not in str(caught.value)
    with pytest.raises(StagingError) as caught:
        _rows(text, schema)
    assert next(iter(row.values())) not in str(caught.value)


def test_rows_are_numbered_over_the_whole_page(schema, page_of):
    good = {"name": "x" * 100_000}
    text = page_of(*[good] * 100, {"amount": "x"})
    with pytest.raises(StagingError, match="row 101:"):
        _rows(text, schema, step=1 << 20, is_careful=True)


@CAREFULLY
def test_zeros_beyond_the_scale_are_no_loss(schema, page_of, is_careful):
    assert _rows(page_of({"amount": "1.2300000"}), schema, is_careful=is_careful)[0][
        "Amount"
    ] == Decimal("1.23")


@CAREFULLY
def test_columns_are_taken_by_name(schema, page_of, is_careful):
    head, row = page_of({"name": "B"}).decode().splitlines()
    moved = "\n".join(",".join(reversed(line.split(","))) for line in (head, row)).encode()
    assert _rows(moved, schema, is_careful=is_careful) == _rows(
        page_of({"name": "B"}), schema, is_careful=is_careful
    )


@pytest.mark.parametrize(("old", "new"), [(b'"Amount"', b'"Cost"'), (b'"Amount"', b'"Id"')])
def test_header_with_other_columns_is_refused(schema, page_of, old, new):
    with pytest.raises(StagingError, match="Amount"):
        _rows(page_of({}).replace(old, new), schema)


@CAREFULLY
def test_page_is_refused_wherever_it_is_cut_inside_its_last_row(schema, page_of, is_careful):
    text = page_of({}, {"record_id": "2"})
    last_row = text.rindex(b'"2"')
    for end in range(last_row + 1, len(text) - 1):
        with pytest.raises((IncompleteExtract, StagingError)):
            _rows(text[:end], schema, is_careful=is_careful)


def test_bytes_that_are_no_text_are_refused(schema, page_of):
    with pytest.raises(IncompleteExtract):
        _rows(page_of({}).replace(b'"A"', b'"\xff"'), schema)


def test_failure_of_the_source_arrives_as_it_was(schema, page_of):
    def chunks():
        yield page_of({})
        raise ServiceUnavailable("cut")

    with pytest.raises(ServiceUnavailable, match="cut"):
        list(read_batches(chunks(), schema))


def test_rows_are_not_quoted_in_a_parse_error(schema, page_of):
    with pytest.raises(IncompleteExtract) as caught:
        _rows(page_of({}) + b'"secret name","x"\n', schema)
    assert "secret name" not in str(caught.value)


@given(
    values=st.lists(st.decimals(min_value=-(10**15), max_value=10**15, places=2), max_size=20),
    step=st.integers(1, 50),
)
def test_any_amount_survives_in_any_spelling(values, step):
    schema = pa.schema([("A", pa.decimal128(38, 2)), ("B", pa.decimal128(38, 2))])
    lines = "".join(f'"{value:f}","{value:E}"\n' for value in values)
    text = ('"A","B"\n' + lines).encode()
    for is_careful in (False, True):
        rows = _rows(text, schema, step=step, is_careful=is_careful)
        assert rows == [{"A": value, "B": value} for value in values]
