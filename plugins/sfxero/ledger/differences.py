"""Differences: kept from the first sighting until a reconciliation no longer finds them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, not_, or_, select, update

from sfxero.errors import LedgerError
from sfxero.ledger.difference_tables import IS_OPEN, differences
from sfxero.ledger.engine import Database, among, chunked
from sfxero.model.differences import Difference, DifferenceKind
from sfxero.model.ids import RouteName, RunId, SourceId, TargetId

_SAID: Final = ("salesforce", "ledger", "xero")
_FRESH: Final = (
    *_SAID, "source_id", "target_id", "number", "amount", "currency", "dated_on",
    "first_seen_at", "last_seen_at", "last_run_id", "accepted_at", "accepted_by",
    "accepted_reason",
)  # fmt: skip
_NOT_ACCEPTED: Final = {"accepted_at": None, "accepted_by": None, "accepted_reason": None}
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class StoredDifference:
    """A difference with its age, and who accepted it."""

    difference_id: int
    difference: Difference
    first_seen_at: datetime
    last_seen_at: datetime
    accepted_at: datetime | None
    accepted_by: str | None
    accepted_reason: str | None


class Differences:
    """What reconciliations found, by kind and record."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def store(
        self,
        run_id: RunId,
        route: RouteName,
        found: Iterable[Difference],
        *,
        period: tuple[date, date] | None = None,
        unseen: Collection[int] = (),
    ) -> int:
        """Store what a run found and resolve what it did not find; returns how many are resolved.

        One that was resolved and comes back is a new one. A run over a `period` resolves only what
        is dated in it; one that is started again resolves what only its earlier try found. The
        differences `unseen` by their ids are those that it did not look for.
        """
        began_at = self._database.clock.now()
        for chunk in chunked(found):
            with self._database.write() as conn:
                self._put(conn, run_id, route, {_key(one): one for one in chunk})
        within = [] if period is None else [differences.c.dated_on.between(*period)]
        gone = (
            update(differences)
            .where(
                differences.c.route == route,
                IS_OPEN,
                or_(differences.c.last_run_id != run_id, differences.c.last_seen_at < began_at),
                *within,
            )
            .values(resolved_at=self._database.clock.now(), resolved_run_id=run_id, **_NOT_ACCEPTED)
        )
        with self._database.write() as conn:
            if unseen:
                gone = gone.where(not_(among(conn, differences.c.difference_id, unseen)))
            return conn.execute(gone).rowcount

    def listing(
        self, route: RouteName, *, kind: DifferenceKind | None = None
    ) -> list[StoredDifference]:
        """Return the open differences of a route, the oldest first."""
        only = [] if kind is None else [differences.c.kind == kind]
        statement = (
            select(differences)
            .where(differences.c.route == route, IS_OPEN, *only)
            .order_by(differences.c.first_seen_at, differences.c.difference_id)
        )
        with self._database.read() as conn:
            return [_stored(row) for row in conn.execute(statement)]

    def accept(self, difference_ids: Sequence[int], *, actor: str, reason: str) -> int:
        """Let open differences stay as they are; returns how many there were.

        One that later says something else is open again.
        """
        if not reason.strip():
            raise LedgerError("a difference is accepted for a reason")
        statement = (
            update(differences)
            .where(differences.c.difference_id.in_(difference_ids), IS_OPEN)
            .values(
                accepted_at=self._database.clock.now(), accepted_by=actor, accepted_reason=reason
            )
        )
        with self._database.write() as conn:
            return conn.execute(statement).rowcount

    def sources(self, route: RouteName, kinds: Iterable[DifferenceKind]) -> list[SourceId]:
        """Return the opportunities with an open difference of these kinds."""
        statement = (
            select(differences.c.source_id)
            .distinct()
            .where(
                differences.c.route == route,
                IS_OPEN,
                differences.c.accepted_at.is_(None),
                differences.c.kind.in_(sorted(kinds)),
                differences.c.source_id.is_not(None),
            )
            .order_by(differences.c.source_id)
        )
        with self._database.read() as conn:
            return list(conn.execute(statement).scalars())

    def targets(
        self, route: RouteName, kinds: Iterable[DifferenceKind]
    ) -> dict[SourceId, TargetId]:
        """Return the opportunities with such a difference that nobody has accepted.

        With each comes the record of the target that the difference is about.
        """
        found = (one for kind in kinds for one in self.listing(route, kind=kind))
        open_ones = (one.difference for one in found if one.accepted_at is None)
        return {
            SourceId(one.source_id): TargetId(one.target_id)
            for one in open_ones
            if one.source_id is not None and one.target_id is not None
        }

    def _put(
        self, conn: Connection, run_id: RunId, route: RouteName, found: Mapping[_Key, Difference]
    ) -> None:
        before = {
            (row.kind, row.key, row.field): row
            for row in conn.execute(
                select(differences).where(
                    differences.c.route == route,
                    among(
                        conn, differences.c.key, dict.fromkeys(one.key for one in found.values())
                    ),
                )
            )
        }
        now = self._database.clock.now()
        seen = {"last_seen_at": now, "last_run_id": run_id}
        added = [
            {**_columns(one), **seen, "route": route, "first_seen_at": now}
            for key, one in found.items()
            if key not in before
        ]
        if added:
            conn.execute(insert(differences), added)
        again = [
            {**_columns(one), **seen, **_kept(before[key], one, now)}
            for key, one in found.items()
            if key in before
        ]
        if again:
            conn.execute(_see_again(), again)


def _see_again() -> Any:
    fresh: dict[str, Any] = {name: bindparam(name) for name in _FRESH}
    return (
        update(differences)
        .where(differences.c.difference_id == bindparam("b_id"))
        .values({**fresh, "resolved_at": None, "resolved_run_id": None})
    )


def _kept(row: Row[Any], found: Difference, now: datetime) -> dict[str, Any]:
    """Return what of an earlier sighting stays: its age unless it was resolved, and a yes."""
    is_new = row.resolved_at is not None
    is_same = _amount(row) == found.amount and all(
        getattr(row, name) == getattr(found, name) for name in _SAID
    )
    accepted = (
        {name: getattr(row, name) for name in _NOT_ACCEPTED}
        if is_same and not is_new
        else _NOT_ACCEPTED
    )
    return {"b_id": row.difference_id, "first_seen_at": now if is_new else row.first_seen_at} | (
        accepted
    )


def _columns(one: Difference) -> dict[str, Any]:
    amount = None if one.amount is None else str(one.amount)
    return asdict(one) | {"kind": one.kind.value, "amount": amount}


def _amount(row: Row[Any]) -> Decimal | None:
    return None if row.amount is None else Decimal(row.amount)


def _key(one: Difference) -> _Key:
    return one.kind.value, one.key, one.field


def _stored(row: Row[Any]) -> StoredDifference:
    names = Difference.__dataclass_fields__
    values = {name: getattr(row, name) for name in names}
    return StoredDifference(
        difference_id=row.difference_id,
        difference=Difference(
            **values
            | {
                "kind": DifferenceKind(row.kind),
                "amount": _amount(row),
            }
        ),
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        accepted_at=row.accepted_at,
        accepted_by=row.accepted_by,
        accepted_reason=row.accepted_reason,
    )
