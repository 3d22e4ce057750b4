"""Alembic's entry: runs the migrations on the connection that the ledger hands over."""

from alembic import context

from sfxero.ledger.migrations import VERSION_TABLE
from sfxero.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
