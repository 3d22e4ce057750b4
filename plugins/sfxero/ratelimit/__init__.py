"""One limiter per tenant, shared by all workers through a store."""
