"""Where this installation keeps its files; read once at the edge, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Folders and addresses that are the same for every route."""

    include: Path
    """Holds `mappings/` and `expectations/`."""
    staging_root: str
    """A folder or an object storage URL."""
    outputs_root: str
    """Where marts and reports go: a folder or an object storage URL."""
    outputs_url: str | None
    """Where a web server shows that folder; reports are linked there."""
    ledger_url: str
    """The ledger when no Airflow connection names another."""
    token_keys: tuple[str, ...] = field(default=(), repr=False)
    """Fernet keys that encrypt stored tokens, newest first; without any, Airflow's own is taken."""

    @property
    def mappings(self) -> Path:
        """The folder of route files."""
        return self.include / "mappings"

    @property
    def expectations(self) -> Path:
        """The folder of expectation suites."""
        return self.include / "expectations"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read SFXERO_INCLUDE, SFXERO_STAGING, SFXERO_OUTPUTS, SFXERO_OUTPUTS_URL, SFXERO_TOKEN_KEY and
    AIRFLOW_HOME.

    Every one has a default.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("AIRFLOW_HOME") or Path.home() / "airflow")
    own = home / "sfxero"
    return Settings(
        include=_include_folder(env.get("SFXERO_INCLUDE"), home),
        staging_root=env.get("SFXERO_STAGING") or f"file://{own / 'staging'}",
        outputs_root=env.get("SFXERO_OUTPUTS") or f"file://{own / 'outputs'}",
        outputs_url=env.get("SFXERO_OUTPUTS_URL") or None,
        ledger_url=f"sqlite:///{own / 'ledger.db'}",
        token_keys=keys_in(env.get("SFXERO_TOKEN_KEY") or ""),
    )


def keys_in(text: str) -> tuple[str, ...]:
    """Return the keys of a setting that may name several, separated by commas."""
    return tuple(key.strip() for key in text.split(",") if key.strip())


def _include_folder(given: str | None, home: Path) -> Path:
    """Take the given folder, else Airflow's, else the one that came with the package."""
    if given:
        return Path(given)
    if (home / "include" / "mappings").is_dir():
        return home / "include"
    here = Path(__file__).resolve().parent
    packaged = here / "include"
    return packaged if packaged.is_dir() else here.parents[1] / "include"
