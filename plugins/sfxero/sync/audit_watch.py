"""Keep an eye on the audit log: a person is told, once, that it does not add up."""

from typing import Final, Protocol

from sfxero.model.alerts import AlertKind
from sfxero.model.audit import ChainReport, Head
from sfxero.model.ids import RouteName

_HINT: Final = (
    "Run `sfxero audit verify`, compare with a backup of the ledger, and find out who can write "
    "to its database."
)


class Audit(Protocol):
    """Checks chains."""

    def verify(self, route: RouteName, *, known: Head | None = None) -> ChainReport:
        """Check the chain of a route, also against a head that was noted earlier."""
        ...


class Alerts(Protocol):
    """Keeps one open alert per kind and subject."""

    def raise_(self, kind: AlertKind, subject: str, *, message: str, hint: str) -> bool:
        """Open the alert, or count it."""
        ...

    def close(self, kind: AlertKind, subject: str) -> bool:
        """Say that the trouble is over."""
        ...


def watch_chain(
    audit: Audit, alerts: Alerts, route: RouteName, *, known: str | None
) -> ChainReport:
    """Check a route's log and raise or close its alert.

    `known` is the head of an earlier report as text; raises ValueError if it is none.
    """
    report = audit.verify(route, known=None if known is None else Head.from_text(known))
    if report.is_valid:
        alerts.close(AlertKind.AUDIT_BROKEN, route)
    else:
        alerts.raise_(AlertKind.AUDIT_BROKEN, route, message=report.objection, hint=_HINT)
    return report
