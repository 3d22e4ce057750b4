"""Trouble with the place where staged files lie: a full disk, a read-only or missing folder."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sfxero.errors import StagingError
from sfxero.staging.layout import StagingPath

_ROOM: Final = "Make room there"
_RIGHTS: Final = "Let this user write there, or set SFXERO_STAGING to another place"
_WHAT_TO_DO: Final[Mapping[int, str]] = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "Raise the limit of file sizes there",
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOENT: "See that the place is mounted",
    errno.ENOTDIR: "See that the place is a folder",
    errno.EIO: "See to the disk",
}
_THEN: Final = "nothing is lost, the next run reads the same again."


@contextmanager
def storage_errors() -> Iterator[None]:
    """Say in our own words that the place failed; whatever else fails passes."""
    try:
        yield
    except OSError as error:
        hint = _WHAT_TO_DO.get(error.errno or 0)
        if hint is None:
            raise
        where = f" {error.filename}" if error.filename else ""
        raise StagingError(
            f"the staging area cannot be written: {error.strerror}{where}",
            hint=f"{hint}; {_THEN}",
        ) from error


def make_folder(folder: StagingPath) -> None:
    """Make a folder and those above it."""
    with storage_errors():
        folder.mkdir(parents=True, exist_ok=True)
