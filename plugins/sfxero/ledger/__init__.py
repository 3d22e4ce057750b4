"""The ledger: our own database of intents, facts and proofs, in SQLite or PostgreSQL."""

from sfxero.ledger.ledger import Ledger

__all__ = ["Ledger"]
