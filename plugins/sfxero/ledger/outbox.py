"""The outbox: what we intend to write, from the plan to the link."""

from sfxero.ledger.approvals import Approvals
from sfxero.ledger.attempts import Attempts
from sfxero.ledger.claims import Claims
from sfxero.ledger.crediting import Crediting
from sfxero.ledger.doubting import Doubting
from sfxero.ledger.outbox_reading import OutboxReading
from sfxero.ledger.planning import Planning
from sfxero.ledger.retiring import Retiring
from sfxero.ledger.settling import Settling


class Outbox(
    Planning, Claims, Attempts, Doubting, Settling, Retiring, Crediting, OutboxReading, Approvals
):
    """Entries with their attempts: planned by prepare, claimed and settled by publish."""
