"""Tables of what workers share about calls under way: places, and circuits."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from sfxero.ledger.tables import metadata

# Moments are whole microseconds since 1970, on the database's clock.
permits = Table(
    "permits",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("times_taken", BigInteger, nullable=False),  # tells a holder from the next one
    Column("leased_until_us", BigInteger, nullable=False),
)

circuits = Table(
    "circuits",
    metadata,
    Column("service", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),  # in a row; none while the circuit is closed
    Column("probe", BigInteger, nullable=False),
    Column("ask_again_us", BigInteger, nullable=False),
)
