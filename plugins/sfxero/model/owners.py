"""Who holds a lease: one worker of one run, by a name that tells the run."""

from sfxero.model.ids import RunId


def owner_name(run_id: RunId, entity: str, lane: int, *, token: str) -> str:
    """Name a worker; `token` keeps two tries of one task apart."""
    return f"{run_id}/{entity}/{lane}/{token}"


def run_of(owner: str | None) -> RunId | None:
    """Return the run that a worker belongs to; None if its name was made otherwise."""
    run_id, *rest = (owner or "").rsplit("/", 3)
    return RunId(run_id) if run_id and len(rest) == 3 else None
