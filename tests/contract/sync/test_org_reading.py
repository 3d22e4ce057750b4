"""Whole objects of the org, read by jobs that a retry finds again."""

import pytest
from tests.contract.sync.kit import World

from sfxero.errors import JobFailed
from sfxero.sync.org_reading import OPPORTUNITY, OrgReading, forget

pytestmark = pytest.mark.contract

MANY = 2_100
"""More than a query is worth."""


def reading(world: World) -> OrgReading:
    """A try of its own, which knows only what lies in staging."""
    return OrgReading(world.scope("reconcile-1"), world.salesforce)


def jobs_made(world: World) -> int:
    entries = world.control("GET", "/journal")
    return sum(one["method"] == "POST" and one["path"].endswith("/jobs/query") for one in entries)


def test_a_small_org_is_read_without_any_job(world: World) -> None:
    world.won(world.account())
    reading(world).submit()
    assert reading(world).is_done()
    assert reading(world).read() == {"Opportunity": 1, "Account": 1}
    assert jobs_made(world) == 0


def test_a_retry_goes_on_with_the_job_of_the_try_before(world: World) -> None:
    world.control("POST", "/salesforce/seed_big", {"rows": MANY})
    world.org_switch(job_delay_s=60)
    reading(world).submit()
    assert not reading(world).is_done()
    reading(world).submit()
    world.sleep(61)
    assert reading(world).is_done()
    assert reading(world).read()["Opportunity"] == MANY
    # Read already: nothing is asked for again.
    assert reading(world).read()["Opportunity"] == MANY
    assert jobs_made(world) == 1


def test_a_run_that_is_started_again_reads_anew(world: World) -> None:
    world.account()
    first = reading(world)
    first.submit()
    world.account("Another")
    forget(first)
    reading(world).submit()
    assert reading(world).read()["Account"] == 2


def test_a_job_that_is_gone_is_said_so(world: World) -> None:
    world.control("POST", "/salesforce/seed_big", {"rows": MANY})
    world.org_switch(job_delay_s=60)
    org = reading(world)
    org.submit()
    ref = org._ref(org.folder(OPPORTUNITY))
    assert ref is not None
    path = f"/services/data/v{ref.api_version}/jobs/query/{ref.job_id}"
    world.salesforce.session.call("PATCH", path, content=b'{"state":"Aborted"}')
    with pytest.raises(JobFailed, match="ended as Aborted"):
        reading(world).is_done()
