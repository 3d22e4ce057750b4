"""Tells a person, once, what only a person can mend: consent and connection."""

import logging
from collections.abc import Callable
from typing import Protocol

from sfxero.errors import SyncError
from sfxero.model.alerts import AlertKind

_log = logging.getLogger(__name__)


class Alerts(Protocol):
    """Keeps one open alert per kind and subject, however often it is raised."""

    def raise_(self, kind: AlertKind, subject: str, *, message: str, hint: str) -> bool:
        """Open the alert, or count it."""
        ...

    def close(self, kind: AlertKind, subject: str) -> bool:
        """Say that the trouble is over."""
        ...


class Watch:
    """One kind of trouble of one subject; an alert store that fails never hides the trouble."""

    def __init__(self, alerts: Alerts | None, kind: AlertKind, subject: str) -> None:
        """Without a store nobody is told."""
        self._alerts = alerts
        self._kind = kind
        self._subject = subject
        self._is_known_well = False

    def trouble(self, error: SyncError) -> None:
        """Open the alert with the error's words."""
        self._is_known_well = False
        if (alerts := self._alerts) is not None:
            self._told(
                lambda: alerts.raise_(
                    self._kind, self._subject, message=error.message, hint=error.hint or ""
                )
            )

    def well(self) -> None:
        """Close the alert; asked again and again, it asks the store once."""
        if (alerts := self._alerts) is not None and not self._is_known_well:
            self._is_known_well = self._told(lambda: alerts.close(self._kind, self._subject))

    def _told(self, tell: Callable[[], bool]) -> bool:
        try:
            tell()
        except SyncError as error:
            _log.warning("alert_not_stored kind=%s error=%s", self._kind, type(error).__name__)
            return False
        return True
