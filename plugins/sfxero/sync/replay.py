"""Replay: dead letters that a person wants to be sent after all."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sfxero.errors import ConfigurationError
from sfxero.model.ids import MOST_ROW_ID, RouteName, RunId

if TYPE_CHECKING:
    from sfxero.ledger.outbox import Outbox

ALL: Final = "all"
Replayed = str | Sequence[int | str] | None
"""What a person may ask for: ids of dead letters, or all open ones of the route."""

STANDS: Final = (
    "A refusal stands until the record changes; `sfxero outbox approve --after-all` takes it back. "
    "What is not wanted any more goes again once it is."
)
_AT_ONCE: Final = 1000
_ID: Final = re.compile(r"\s*0*[1-9][0-9]{0,18}\s*")


def replay(
    outbox: "Outbox", asked: Replayed, *, route: RouteName, run_id: RunId | None, actor: str
) -> int:
    """Put a route's dead letters back in the outbox and return how many; others are left alone.

    Asked twice it does no harm. ConfigurationError for ids that are not the route's, and for those
    that are not to be sent: a slip of the pen must not pass for done.
    """
    wanted = wanted_ids(asked)
    ids = outbox.open_letters(route) if wanted is None else wanted
    routes = outbox.routes_of(ids)
    strangers = sorted(one for one in ids if routes.get(one) != route)
    if strangers:
        raise ConfigurationError(
            f"route {route} has no entries {', '.join(map(str, strangers[:5]))}",
            hint="`sfxero dead-letters list` shows the ids.",
        )
    kept = {} if wanted is None else outbox.not_replayable(ids)
    if kept:
        told = "; ".join(f"entry {one}: {why}" for one, why in sorted(kept.items())[:5])
        raise ConfigurationError(told, hint=STANDS)
    return put_back(outbox, ids, actor=actor, run_id=run_id)


def put_back(
    outbox: "Outbox",
    entry_ids: Sequence[int],
    *,
    actor: str,
    run_id: RunId | None = None,
    reason: str | None = None,
) -> int:
    """Put dead letters back, in transactions that hold nobody up; return how many."""
    return sum(
        outbox.replay(
            entry_ids[begin : begin + _AT_ONCE], actor=actor, run_id=run_id, reason=reason
        )
        for begin in range(0, len(entry_ids), _AT_ONCE)
    )


def wanted_ids(asked: Replayed) -> list[int] | None:
    """Return the ids that were asked for; None stands for all."""
    if not asked:
        return []
    words = [asked] if isinstance(asked, str) else list(asked)
    if words == [ALL]:
        return None
    ids = {_id_of(word) for word in words}
    if None in ids:
        raise ConfigurationError(
            'what to replay is neither "all" nor ids of dead letters',
            hint='Give ["all"], or ids such as [17, 18].',
        )
    return sorted(one for one in ids if one is not None)


def _id_of(word: object) -> int | None:
    """Return the id that a word is to the letter: one cut to size would be another letter's."""
    if isinstance(word, bool) or not isinstance(word, int | str) or not _ID.fullmatch(str(word)):
        return None
    return one if (one := int(word)) <= MOST_ROW_ID else None
