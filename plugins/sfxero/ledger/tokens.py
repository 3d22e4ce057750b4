"""Tokens of consents: one encrypted row per connection, renewed by one process at a time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Text, and_, or_, select, update

from sfxero.errors import ConfigurationError
from sfxero.ledger.engine import Database, put
from sfxero.ledger.moments import SECOND_US, Moment, as_datetime, store_moment
from sfxero.ledger.token_crypto import TokenCipher
from sfxero.ledger.token_tables import tokens
from sfxero.transport.tokens import AppAddress, Grant, HeldTokens, TokenState

_NO_LEASE: Final[Mapping[str, Any]] = {"lease_owner": None, "lease_until_us": None}
_SEALED: Final = ("access_token", "refresh_token", "previous_refresh_token")


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What may be shown of a connection's tokens."""

    connection: str
    app: AppAddress
    state: TokenState
    scopes: tuple[str, ...]
    tenants: Mapping[str, str]
    """Names of organisations by tenant id."""
    issued_at: datetime
    expires_at: datetime
    refresh_until_at: datetime
    key_id: str


class Tokens:
    """The token store; all its times are the database's, so that no two clocks need agree."""

    def __init__(
        self,
        database: Database,
        *,
        keys: Sequence[str] = (),
        now: Moment | None = None,
    ) -> None:
        """`keys` encrypt, newest first; `now` is the moment as SQL, for tests."""
        self._database = database
        self._cipher = TokenCipher(keys)
        self._now = store_moment(database) if now is None else now

    def require_key(self) -> None:
        """Raise ConfigurationError if there is no key to encrypt with."""
        _ = self._cipher.newest

    def read(self, connection: str) -> HeldTokens | None:
        """Return the tokens, None if there never was a consent."""
        now = self._now.label("now_us")
        statement = select(tokens, now).where(tokens.c.connection == connection)
        with self._database.read() as conn:
            row = conn.execute(statement).first()
        return None if row is None else self._held(row)

    def keep(self, connection: str, app: AppAddress, grant: Grant) -> None:
        """Store the tokens of a new consent in place of all that was there."""
        if grant.refresh_token is None:
            raise ConfigurationError(
                "a consent without a refresh token is not kept",
                hint="Add offline_access to `scopes` of the connection.",
            )
        values = {
            **self._fresh(grant, refresh_token=grant.refresh_token),
            "client_id": app.client_id,
            "token_url": app.token_url,
            "api_url": app.api_url,
            "state": TokenState.GOOD,
            "scopes": " ".join(grant.scopes),
            "tenants": "{}",
            "previous_refresh_token": None,
            "previous_until_us": None,
        }
        with self._database.write() as conn:
            put(conn, tokens, [_blank(connection)])
            conn.execute(update(tokens).where(tokens.c.connection == connection).values(values))

    def claim(self, connection: str, *, version: int, owner: str, lease_s: float) -> bool:
        """Take or prolong the right to renew this version; False if another has it, or did."""
        now = self._now
        is_free = or_(
            tokens.c.lease_until_us.is_(None),
            tokens.c.lease_until_us <= now,
            tokens.c.lease_owner == owner,
        )
        return self._change(
            tokens.c.connection == connection,
            tokens.c.version == version,
            tokens.c.state == TokenState.GOOD,
            is_free,
            lease_owner=owner,
            lease_until_us=now + round(lease_s * SECOND_US),
        )

    def replace(
        self, connection: str, grant: Grant, *, spent: str, version: int, owner: str, grace_s: float
    ) -> bool:
        """Store what `spent` was exchanged for; False, and nothing stored, if the lease is lost.

        The spent token is kept for its grace, should the new one turn out to be void.
        """
        values = self._fresh(grant, refresh_token=grant.refresh_token or spent)
        values |= {
            "previous_refresh_token": self._cipher.seal(spent),
            "previous_until_us": self._now + round(grace_s * SECOND_US),
        }
        if grant.scopes:
            values["scopes"] = " ".join(grant.scopes)
        return self._change(_leased(connection, version, owner), **values)

    def revoke(self, connection: str, *, version: int, owner: str) -> bool:
        """Say that the service refused the tokens for good; False if the lease is lost."""
        return self._change(
            _leased(connection, version, owner), state=TokenState.REVOKED, **_NO_LEASE
        )

    def release(self, connection: str, *, owner: str) -> None:
        """Give the lease back without new tokens."""
        self._change(tokens.c.connection == connection, tokens.c.lease_owner == owner, **_NO_LEASE)

    def note_tenants(self, connection: str, tenants: Mapping[str, str]) -> None:
        """Remember which organisations the consent reaches."""
        self._change(tokens.c.connection == connection, tenants=json.dumps(dict(tenants)))

    def facts(self, app: AppAddress | None = None) -> list[TokenFacts]:
        """Return what may be shown, of one app or of all; needs no key."""
        statement = select(tokens).order_by(tokens.c.connection)
        if app is not None:
            statement = statement.where(
                tokens.c.client_id == app.client_id,
                tokens.c.token_url == app.token_url,
                tokens.c.api_url == app.api_url,
            )
        with self._database.read() as conn:
            return [_facts(row) for row in conn.execute(statement)]

    def rotate(self) -> int:
        """Encrypt all rows with the newest key; returns how many had another.

        Rows whose key is not at hand are named in a ConfigurationError, after all others are done.
        """
        newest, done, failures = self._cipher.newest, 0, []
        for facts in self.facts():
            if facts.key_id == newest:
                continue
            try:
                done += self._reseal(facts.connection)
            except ConfigurationError as error:
                failures.append(error)
        if failures:
            unread = "; ".join(one.message for one in failures)
            raise ConfigurationError(
                f"{done} rows were encrypted anew; {unread}", hint=failures[0].hint
            )
        return done

    def _reseal(self, connection: str) -> int:
        mine = tokens.c.connection == connection
        with self._database.write() as conn:
            row = conn.execute(select(tokens).where(mine).with_for_update()).one()
            values = {
                name: self._cipher.seal(self._open(row, name))
                for name in _SEALED
                if getattr(row, name) is not None
            }
            values["key_id"] = self._cipher.newest
            return conn.execute(update(tokens).where(mine).values(values)).rowcount

    def _fresh(self, grant: Grant, *, refresh_token: str) -> dict[str, Any]:
        now = self._now
        return {
            "version": tokens.c.version + 1,
            "key_id": self._cipher.newest,
            "access_token": self._cipher.seal(grant.access_token),
            "refresh_token": self._cipher.seal(refresh_token),
            "issued_us": now,
            "expires_us": now + grant.life_s * SECOND_US,
            "refresh_until_us": now + grant.refresh_life_s * SECOND_US,
            **_NO_LEASE,
        }

    def _held(self, row: Row[Any]) -> HeldTokens:
        has_previous = row.previous_until_us is not None and row.previous_until_us > row.now_us
        return HeldTokens(
            app=_app(row),
            state=TokenState(row.state),
            version=row.version,
            life_s=(row.expires_us - row.issued_us) / SECOND_US,
            left_s=(row.expires_us - row.now_us) / SECOND_US,
            unused_s=(row.now_us - row.issued_us) / SECOND_US,
            access_token=self._open(row, "access_token"),
            refresh_token=self._open(row, "refresh_token"),
            previous=self._open(row, "previous_refresh_token") if has_previous else None,
        )

    def _open(self, row: Row[Any], column: str) -> str:
        sealed: str = getattr(row, column)
        return self._cipher.open(sealed, key_id=row.key_id, connection=row.connection)

    def _change(self, *conditions: ColumnElement[bool], **values: Any) -> bool:
        statement = update(tokens).where(*conditions).values(values)
        with self._database.write() as conn:
            return conn.execute(statement).rowcount == 1


def _blank(connection: str) -> dict[str, Any]:
    """Return a row to be filled in the same transaction."""
    needed = [column for column in tokens.c if not column.nullable]
    row = {one.name: "" if isinstance(one.type, Text) else 0 for one in needed}
    return {**row, "connection": connection, "state": TokenState.GOOD}


def _leased(connection: str, version: int, owner: str) -> ColumnElement[bool]:
    """Fence out whoever lost its lease, or was overtaken by a new consent."""
    return and_(
        tokens.c.connection == connection,
        tokens.c.version == version,
        tokens.c.lease_owner == owner,
    )


def _app(row: Row[Any]) -> AppAddress:
    return AppAddress(client_id=row.client_id, token_url=row.token_url, api_url=row.api_url)


def _facts(row: Row[Any]) -> TokenFacts:
    return TokenFacts(
        connection=row.connection,
        app=_app(row),
        state=TokenState(row.state),
        scopes=tuple(row.scopes.split()),
        tenants=json.loads(row.tenants),
        issued_at=as_datetime(row.issued_us),
        expires_at=as_datetime(row.expires_us),
        refresh_until_at=as_datetime(row.refresh_until_us),
        key_id=row.key_id,
    )
