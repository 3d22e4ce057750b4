import logging

import pytest

from sfxero.errors import ConsentRevoked, ServiceUnavailable
from sfxero.model.alerts import AlertKind
from sfxero.xero.watch import Watch

KIND = AlertKind.CONSENT_REVOKED
REVOKED = ConsentRevoked("the consent is gone", hint="Connect again.")


class FakeAlerts:
    def __init__(self, failures: int = 0) -> None:
        self.told: list[tuple[object, ...]] = []
        self.failures = failures

    def raise_(self, kind: AlertKind, subject: str, *, message: str, hint: str) -> bool:
        return self._note("raise", kind, subject, message, hint)

    def close(self, kind: AlertKind, subject: str) -> bool:
        return self._note("close", kind, subject)

    def _note(self, *told: object) -> bool:
        if self.failures:
            self.failures -= 1
            raise ServiceUnavailable("the ledger is down")
        self.told.append(told)
        return True


def test_trouble_is_told_in_the_errors_own_words() -> None:
    alerts = FakeAlerts()
    Watch(alerts, KIND, "books").trouble(REVOKED)
    assert alerts.told == [("raise", KIND, "books", "the consent is gone", "Connect again.")]


def test_that_all_is_well_is_told_once_until_there_is_trouble_again() -> None:
    alerts = FakeAlerts()
    watch = Watch(alerts, KIND, "books")
    watch.well()
    watch.well()
    watch.trouble(REVOKED)
    watch.well()
    assert [told[0] for told in alerts.told] == ["close", "raise", "close"]


def test_alerts_that_cannot_be_stored_hide_nothing_and_are_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    alerts = FakeAlerts(failures=2)
    watch = Watch(alerts, KIND, "books")
    with caplog.at_level(logging.WARNING):
        watch.trouble(REVOKED)
        watch.well()
    watch.well()
    assert caplog.text.count("alert_not_stored") == 2
    assert [told[0] for told in alerts.told] == ["close"]


def test_without_a_store_nobody_is_told() -> None:
    watch = Watch(None, KIND, "books")
    watch.trouble(REVOKED)
    watch.well()
