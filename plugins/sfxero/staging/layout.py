"""Where staged files lie."""

import hashlib
import re
from collections.abc import Iterable
from typing import IO, Any, Final, Protocol, Self, TypeVar

from sfxero.model.ids import RouteName

MANIFEST_NAME: Final = "manifest.json"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class StagingPath(Protocol):
    """What staging needs of a path: pathlib.Path and Airflow's ObjectStoragePath have it."""

    @property
    def name(self) -> str:
        """The last part."""
        ...

    def __truediv__(self, name: str, /) -> Self:
        """Return the path of `name` below this one."""
        ...

    def open(self, mode: str) -> IO[Any]:
        """Open the file."""
        ...

    def mkdir(self, *, parents: bool = ..., exist_ok: bool = ...) -> None:
        """Make the folder."""
        ...

    def exists(self) -> bool:
        """Say whether something is there."""
        ...

    def iterdir(self) -> Iterable[Self]:
        """Return what lies in the folder."""
        ...

    def unlink(self) -> None:
        """Remove the file."""
        ...

    def rename(self, target: Self, /) -> object:
        """Move the file to `target`, over what is there."""
        ...


P = TypeVar("P", bound=StagingPath)


def folder_of(root: P, *, route: RouteName, run_id: str, object_name: str) -> P:
    """Return the folder of one object of one run; a different run never shares it."""
    return root / _safe(route) / _safe(run_id) / _safe(object_name)


def part_name(number: int, *, token: str | None = None) -> str:
    """Return the name of the part with this number, counted from 0.

    A `token` keeps writers of the same part apart, so that none writes over what another published.
    """
    return f"part-{number:05d}-{token}.parquet" if token else f"part-{number:05d}.parquet"


def _safe(text: str) -> str:
    """Return a file name; one that had to be changed gets a digest, so that no two collide."""
    cleaned = _UNSAFE.sub("_", text).strip(".")
    if cleaned == text:
        return text
    return f"{cleaned}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
