"""The manifest of one object of one window: files, counts and hashes; written last."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, cast

from sfxero.errors import StagingError
from sfxero.staging.layout import MANIFEST_NAME, StagingPath
from sfxero.staging.storage import storage_errors

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One Parquet file, named relative to its manifest."""

    name: str
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was staged; `window_from_at` is None for a first load, `job_id` for a REST query."""

    route: str
    run_id: str
    object_name: str
    window_from_at: datetime | None
    window_to_at: datetime
    api_version: str
    job_id: str | None
    mapping_version: str
    files: tuple[StagedFile, ...]
    row_count: int
    staged_at: datetime


@dataclass(frozen=True, slots=True)
class Staged:
    """A manifest and the folder that its files lie in."""

    folder: StagingPath
    manifest: Manifest


@storage_errors()
def save(manifest: Manifest, folder: StagingPath) -> Staged:
    """Publish what was staged: from now on the files count."""
    body = asdict(manifest) | {"format": _FORMAT}
    text = json.dumps(body, default=_render, indent=1, sort_keys=True)
    # Two readers of one result may both find it whole: each publishes a draft of its own.
    draft = folder / f".{uuid.uuid4().hex}.draft"
    with draft.open("w") as handle:
        handle.write(text)
    draft.rename(folder / MANIFEST_NAME)
    return Staged(folder, manifest)


def load(folder: StagingPath) -> Staged:
    """Return what is staged in `folder`; StagingError if nothing was published there."""
    path = folder / MANIFEST_NAME
    if not path.exists():
        raise StagingError(
            f"nothing is staged in {folder}", hint="Run the extract of this window again."
        )
    try:
        with path.open("r") as handle:
            body = json.load(handle)
        if body.pop("format") != _FORMAT:
            raise StagingError(f"the manifest in {folder} has another format than this version's")
        return Staged(folder, _parse(body))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StagingError(
            f"the manifest in {folder} is damaged ({type(error).__name__})",
            hint="Run the extract of this window again.",
        ) from error


def is_published(folder: StagingPath) -> bool:
    """Say whether something is staged in `folder`."""
    return (folder / MANIFEST_NAME).exists()


def withdraw(folder: StagingPath) -> None:
    """Remove a manifest, before its files are replaced."""
    path = folder / MANIFEST_NAME
    if path.exists():
        path.unlink()


def _render(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _parse(body: Mapping[str, object]) -> Manifest:
    values = dict(body)
    from_at = values["window_from_at"]
    values["window_from_at"] = None if from_at is None else _moment(from_at)
    values["window_to_at"] = _moment(values["window_to_at"])
    values["staged_at"] = _moment(values["staged_at"])
    listed = cast("list[dict[str, object]]", values["files"])
    values["files"] = tuple(StagedFile(**entry) for entry in listed)  # type: ignore[arg-type]  # a wrong type is found when the file is read
    return Manifest(**values)  # type: ignore[arg-type]  # as above


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment
