"""Lanes to an org: each gets its turn unless what stopped one would stop them all."""

import pytest

from sfxero.errors import (
    AuthenticationFailed,
    CircuitOpen,
    ConfigurationError,
    LedgerError,
    QuotaExhausted,
    RequestRejected,
    ServiceUnavailable,
    SyncError,
)
from sfxero.model.states import Entity
from sfxero.sync.draining import SHOWN
from sfxero.sync.org_ends import OrgReport
from sfxero.sync.org_lanes import LanesEnd, run_lanes

FIRST = SHOWN[0]


def lanes(*failures: SyncError, deferred_by: str | None = None) -> tuple[list[Entity], LanesEnd]:
    """Which lanes ran if the first ones failed like this, and their end."""
    left, ran = list(failures), []

    def publish(entity: Entity) -> OrgReport:
        ran.append(entity)
        if left:
            raise left.pop(0)
        return OrgReport(deferred_by=deferred_by)

    return ran, run_lanes(SHOWN, publish)


def test_what_opportunities_show_goes_first() -> None:
    assert FIRST is Entity.OPPORTUNITY_STATUS


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("a field is hidden"),
        RequestRejected("refused as a whole", status=400),
        ServiceUnavailable("a bad moment", service="salesforce"),
    ],
)
def test_a_failure_of_one_lane_is_no_other_lanes(error: SyncError) -> None:
    ran, end = lanes(error)

    assert ran == list(SHOWN)
    assert set(end.reports) == {*SHOWN} - {FIRST}
    with pytest.raises(type(error)):
        end.raise_worst()


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationFailed("no"),
        CircuitOpen("down", retry_after_s=60, service="salesforce"),
        LedgerError("no"),
        QuotaExhausted("spent"),
        ServiceUnavailable("no database", service="ledger"),
    ],
)
def test_what_would_stop_every_lane_ends_them(error: SyncError) -> None:
    ran, end = lanes(error)

    assert ran == [FIRST]
    assert end.failures == [error]


def test_a_lane_that_was_deferred_is_the_last() -> None:
    ran, end = lanes(deferred_by="the day is spent")

    assert (ran, end.deferred_by) == ([FIRST], "the day is spent")
    end.raise_worst()


def test_the_failure_that_needs_a_person_is_raised_and_names_the_others() -> None:
    passing = ServiceUnavailable("a bad moment", service="salesforce")
    _, end = lanes(passing, ConfigurationError("a field is hidden"))

    with pytest.raises(ConfigurationError) as caught:
        end.raise_worst()

    assert caught.value.__notes__ == [f"Another lane failed as well: {passing}"]
