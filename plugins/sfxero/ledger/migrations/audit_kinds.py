"""The kinds of events that the audit log may tell of, by the revision that brought them."""

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from alembic import op

_BROUGHT_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "0012": (
        "adopted",
        "amended",
        "approved",
        "dead_letter",
        "discarded",
        "erased",
        "found",
        "held_already",
        "linked",
        "not_done",
        "refused",
        "replayed",
        "sent",
        "settled",
        "unknown",
        "unlinked",
    ),
    "0013": ("voided",),
    "0015": ("credited",),
    "0016": ("decided",),
    "0018": ("released",),
    "0019": ("closed",),
}


def allow_kinds_of(revision: str) -> None:
    """Let the log tell of all kinds up to a revision, within its migration."""
    brought = (kinds for one, kinds in _BROUGHT_BY.items() if one <= revision)
    listed = ", ".join(f"'{kind}'" for kind in sorted(kind for kinds in brought for kind in kinds))
    name = op.f("ck_audit_events_kind")
    # SQLite makes the table anew, without the triggers that keep it as it was written.
    triggers = _triggers()
    with op.batch_alter_table("audit_events") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, f"kind IN ({listed})")
    for trigger in triggers:
        op.execute(trigger)


def _triggers() -> list[str]:
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        return []
    found = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_events'"
    return list(bind.execute(sa.text(found)).scalars())
