"""The table of tokens: ciphertexts, ages on the database's clock, and who is renewing them."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, Text

from sfxero.ledger.tables import metadata
from sfxero.transport.tokens import TokenState

_STATES: Final = ", ".join(f"'{state}'" for state in sorted(TokenState))

tokens = Table(
    "tokens",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("token_url", Text, nullable=False),
    Column("api_url", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("access_token", Text, nullable=False),
    Column("refresh_token", Text, nullable=False),
    Column("previous_refresh_token", Text),
    Column("previous_until_us", BigInteger),
    Column("issued_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("refresh_until_us", BigInteger, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("tenants", Text, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until_us", BigInteger),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
)
