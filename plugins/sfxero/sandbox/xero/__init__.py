"""The Xero side: identity, limits, and the accounting API."""
