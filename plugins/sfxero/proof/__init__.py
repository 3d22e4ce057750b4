"""The comparison of both systems and the ledger, in columns, and what tells of it."""
