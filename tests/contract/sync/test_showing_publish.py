"""Writing to Salesforce: each record ends by its own result, and nothing is lost on the way."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.showing import Showing

from sfxero.errors import ConfigurationError, RequestRejected
from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.model.ids import RunId, SourceId
from sfxero.model.outbox import PlannedEntry, SourceVersion
from sfxero.model.states import Entity, EntryState, Operation
from sfxero.sync.bodies import payload_hash
from sfxero.sync.draining import org_with_work, tenant_with_work

pytestmark = pytest.mark.contract

STATUS = Entity.OPPORTUNITY_STATUS
COLLECTION = "/composite/sobjects"


class Deals(Showing):
    """Opportunities with wishes for them, without any invoice behind."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.org_switch(refused_records={}, fail_ingest_after_rows=None, job_delay_s=0)
        self.account = world.account()

    def deals(self, count: int) -> list[str]:
        fields = {"AccountId": self.account, "StageName": "Closed Won", "CloseDate": "2026-11-20"}
        return [self.world.new("Opportunity", Name=f"D{n}", **fields) for n in range(count)]

    def plan(self, ids: list[str], *, number: str = "SF-1", age: int = 0, extra: str = "") -> None:
        stamp_at = datetime.fromisoformat("2026-11-01T00:00:00+00:00") + timedelta(seconds=age)
        values = '"Xero_Amount_Due__c":12.10,"Xero_Paid_On__c":null'
        payload = f'{{"Xero_Invoice_Number__c":"{number}",{values}{extra}}}'
        wishes = [
            PlannedEntry(
                route=self.world.spec.route,
                tenant=self.org,
                entity=STATUS,
                source_id=SourceId(one),
                payload=payload,
                content_hash=payload_hash(payload),
                version=SourceVersion(stamp_at=stamp_at, read_at=stamp_at),
                mapping_version="v",
                meta={"synced_at": "2026-11-22T00:00:00+00:00", "invoice_number": number},
            )
            for one in ids
        ]
        list(self.world.ledger.outbox.plan(RunId("demo/show/test"), wishes))

    def numbers(self, ids: list[str]) -> list[Any]:
        return [self.shown(one)["Invoice_Number"] for one in ids]

    def removed_jobs(self) -> int:
        calls = self.world.control("GET", "/journal")
        return sum(one["method"] == "DELETE" and "/jobs/ingest/" in one["path"] for one in calls)

    def amounts_due(self, opportunity: str) -> str:
        return f"{Decimal(str(self.shown(opportunity)['Amount_Due'])):.2f}"

    def states(self) -> list[EntryState]:
        return [EntryState(one) for one in self.world.states()]


@pytest.fixture
def deals(world: World) -> Deals:
    return Deals(world)


def test_two_hundred_records_go_in_one_call_and_one_more_in_another(deals: Deals) -> None:
    ids = deals.deals(201)
    deals.plan(ids)
    deals.world.forget_calls()

    report = deals.publish()

    assert (report.batches, report.written) == (2, 201)
    assert deals.org_writes() == ["PATCH composite/sobjects"] * 2
    assert set(deals.numbers(ids)) == {"SF-1"}


@pytest.mark.parametrize("kind", ["lost_reply", "error_after", "truncated_json", "timeout_before"])
def test_after_a_lost_reply_the_same_values_go_again(deals: Deals, kind: str) -> None:
    ids = deals.deals(3)
    deals.plan(ids)
    deals.world.fail(kind, COLLECTION)

    report = deals.publish()

    # The call may be at work still, and hold the records: its repeat would meet its locks.
    assert (report.written, report.in_doubt, report.batches) == (0, 3, 1)
    assert set(deals.states()) == {EntryState.RETRY_LATER}
    deals.world.sleep(61)
    assert deals.publish().written == 3
    assert deals.numbers(ids) == ["SF-1"] * 3
    assert set(deals.states()) == {EntryState.SETTLED}


def test_a_call_that_never_answers_is_repeated_ever_less_often(
    deals: Deals,
) -> None:
    deals.plan(deals.deals(1))
    deals.world.fail("error_after", COLLECTION, count=6)

    batches = []
    for seconds in (59, 2, 61, 61, 61, 61):
        batches.append(deals.publish().batches)
        deals.world.sleep(seconds)

    assert batches == [1, 0, 1, 1, 0, 1]


def test_a_call_that_must_have_ended_is_repeated_at_once(deals: Deals) -> None:
    ids = deals.deals(1)
    deals.plan(ids)
    outbox = deals.world.ledger.outbox
    (entry,) = outbox.claim(deals.org, STATUS, owner="dead", limit=200, lease_s=60)
    outbox.store_attempt(
        [entry.entry_id],
        owner="dead",
        operation=Operation.UPDATE,
        body_hash="h",
        idempotency_key="call-1",
        deadline_at=deals.world.clock.now(),
    )
    deals.world.sleep(601)

    assert deals.publish().written == 1


def test_a_dead_publishers_entries_go_again_after_its_lease(deals: Deals) -> None:
    ids = deals.deals(2)
    deals.plan(ids)
    taken = deals.world.ledger.outbox.claim(deals.org, STATUS, owner="dead", limit=200, lease_s=60)
    assert len(taken) == 2
    assert deals.publish().written == 0
    deals.world.sleep(61)

    assert deals.publish().written == 2
    assert deals.numbers(ids) == ["SF-1"] * 2


def test_former_values_are_sent_over_those_that_a_dead_publisher_may_have_written(
    deals: Deals,
) -> None:
    (one,) = ids = deals.deals(1)
    deals.plan(ids)
    deals.publish()
    deals.plan(ids, number="SF-2", age=1)
    deals.world.ledger.outbox.claim(deals.org, STATUS, owner="dead", limit=200, lease_s=60)
    deals.world.edit("Opportunity", one, Xero_Invoice_Number__c="SF-2")
    deals.plan(ids, age=2)
    deals.world.sleep(61)

    deals.publish()

    assert deals.numbers(ids) == ["SF-1"]


def test_a_refused_record_is_a_dead_letter_and_the_others_are_written(deals: Deals) -> None:
    good, bad, gone = ids = deals.deals(3)
    deals.plan(ids)
    deals.world.org_switch(refused_records={bad: "Not on a Sunday"})
    deals.world.delete("Opportunity", gone)

    report = deals.publish()

    assert (report.written, report.refused, report.gone, report.failed_batches) == (1, 1, 1, 0)
    assert deals.numbers([good, bad]) == ["SF-1", None]
    dead = EntryFilter(states=frozenset({EntryState.DEAD}))
    (letter,) = deals.world.ledger.outbox.listing(dead, limit=9)
    assert (letter.source_id, letter.error_class) == (bad, "Refused")
    assert "Not on a Sunday" in str(letter.message)
    assert letter.hint


@pytest.mark.parametrize("code", ["INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"])
@pytest.mark.parametrize("most_by_collections", [2_000, 1])
def test_a_look_up_that_a_flow_finds_nothing_by_is_not_taken_for_a_deleted_opportunity(
    deals: Deals, code: str, most_by_collections: int
) -> None:
    good, bad = ids = deals.deals(2)
    deals.plan(ids)
    deals.world.org_switch(refused_records={bad: f"{code}:invalid cross reference id"})

    report = deals.publish(most_by_collections=most_by_collections)

    assert (report.written, report.refused, report.gone) == (1, 1, 0)
    dead = EntryFilter(states=frozenset({EntryState.DEAD}))
    (letter,) = deals.world.ledger.outbox.listing(dead, limit=9)
    assert letter.source_id == bad
    assert str(letter.message).startswith(f"{code}: invalid cross reference id")
    assert "sharing" in str(letter.hint)
    assert deals.numbers([good, bad]) == ["SF-1", None]


def test_an_opportunity_that_the_user_cannot_see_is_a_dead_letter(deals: Deals) -> None:
    (purged,) = ids = deals.deals(1)
    deals.plan(ids)
    deals.world.control("POST", f"/salesforce/Opportunity/{purged}/hard_delete")

    report = deals.publish()

    assert (report.refused, report.gone) == (1, 0)
    assert deals.states() == [EntryState.DEAD]


def test_a_batch_of_which_nothing_was_written_is_told(deals: Deals) -> None:
    ids = deals.deals(2)
    deals.plan(ids)
    deals.world.org_switch(refused_records=dict.fromkeys(ids, "Not on a Sunday"))

    report = deals.publish()

    assert (report.failed_batches, report.refused) == (1, 2)
    assert "Not on a Sunday" in str(report.failure)


def test_a_lock_that_is_soon_given_back_costs_a_second_call_only(deals: Deals) -> None:
    ids = deals.deals(2)
    deals.plan(ids)
    body = {"ids": [deals.account], "seconds": 0.5}
    deals.world.control("POST", "/salesforce/locks", body)

    report = deals.publish()

    assert (report.written, report.put_off, report.failed_batches) == (2, 0, 0)


def test_a_lock_that_stays_puts_the_batch_off_and_is_told(deals: Deals) -> None:
    ids = deals.deals(2)
    deals.plan(ids)
    body = {"ids": [deals.account], "seconds": 30}
    deals.world.control("POST", "/salesforce/locks", body)

    report = deals.publish()

    assert (report.written, report.put_off, report.failed_batches) == (0, 2, 1)
    assert set(deals.states()) == {EntryState.RETRY_LATER}
    deals.world.sleep(61)
    assert deals.publish().written == 2


def test_a_lock_that_stays_for_hours_is_tried_ever_less_often_and_kills_nothing(
    deals: Deals,
) -> None:
    ids = deals.deals(1)
    deals.plan(ids)
    deals.world.control("POST", "/salesforce/locks", {"ids": [deals.account], "seconds": 6 * 3600})

    batches = []
    for seconds in (61, 61, 61, 3601, 3601, 3601, 3601, 3601):
        batches.append(deals.publish().batches)
        deals.world.sleep(seconds)

    assert batches == [1, 1, 0, 1, 1, 1, 1, 1]
    assert deals.states() == [EntryState.RETRY_LATER]
    deals.world.sleep(6 * 3600)
    assert deals.publish().written == 1


def test_more_records_than_collections_are_for_go_by_one_job(deals: Deals) -> None:
    good, other, bad = ids = deals.deals(3)
    deals.plan(ids)
    deals.world.org_switch(refused_records={bad: "Not on a Sunday"}, job_delay_s=7)
    deals.world.forget_calls()

    report = deals.publish(most_by_collections=2)

    assert (report.jobs, report.written, report.refused) == (1, 2, 1)
    assert deals.numbers([good, other, bad]) == ["SF-1", "SF-1", None]
    assert deals.amounts_due(good) == "12.10"
    kinds = [one.split("/")[0] for one in deals.org_writes()]
    assert kinds == ["POST jobs", "PUT jobs", "PATCH jobs"]


def test_a_job_empties_fields(deals: Deals) -> None:
    ids = deals.deals(3)
    for one in ids:
        deals.world.edit("Opportunity", one, Xero_Paid_On__c="2026-11-01")
    deals.plan(ids)

    deals.publish(most_by_collections=2)

    assert [deals.shown(one)["Paid_On"] for one in ids] == [None] * 3


def test_rows_that_a_failed_job_left_go_again(deals: Deals) -> None:
    ids = deals.deals(3)
    deals.plan(ids)
    deals.world.org_switch(fail_ingest_after_rows=1)

    report = deals.publish(most_by_collections=2)
    deals.world.org_switch(fail_ingest_after_rows=None)
    deals.world.sleep(61)

    assert report.put_off == 2
    assert deals.publish().written == 2
    assert deals.numbers(ids) == ["SF-1"] * 3


def test_why_a_job_failed_is_told_of_each_record_and_can_be_looked_at(deals: Deals) -> None:
    deals.plan(deals.deals(3))
    deals.world.org_switch(fail_ingest_after_rows=0)
    deals.world.forget_calls()

    report = deals.publish(most_by_collections=2)

    said = "InternalServerError : The job failed after 0 rows"
    assert (report.put_off, report.failed_batches) == (3, 1)
    assert said in str(report.failure)
    assert [said in str(one.reason) for one in deals.world._rows()] == [True] * 3
    assert deals.removed_jobs() == 0


def test_a_job_that_did_its_work_is_removed(deals: Deals) -> None:
    deals.plan(deals.deals(3))
    deals.world.forget_calls()
    deals.publish(most_by_collections=2)
    assert deals.removed_jobs() == 1


def test_an_upload_that_is_refused_as_a_whole_does_not_go_again(deals: Deals) -> None:
    deals.plan(deals.deals(3), extra=',"Xero_Former__c":1')

    report = deals.publish(most_by_collections=2)

    assert (report.refused, report.put_off, report.failed_batches) == (3, 0, 1)
    assert "InvalidBatch: Field name not found : Xero_Former__c" in str(report.failure)
    assert set(deals.states()) == {EntryState.DEAD}
    assert all("refused the whole upload" in one for one in deals.world.letters())


def test_a_job_whose_maker_died_is_followed_before_anything_newer_goes(deals: Deals) -> None:
    ids = deals.deals(3)
    deals.plan(ids)
    deals.world.org_switch(job_delay_s=40)
    deals.world.fail("error_before", "/jobs/ingest/750[^/]*$", method="GET", count=5)
    with pytest.raises(Exception, match="503"):
        deals.publish(most_by_collections=2)
    assert set(deals.states()) == {EntryState.IN_DOUBT}
    deals.plan(ids, number="SF-2", age=1)

    deals.publish()

    assert deals.numbers(ids) == ["SF-2"] * 3
    deals.world.sleep(100)
    assert deals.numbers(ids) == ["SF-2"] * 3


def test_a_job_that_outlasts_its_lane_is_left_to_the_next(deals: Deals) -> None:
    ids = deals.deals(3)
    deals.plan(ids)
    deals.world.org_switch(job_delay_s=120)
    ends_at = deals.world.clock.now() + timedelta(seconds=60)

    report = deals.publish(most_by_collections=2, ends_at=ends_at)

    assert (report.in_doubt, report.written) == (3, 0)
    assert deals.world.clock.now() < ends_at + timedelta(seconds=10)
    assert deals.publish().written == 3
    assert deals.numbers(ids) == ["SF-1"] * 3


def test_a_job_that_was_never_started_is_ended_and_its_records_go_again(deals: Deals) -> None:
    ids = deals.deals(3)
    deals.plan(ids)
    deals.world.fail("error_before", "/jobs/ingest/750[^/]*$", method="PATCH", count=5)
    with pytest.raises(Exception, match="503"):
        deals.publish(most_by_collections=2)

    assert deals.publish().written == 3
    assert deals.numbers(ids) == ["SF-1"] * 3


def test_a_missing_field_is_named_before_anything_is_sent(deals: Deals) -> None:
    deals.plan(deals.deals(1))
    hidden = ["Opportunity.Xero_Amount_Due__c"]
    deals.world.org_switch(hidden_fields=hidden, read_only_fields=["Opportunity.Xero_Paid_On__c"])
    try:
        with pytest.raises(ConfigurationError) as caught:
            deals.publish()
    finally:
        deals.world.org_switch(hidden_fields=[], read_only_fields=[])
    assert "Xero_Amount_Due__c is missing or hidden" in caught.value.message
    assert "Xero_Paid_On__c is read-only" in caught.value.message
    assert set(deals.states()) == {EntryState.PENDING}


def test_a_call_that_is_refused_as_a_whole_leaves_its_entries_waiting(deals: Deals) -> None:
    deals.plan(deals.deals(1))
    deals.world.fail("error_before", COLLECTION, status=400)

    with pytest.raises(RequestRejected):
        deals.publish()

    assert set(deals.states()) == {EntryState.PENDING}


def test_what_waits_for_salesforce_is_work_of_its_own(deals: Deals) -> None:
    outbox, now = deals.world.ledger.outbox, deals.world.clock.now()
    route = deals.scope("any").route
    assert org_with_work(outbox, route, now=now) is None
    deals.plan(deals.deals(1))

    assert org_with_work(outbox, route, now=now) == deals.org
    assert tenant_with_work(outbox, route, now=now, configured=None) is None
