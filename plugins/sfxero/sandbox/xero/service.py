"""The Xero side as one object: books, identity, limits and stored replies."""

from collections import deque

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.hands import Hands
from sfxero.sandbox.xero.idempotency import IdempotencyStore
from sfxero.sandbox.xero.identity import App, Identity
from sfxero.sandbox.xero.limits import Limits
from sfxero.sandbox.xero.strict import Violation
from sfxero.sandbox.xero.switches import Switches, SwitchValue
from sfxero.sandbox.xero.webhooks import Webhooks

LONGEST_LIST = 10_000


class XeroService:
    """State of the Xero side."""

    def __init__(self, clock: SandboxClock, app: App, switches: Switches) -> None:
        """`switches` are also what `reset` returns to."""
        self.clock = clock
        self._first_switches = switches
        self.books = Books(clock)
        self.books.switches = switches
        self.hands = Hands(self.books)
        self.violations = deque[Violation](maxlen=LONGEST_LIST)
        self.identity = Identity(clock, app, self.books.organisation.name)
        self.webhooks = Webhooks(self.books, lambda: self.identity.tenant_id)
        self.limits = Limits(clock, lambda: self.books.switches)
        self.idempotency = IdempotencyStore(clock, lambda: self.books.switches)

    def reset(self) -> None:
        """Empty the books; tokens stay valid so that running clients go on."""
        self.books.clear()
        self.books.switches = self._first_switches
        self.limits.reset()
        self.idempotency.reset()
        self.identity.reset()
        self.webhooks.reset()
        self.violations.clear()

    def set_switches(self, values: dict[str, SwitchValue]) -> None:
        """Change some switches."""
        self.books.switches = self.books.switches.changed(values)
