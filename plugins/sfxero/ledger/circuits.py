"""Circuits: what all workers know about a service that cannot be reached."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select, update

from sfxero.ledger.alerts import close_on, raise_on
from sfxero.ledger.engine import Database, put
from sfxero.ledger.limit_tables import circuits
from sfxero.ledger.moments import SECOND_US, Moment, store_moment
from sfxero.model.alerts import AlertKind
from sfxero.ratelimit.circuit import CircuitKey, CircuitPolicy, CircuitState, after_failure


class Circuits:
    """The store of circuits, on the database's own clock unless given another."""

    def __init__(self, database: Database, *, now: Moment | None = None) -> None:
        """`now` is the moment as SQL, for tests and simulated time."""
        self._database = database
        self._now = store_moment(database) if now is None else now
        self._one = select(circuits, self._now.label("now_us")).where(
            circuits.c.service == bindparam("service"), circuits.c.name == bindparam("name")
        )

    def look(self, key: CircuitKey) -> CircuitState:
        """Return how a circuit stands now."""
        with self._database.read() as conn:
            row = conn.execute(self._one, asdict(key)).first()
        return CircuitState() if row is None else _state(row)

    def claim_probe(self, key: CircuitKey, *, lease_s: float) -> int | None:
        """Take the right to ask first, if it is time; of many callers one gets its number."""
        now = self._now
        statement = (
            update(circuits)
            .where(_is(key), circuits.c.openings > 0, circuits.c.ask_again_us <= now)
            .values(probe=circuits.c.probe + 1, ask_again_us=now + round(lease_s * SECOND_US))
            .returning(circuits.c.probe)
        )
        with self._database.write() as conn:
            return conn.execute(statement).scalar()

    def failed(self, key: CircuitKey, *, probe: int | None, policy: CircuitPolicy) -> None:
        """Count a failure; opening the circuit raises one alert."""
        with self._database.write() as conn:
            put(conn, circuits, [_closed(key)])
            row = conn.execute(self._one.with_for_update(), asdict(key)).one()
            state = after_failure(_state(row), probe=probe, policy=policy)
            if state is None:
                return
            ask_again_us = row.now_us + round(state.wait_s * SECOND_US) if state.openings else 0
            conn.execute(
                update(circuits)
                .where(_is(key))
                .values(
                    failures=state.failures,
                    openings=state.openings,
                    probe=state.probe,
                    ask_again_us=ask_again_us,
                )
            )
            if state.openings:
                self._raise(conn, key, state)

    def succeeded(self, key: CircuitKey) -> None:
        """Close the circuit, and its alert."""
        is_news = or_(circuits.c.failures > 0, circuits.c.openings > 0)
        closed = {"failures": 0, "openings": 0, "ask_again_us": 0}
        with self._database.write() as conn:
            if conn.execute(update(circuits).where(_is(key), is_news).values(closed)).rowcount:
                at = self._database.clock.now()
                close_on(conn, AlertKind.OUTAGE, str(key), at=at)

    def _raise(self, conn: Connection, key: CircuitKey, state: CircuitState) -> None:
        raise_on(
            conn,
            AlertKind.OUTAGE,
            str(key),
            message=f"{key} cannot be reached: {state.failures} calls in a row failed",
            hint="Nothing is lost: what waits is sent when the service is back. See the service's "
            "status page, and this machine's way to it.",
            at=self._database.clock.now(),
        )


def _is(key: CircuitKey) -> ColumnElement[bool]:
    return and_(circuits.c.service == key.service, circuits.c.name == key.name)


def _closed(key: CircuitKey) -> dict[str, Any]:
    zeros = dict.fromkeys(("failures", "openings", "probe", "ask_again_us"), 0)
    return {"service": key.service, "name": key.name, **zeros}


def _state(row: Row[Any]) -> CircuitState:
    wait_us = row.ask_again_us - row.now_us if row.openings else 0
    return CircuitState(row.failures, row.openings, row.probe, max(0, wait_us) / SECOND_US)
