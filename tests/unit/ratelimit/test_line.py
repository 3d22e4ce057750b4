"""The line of waiting calls: starts keep their order and their gap, whatever holds them up."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sfxero.ratelimit.line import Line

GAP = 1_000_000
LINE = Line(next_us=10 * GAP, gap_us=GAP, tickets=10)  # ticket 1 starts at 0, ticket 10 at 9 s


def delays(line: Line, tickets: list[int], now_us: int) -> list[float]:
    return [line.standing(one, now_us=now_us).delay_s for one in tickets]


def test_tickets_stand_a_gap_apart_in_the_order_they_were_drawn() -> None:
    assert delays(LINE, [7, 8, 9, 10], 5 * GAP) == [1, 2, 3, 4]


def test_a_ticket_knows_how_late_it_is() -> None:
    assert LINE.standing(3, now_us=5 * GAP).late_s == 3
    assert LINE.standing(9, now_us=5 * GAP).late_s == 0


def test_a_hold_moves_only_what_has_not_started() -> None:
    now = 4 * GAP + GAP // 2
    held = LINE.held(until_us=30 * GAP, now_us=now)
    assert delays(held, [6, 7, 10], 30 * GAP) == [0, 1, 4]
    assert held.standing(5, now_us=30 * GAP).late_s == 1
    assert held.next_us == 35 * GAP


def test_a_second_hold_moves_by_the_difference_and_a_shorter_one_not_at_all() -> None:
    held = LINE.held(until_us=30 * GAP, now_us=9 * GAP + 1)
    later = held.held(until_us=31 * GAP, now_us=10 * GAP)
    shorter = held.held(until_us=20 * GAP, now_us=10 * GAP)
    assert (held.next_us, later.next_us, shorter.next_us) == (30 * GAP, 31 * GAP, 30 * GAP)
    assert (later.blocked_until_us, shorter.blocked_until_us) == (31 * GAP, 30 * GAP)


def test_a_hold_of_a_line_that_nobody_drew_from_is_only_a_hold() -> None:
    held = Line(next_us=0, gap_us=0, tickets=0).held(until_us=5 * GAP, now_us=GAP)
    assert (held.next_us, held.blocked_until_us) == (5 * GAP, 5 * GAP)


HOLDS = st.lists(
    st.tuples(st.integers(0, 20 * GAP), st.integers(0, 90 * GAP)), min_size=1, max_size=5
)


@given(HOLDS, st.integers(1, 3 * GAP), st.integers(0, 30))
def test_after_any_holds_waiting_starts_are_in_order_a_gap_apart_and_behind_all_of_them(
    holds: list[tuple[int, int]], gap_us: int, waiting: int
) -> None:
    now, until = 0, 0
    line = Line(next_us=waiting * gap_us, gap_us=gap_us, tickets=waiting)
    for pause, length in holds:
        now += pause
        floor = max(now, until)
        waiting = sum(line.start_us(ticket) >= floor for ticket in range(1, line.tickets + 1))
        line = line.held(until_us=now + length, now_us=now)
        until = max(until, now + length)
    starts = [line.start_us(n) for n in range(line.tickets - waiting + 1, line.tickets + 1)]
    assert all(start >= until for start in starts)
    assert all(after - before == gap_us for before, after in itertools.pairwise(starts))
    assert line.next_us >= until
    assert all(delay >= (until - now) / GAP for delay in delays(line, [1, line.tickets], now))
