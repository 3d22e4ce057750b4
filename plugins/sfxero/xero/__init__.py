"""The Xero side: token, tenants, limited calls, typed reads and batch writes."""
