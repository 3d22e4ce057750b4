from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from sfxero.staging.comparing import differences
from sfxero.staging.manifest import Staged

LISTED = pa.schema(
    [
        ("Id", pa.string()),
        ("SystemModstamp", pa.timestamp("us", tz="UTC")),
        ("IsDeleted", pa.bool_()),
        ("OpportunityId", pa.string()),
        ("Product2.Family", pa.string()),
    ]
)
OTHER_RULES = pa.schema([*list(LISTED)[:4], ("Product2.Family", pa.bool_())])

Stage = Callable[..., Staged]


def record_id(letter: str) -> str:
    return f"00k00000000000{letter}AAA"


def row(letter: str, second: int = 1, **values: Any) -> dict[str, Any]:
    known = {
        "Id": record_id(letter),
        "SystemModstamp": f"2026-11-01T00:00:{second:02d}.000Z",
        "IsDeleted": False,
        "OpportunityId": "006",
        "Product2.Family": "Hardware",
    }
    return known | values


@pytest.fixture
def stage(stage_lines: Stage) -> Stage:
    return partial(stage_lines, schema=LISTED)


@pytest.mark.parametrize("at_once", [1, 3, 500_000])
def test_what_differs_is_found_however_many_are_compared_at_a_time(
    stage: Stage, at_once: int
) -> None:
    known = [
        stage(row("0"), row("1"), row("2"), row("3"), row("A", IsDeleted=True), row("B")),
        stage(row("3", 5), row("B", 6, IsDeleted=True)),
    ]
    listed = stage(
        row("0"),
        row("1", 2),
        row("2", **{"Product2.Family": None}),
        row("4"),
        row("z", IsDeleted=True),
    )

    found = differences(listed, known, parent="OpportunityId", at_once=at_once)

    assert sorted(found.changed) == [record_id("1"), record_id("2"), record_id("4")]
    assert found.gone == {record_id("3"): "006"}


def test_a_later_reading_of_equal_stamps_is_what_is_known(stage: Stage) -> None:
    old, new = stage(row("1", **{"Product2.Family": "Freight"})), stage(row("1"))
    assert len(differences(stage(row("1")), [old, new])) == 0
    assert differences(stage(row("1")), [new, old]).changed == [record_id("1")]


def test_what_was_read_after_the_listing_does_not_differ(stage: Stage) -> None:
    assert len(differences(stage(row("1", 1)), [stage(row("1", 9))])) == 0


def test_a_column_that_was_of_another_type_counts_as_not_read(stage: Stage) -> None:
    known = stage(row("1", **{"Product2.Family": True}), schema=OTHER_RULES)
    assert differences(stage(row("1")), [known]).changed == [record_id("1")]
    assert differences(stage(row("1")), []).changed == [record_id("1")]


def test_what_was_buried_and_is_listed_again_under_its_old_stamp_is_read_again(
    stage: Stage,
) -> None:
    known = [stage(row("1")), stage(row("1", 9, IsDeleted=True))]
    assert differences(stage(row("1")), known).changed == [record_id("1")]
    assert len(differences(stage(row("1", IsDeleted=True)), known)) == 0
