"""How the commands find the ledger: an address of their own, else Airflow's connection."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from sfxero.errors import SyncError

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

CONNECTION = "sfxero_ledger"
_DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
REFUSED_EXIT = 1
USAGE_EXIT = 2


@contextmanager
def opened_ledger(
    *, creates: bool = False, conn_id: str = CONNECTION, token_keys: Sequence[str] = ()
) -> Iterator["Ledger"]:
    """Open the ledger, brought up to date; an error of ours ends the command with its text.

    Without `creates` a ledger must be there: an empty one would say that all is well.
    """
    try:
        with find_ledger(conn_id, token_keys) as ledger:
            if not creates and not ledger.exists():
                stop(
                    f"There is no ledger at {ledger.address}. Set SFXERO_LEDGER_URL, or run this "
                    f"where Airflow's connection {conn_id} is known."
                )
            ledger.migrate()
            yield ledger
    except SyncError as error:
        stop(str(error), exit_code=REFUSED_EXIT)


def stop(reason: str, *, exit_code: int = USAGE_EXIT) -> NoReturn:
    """End the command with a reason."""
    typer.echo(reason, err=True)
    raise typer.Exit(exit_code)


def find_ledger(conn_id: str, token_keys: Sequence[str] = ()) -> "Ledger":
    """Return the ledger that is meant, whether it is there or not."""
    url = os.environ.get("SFXERO_LEDGER_URL")
    if url:
        from sfxero.ledger.ledger import Ledger

        return Ledger(_address(url), token_keys=token_keys)
    # Airflow takes a second to load, so it is asked only where it must be.
    from sfxero.orchestration.hooks.ledger import open_ledger
    from sfxero.orchestration.hooks.outside import as_airflow_command

    as_airflow_command()
    return open_ledger(conn_id)


def _address(given: str) -> str:
    """Return the address with our driver; what is wrong with it is told without its password."""
    scheme, _, rest = given.partition("://")
    if scheme not in _DRIVERS or not rest:
        stop("SFXERO_LEDGER_URL must begin with sqlite:/// or postgresql:// and name a database.")
    return f"{_DRIVERS[scheme]}://{rest}"
