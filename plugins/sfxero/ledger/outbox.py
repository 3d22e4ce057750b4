"""The outbox: what we intend to write, from the plan to the link."""

from sfxero.ledger.claims import Claims
from sfxero.ledger.planning import Planning
from sfxero.ledger.settling import Settling


class Outbox(Planning, Claims, Settling):
    """Entries with their attempts: planned by prepare, claimed and settled by publish."""
