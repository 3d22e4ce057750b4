"""Checks of staged rows: suites as files, run by Great Expectations, findings per record."""
