"""The ledger: our own database, as one object with a part per concern."""

from typing import Self

from sfxero.clock import Clock, SystemClock
from sfxero.ledger.engine import Database
from sfxero.ledger.links import Links
from sfxero.ledger.migrations import migrate
from sfxero.ledger.names import Names
from sfxero.ledger.outbox import Outbox
from sfxero.ledger.quarantine import Quarantine
from sfxero.ledger.quota import Quota, fixed_moment
from sfxero.ledger.runs import Runs
from sfxero.ledger.windows import Windows


class Ledger:
    """Everything that the sync must not forget, in SQLite or PostgreSQL."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        """Connect on first use.

        A given clock tells all times, the quota's too (tests, simulation); without one the quota
        goes by the database's clock, which all machines share.
        """
        self._database = Database(url, clock=clock or SystemClock())
        self.runs = Runs(self._database)
        self.windows = Windows(self._database)
        self.outbox = Outbox(self._database)
        self.links = Links(self._database)
        self.quarantine = Quarantine(self._database)
        self.names = Names(self._database)
        self_told = clock is None or isinstance(clock, SystemClock)
        now = None if self_told else lambda: fixed_moment(self._database.clock.now())
        self.quota = Quota(self._database, now=now)

    def __repr__(self) -> str:
        """Show where the ledger is, without the password."""
        return f"Ledger({self._database.url.render_as_string(hide_password=True)!r})"

    def __enter__(self) -> Self:
        """Use the ledger for the time of a block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close it whatever happened."""
        self.close()

    def migrate(self) -> None:
        """Bring the tables up to date; safe when several processes do so at once."""
        migrate(self._database)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()
