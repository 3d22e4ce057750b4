"""The line in which calls wait for their starts: pure arithmetic in microseconds."""

from dataclasses import dataclass, replace

from sfxero.ratelimit.policy import Grant

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """Tickets stand a gap apart, back from `next_us`, which the next one gets.

    Nobody keeps a list of them: a ticket's start follows from how many were drawn since.
    """

    next_us: int
    gap_us: int
    tickets: int
    blocked_until_us: int = 0

    def start_us(self, ticket: int) -> int:
        """Return when a ticket's turn comes; they count from 1."""
        return self.next_us - (self.tickets - ticket + 1) * self.gap_us

    def standing(self, ticket: int, *, now_us: int) -> Grant:
        """Return how long a ticket has still to wait, or how late it is."""
        start_us = self.start_us(ticket)
        wait_us = max(start_us, self.blocked_until_us) - now_us
        return Grant(
            delay_s=max(0, wait_us) / _SECOND_US,
            ticket=ticket,
            late_s=max(0, now_us - start_us) / _SECOND_US,
        )

    def held(self, *, until_us: int, now_us: int) -> "Line":
        """Move all starts that are still to come behind a moment, in order and a gap apart."""
        # Nobody in line starts before the present, or before the end of an earlier hold.
        in_line_us = max(0, self.next_us - max(now_us, self.blocked_until_us))
        waiting_us = in_line_us - in_line_us % self.gap_us if self.gap_us else 0
        first_us = self.next_us - waiting_us
        return replace(
            self,
            next_us=self.next_us + max(0, until_us - first_us),
            blocked_until_us=max(self.blocked_until_us, until_us),
        )
