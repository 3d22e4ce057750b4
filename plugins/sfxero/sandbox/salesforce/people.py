"""Who uses the org, and which of them the present request acts for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """One user of the org."""

    user_id: str
    username: str
    name: str
    password: str


# Outside a request it is the salesperson whose hands the control plane moves.
_ACTING: ContextVar[str | None] = ContextVar("acting_user", default=None)


def acting_user_id() -> str | None:
    """Return the user whose request this is, None for the salesperson."""
    return _ACTING.get()


@contextmanager
def acting_as(user_id: str) -> Iterator[None]:
    """Serve a request of this user."""
    before = _ACTING.set(user_id)
    try:
        yield
    finally:
        _ACTING.reset(before)
