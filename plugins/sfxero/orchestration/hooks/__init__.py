"""Adapters that build our clients and ledger from Airflow connections."""
