"""Our commands, run against a world whose services and ledger Airflow's connections name."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.contract.sync.kit import INCLUDE, World
from typer.testing import CliRunner, Result

from sfxero.cli.main import app


class Shop:
    """A copy of the include folder with a route to edit, and the world's connections."""

    def __init__(self, world: World, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.include = folder / "include"
        shutil.copytree(INCLUDE, self.include)
        self.file = self.include / "mappings" / "demo.yaml"
        self._patch = patch
        patch.setenv("SFXERO_INCLUDE", str(self.include))
        # The commands act as Airflow's own do; other tests of this process must not.
        patch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
        patch.setenv("SFXERO_LEDGER_URL", world.url)
        patch.setenv("COLUMNS", "300")
        self.connect_org()
        self.connect_books()

    def connect_org(self, **extra: Any) -> None:
        known = {"consumer_key": "sandbox-sf-client", "consumer_secret": "sandbox-sf-secret",
                 "instance_url": self.world.address}  # fmt: skip
        self._connect("SALESFORCE_DEMO", {"conn_type": "salesforce", "extra": known | extra})

    def connect_books(self, **values: Any) -> None:
        known = {"conn_type": "xero", "login": "sandbox-xero-client",
                 "password": "sandbox-xero-secret", "host": self.world.address}  # fmt: skip
        self._connect("XERO_DEMO", known | values)

    def disconnect(self, name: str) -> None:
        self._patch.delenv(f"AIRFLOW_CONN_{name}")

    def ledger_at(self, url: str) -> None:
        self._patch.setenv("SFXERO_LEDGER_URL", url)

    def edit(self, old: str, new: str) -> None:
        """Change the route file."""
        text = self.file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def line_of(self, part: str) -> int:
        """Where in the route file a text first stands; 0 if it does not."""
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return next((place for place, line in enumerate(lines, 1) if part in line), 0)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    def _connect(self, name: str, connection: dict[str, Any]) -> None:
        self._patch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))


def plain(text: str) -> str:
    """The text of tables, without frames and with single blanks."""
    return re.sub(r"[\s│┃┏┓┡┩└┘├┤━─┬┴┼╇╈]+", " ", text)
