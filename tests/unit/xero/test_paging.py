"""No row is skipped, whatever changes while a list is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.errors import UnexpectedResponse
from sfxero.xero.dates import parse_xero_date
from sfxero.xero.paging import Page, numbered_rows, page_of, seek_rows

START = datetime(2026, 11, 1, tzinfo=UTC)


class Table:
    """Rows by their last change; `touch_after` changes rows after a given number of calls."""

    def __init__(self, seconds: list[int], *, size: int, counts: bool = True) -> None:
        self.rows = {number: START + timedelta(seconds=at) for number, at in enumerate(seconds)}
        self.size = size
        self.counts = counts
        self.touch_after: dict[int, list[int]] = {}
        self.calls = 0
        self.is_deaf = False

    def fetch(self, page_number: int, since: datetime | None) -> Page:
        rows = sorted((at, number) for number, at in self.rows.items())
        if since is not None and not self.is_deaf:
            rows = [row for row in rows if row[0] >= since]
        part = rows[(page_number - 1) * self.size : page_number * self.size]
        count = -(-len(rows) // self.size) if self.counts else None
        self.calls += 1
        for number in self.touch_after.get(self.calls, []):
            self.rows[number] = START + timedelta(days=1, seconds=self.calls)
        return Page(
            [{"ID": number, "UpdatedDateUTC": at.isoformat()} for at, number in part], count
        )

    def read(self, since: datetime | None = None) -> list[Any]:
        return list(seek_rows(self.fetch, id_field="ID", since=since))


@given(
    seconds=st.lists(st.integers(0, 8), max_size=25),
    size=st.integers(1, 4),
    touches=st.dictionaries(st.integers(1, 20), st.lists(st.integers(0, 24), max_size=4)),
)
def test_every_row_is_read_at_its_newest_or_again(
    seconds: list[int], size: int, touches: dict[int, list[int]]
) -> None:
    table = Table(seconds, size=size)
    table.touch_after = {
        call: [number for number in numbers if number < len(seconds)]
        for call, numbers in touches.items()
    }
    before = set(table.rows)

    rows = table.read()

    assert {row["ID"] for row in rows} == before


def test_a_row_that_moves_up_inside_one_second_is_not_skipped() -> None:
    table = Table([0, 0], size=1)
    table.touch_after = {2: [0]}

    assert {row["ID"] for row in table.read()} == {0, 1}


@given(seconds=st.lists(st.integers(0, 3), max_size=30), size=st.integers(1, 5))
def test_an_unchanging_list_is_read_once_also_if_the_server_ignores_the_header(
    seconds: list[int], size: int
) -> None:
    table = Table(seconds, size=size)
    table.is_deaf = True

    numbers = [row["ID"] for row in table.read()]

    assert sorted(numbers) == sorted(table.rows)


def test_rows_out_of_order_are_read_by_page_number() -> None:
    pages = {1: [5, 3], 2: [4, 1], 3: [2]}
    asked = []

    def fetch(page_number: int, since: datetime | None) -> Page:
        asked.append((page_number, since))
        rows = [
            {"ID": at, "UpdatedDateUTC": (START + timedelta(hours=at)).isoformat()}
            for at in pages[page_number]
        ]
        return Page(rows, 3)

    rows = list(seek_rows(fetch, id_field="ID", since=None))

    assert [row["ID"] for row in rows] == [5, 3, 4, 1, 2]
    assert [page_number for page_number, _ in asked] == [1, 2, 1, 3, 2]


def test_each_next_page_reaches_back_a_second_before_the_last_row() -> None:
    table = Table(list(range(0, 100, 10)), size=5)
    asked: list[datetime | None] = []

    def fetch(page_number: int, since: datetime | None) -> Page:
        asked.append(since)
        return table.fetch(page_number, since)

    rows = list(seek_rows(fetch, id_field="ID", since=None))

    assert asked[:2] == [None, parse_xero_date(rows[4]["UpdatedDateUTC"]) - timedelta(seconds=1)]


@pytest.mark.parametrize("length", [0, 99, 100, 101, 250])
def test_without_a_page_count_a_list_ends_with_a_page_that_is_short_by_any_size(
    length: int,
) -> None:
    table = Table(list(range(length)), size=100, counts=False)

    assert len(list(numbered_rows(table.fetch))) == length


@pytest.mark.parametrize(
    ("body", "page"),
    [
        (None, Page([], 0)),
        ({"Status": "OK"}, Page([], None)),
        ({"Status": "OK", "Contacts": None}, Page([], None)),
        ({"Status": "OK", "Contacts": ""}, Page([], None)),
        ({"Contacts": [{"Name": "A"}]}, Page([{"Name": "A"}], None)),
        ({"Contacts": [], "pagination": {"pageCount": 3}}, Page([], 3)),
        ({"Contacts": [], "pagination": "?"}, Page([], None)),
    ],
)
def test_pages_are_read_from_the_envelope(body: Any, page: Page) -> None:
    assert page_of(body, "Contacts") == page


@pytest.mark.parametrize(
    "body", [[], {}, {"Invoices": []}, {"Contacts": {}}, {"Contacts": [1]}, {"Contacts": None}]
)
def test_an_envelope_of_another_shape_is_refused(body: Any) -> None:
    with pytest.raises(UnexpectedResponse):
        page_of(body, "Contacts")
