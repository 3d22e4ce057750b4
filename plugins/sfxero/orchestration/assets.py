"""Assets that our DAGs bring up to date, for DAGs of others to follow."""

from airflow.sdk import Asset


def receivables_of(route: str) -> Asset:
    """Return the mart of receivables of a route; an event's extra holds the file's path."""
    return Asset(name=f"sfxero_receivables__{route}", uri=f"sfxero://{route}/receivables")


def differences_of(route: str) -> Asset:
    """Return the mart of differences of a route; an event's extra holds the file's path."""
    return Asset(name=f"sfxero_differences__{route}", uri=f"sfxero://{route}/differences")
