"""`sfxero pools`: the Airflow pools that the routes need."""

import json
from typing import Any

import typer

from sfxero.mapping.loader import load_routes
from sfxero.settings import load_settings

XERO_CONCURRENCY = 5
"""Calls in flight that Xero allows per app and organisation (API limits)."""


def pools() -> None:
    """Print the pools in the form that `airflow pools import` reads."""
    typer.echo(json.dumps(needed_pools(), indent=2))


def needed_pools() -> dict[str, dict[str, Any]]:
    """Return one pool per Xero connection; tasks of all its routes share it."""
    return {
        route.xero.pool: {
            "slots": XERO_CONCURRENCY,
            "description": f"Tasks that call Xero through {route.xero.connection}",
            "include_deferred": True,
        }
        for route in load_routes(load_settings().mappings)
    }
