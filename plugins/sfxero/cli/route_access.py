"""How commands find a route file, and a ledger that may be missing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sfxero.cli.ledger_access import stop
from sfxero.errors import SyncError
from sfxero.mapping.files import YamlFile
from sfxero.mapping.loader import read_route
from sfxero.mapping.spec import RouteSpec
from sfxero.settings import load_settings

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger


def route_named(name: str) -> tuple[RouteSpec, YamlFile]:
    """Read a route; a name that no file has ends the command, a mistake in it is raised."""
    path = load_settings().mappings / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in path.parent.glob("*.yaml"))) or "none"
        stop(f"There is no route {name}: no file {path}. Known routes: {known}.")
    return read_route(path)


def usable(ledger: "Ledger") -> "Ledger | None":
    """Return a ledger that is there and up to date; nothing is made or migrated."""
    try:
        return ledger if ledger.is_current() else None
    except SyncError:
        return None


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Keep what libraries log of their work out of what a command prints."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
