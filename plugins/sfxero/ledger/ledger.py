"""The ledger: our own database, as one object with a part per concern."""

from collections.abc import Sequence
from typing import Self

from sfxero.clock import Clock, SystemClock
from sfxero.ledger.agreeing import Agreeing
from sfxero.ledger.alerts import Alerts
from sfxero.ledger.audit import Audit
from sfxero.ledger.circuits import Circuits
from sfxero.ledger.differences import Differences
from sfxero.ledger.engine import Database
from sfxero.ledger.link_changes import LinkChanges
from sfxero.ledger.linking import Linking
from sfxero.ledger.links import Links
from sfxero.ledger.merging import Merging
from sfxero.ledger.migrations import is_there, is_up_to_date, migrate
from sfxero.ledger.moments import clock_moment
from sfxero.ledger.names import Names
from sfxero.ledger.org_usage import OrgUsage
from sfxero.ledger.outbox import Outbox
from sfxero.ledger.pages import Pages
from sfxero.ledger.permits import Permits
from sfxero.ledger.quarantine import Quarantine
from sfxero.ledger.quota import Quota
from sfxero.ledger.releases import Releases
from sfxero.ledger.runs import Runs
from sfxero.ledger.tokens import Tokens
from sfxero.ledger.windows import Windows


class Ledger:
    """Everything that the sync must not forget, in SQLite or PostgreSQL."""

    def __init__(
        self, url: str, *, clock: Clock | None = None, token_keys: Sequence[str] = ()
    ) -> None:
        """Connect on first use; `token_keys` encrypt tokens, newest first.

        A given clock tells all times, the quota's too (tests, simulation); without one the quota
        goes by the database's clock, which all machines share.
        """
        self._database = Database(url, clock=clock or SystemClock())
        self.runs = Runs(self._database)
        self.windows = Windows(self._database)
        self.pages = Pages(self._database)
        self.outbox = Outbox(self._database)
        self.links = Links(self._database)
        self.linking = Linking(self._database)
        self.link_changes = LinkChanges(self._database)
        self.agreeing = Agreeing(self._database)
        self.merging = Merging(self._database)
        self.quarantine = Quarantine(self._database)
        self.releases = Releases(self._database)
        self.names = Names(self._database)
        self.differences = Differences(self._database)
        self.alerts = Alerts(self._database)
        self.org_usage = OrgUsage(self._database)
        self.audit = Audit(self._database)
        self_told = clock is None or isinstance(clock, SystemClock)
        now = None if self_told else clock_moment(self._database.clock)
        self.quota = Quota(self._database, now=now)
        self.permits = Permits(self._database, now=now)
        self.circuits = Circuits(self._database, now=now)
        self.tokens = Tokens(self._database, keys=token_keys, now=now)

    def __repr__(self) -> str:
        """Show where the ledger is, without the password."""
        return f"Ledger({self.address!r})"

    def __enter__(self) -> Self:
        """Use the ledger for the time of a block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close it whatever happened."""
        self.close()

    @property
    def address(self) -> str:
        """Say where the ledger is, without the password."""
        return self._database.url.render_as_string(hide_password=True)

    def exists(self) -> bool:
        """Say whether there is a ledger at all, of whatever age; creates nothing."""
        return is_there(self._database)

    def is_current(self) -> bool:
        """Say whether the tables are up to date; changes nothing."""
        return is_there(self._database) and is_up_to_date(self._database)

    def migrate(self) -> None:
        """Bring the tables up to date; safe when several processes do so at once."""
        migrate(self._database)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()
