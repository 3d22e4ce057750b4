"""Where a first load is cut."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sfxero.sync.first_load import cut

START = datetime(2020, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(
    seconds=st.lists(st.integers(0, 5_000), min_size=4, max_size=60),
    most=st.integers(1, 3),
)
def test_a_part_is_not_empty_and_too_large_only_for_one_crowded_second(
    seconds: list[int], most: int
) -> None:
    stamps = sorted(START + second * SECOND for second in seconds)

    def count(until: datetime) -> int:
        return bisect_left(stamps, until)

    end = cut(count, low=stamps[0], high=stamps[-1] + SECOND, most=most)

    assert count(end) > 0
    if count(end) > most:
        assert count(end - SECOND) == 0
