from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import quote

import pytest

from sfxero.errors import ConfigurationError, UnexpectedResponse
from sfxero.salesforce.soql import fits_rest, id_chunks, literal, select, window_where


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("8.0E7"), "80000000"),
        (Decimal("0.10"), "0.10"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 2, 3, 4, tzinfo=UTC), "2026-01-31T02:03:04Z"),
        (
            datetime(2026, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=10))),
            "2026-01-31T02:00:00Z",
        ),
        (datetime(2026, 1, 31, 2, 3, 4, 567_999, tzinfo=UTC), "2026-01-31T02:03:04.567Z"),
        ("O'Brien", r"'O\'Brien'"),
        ("a\\' OR Id != '", r"'a\\\' OR Id != \''"),
        ("two\nlines", r"'two\nlines'"),
    ],
)
def test_literal_is_written_as_soql_wants_it(value, written):
    assert literal(value) == written


def test_moment_without_zone_is_refused():
    with pytest.raises(ConfigurationError):
        literal(datetime(2026, 1, 31))  # noqa: DTZ001 - the point of the test


def test_select_names_each_field_once():
    soql = select("Opportunity", ["Id", "Account.Name", "Id"], where="IsWon = true")
    assert soql == "SELECT Id, Account.Name FROM Opportunity WHERE IsWon = true"


@pytest.mark.parametrize(
    ("object_name", "fields"),
    [("Opportunity", ["Id FROM User"]), ("Opportunity WHERE", ["Id"]), ("Opportunity", []),
     ("Opportunity", ["COUNT()"]), ("Opportunity", ["Id\n"]), ("Opportunity", ["a..b"])],
)  # fmt: skip
def test_name_that_is_none_is_refused(object_name, fields):
    with pytest.raises(ConfigurationError):
        select(object_name, fields)


def test_windows_that_follow_one_another_leave_no_gap():
    middle = datetime(2026, 1, 31, 2, 3, 4, 900_000, tzinfo=UTC)
    assert window_where(None, middle) == "SystemModstamp < 2026-01-31T02:03:04Z"
    later = window_where(middle, middle + timedelta(hours=1), stamp="CreatedDate")
    assert later == "CreatedDate >= 2026-01-31T02:03:04Z AND CreatedDate < 2026-01-31T03:03:04Z"


def test_id_chunks_hold_every_id_once_and_fit_their_bound():
    ids = [f"006{n:012d}AAA" for n in range(1000)]
    chunks = list(id_chunks([*ids, *ids], "OpportunityId", max_bytes=2000))
    assert [part for chunk in chunks for part in chunk[18:-1].replace("'", "").split(",")] == ids
    assert all(len(quote(chunk, safe="")) <= 2000 for chunk in chunks)
    assert len(chunks) < 16
    assert list(id_chunks([], "Id")) == []


@pytest.mark.parametrize(
    "bad", ["", "006", "006000000000001AA'", "006000000000001AAAA", "00600000000000\n"]
)
def test_id_without_the_form_of_one_never_reaches_a_query(bad):
    with pytest.raises(UnexpectedResponse):
        list(id_chunks([bad], "Id"))


def test_a_query_fits_into_a_uri_up_to_its_encoded_length():
    assert fits_rest("SELECT Id FROM A")
    assert fits_rest("x" * 14_000)
    assert not fits_rest("x" * 14_001)
    assert not fits_rest(" " * 5_000)
