"""What an org says of its day, and the ceiling over a session's calls."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Lock

import httpx
import pytest

from sfxero.errors import QuotaExhausted
from sfxero.model.org_day import Allowance, OrgDay
from sfxero.salesforce.usage import CallCeiling, org_day, usage_in

LIMITS = "/services/data/v66.0/limits"
ANSWER = {
    "DailyApiRequests": {"Max": 115000, "Remaining": 114000, "Some App": {"Max": 0}},
    "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 9990},
}


def test_limits_are_read_as_what_is_used_of_what_is_allowed():
    assert org_day(ANSWER) == OrgDay(Allowance(1000, 115_000), Allowance(10, 10_000))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"DailyApiRequests": None},
        {"DailyApiRequests": {"Max": "5", "Remaining": 1}},
        {"DailyApiRequests": {"Max": 0, "Remaining": 0}},
        {"DailyApiRequests": {"Max": 5}},
    ],
)
def test_what_limits_do_not_say_is_unknown(answer):
    assert org_day(answer) == OrgDay(None, None)


@pytest.mark.parametrize(
    ("text", "usage"),
    [
        ("api-usage=18/15000", Allowance(18, 15_000)),
        ("api-usage=25/15000; per-app-api-usage=17/250(appName=x)", Allowance(25, 15_000)),
        ("per-app-api-usage=17/250(appName=x); api-usage=25/15000", Allowance(25, 15_000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("", None),
    ],
)
def test_both_forms_of_the_header_are_read(text, usage):
    assert usage_in(httpx.Response(200, headers={"Sforce-Limit-Info": text})) == usage


def test_a_user_who_may_not_see_the_limits_goes_by_the_replys_header(org, client):
    body = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]
    info = {"Sforce-Limit-Info": "api-usage=18/15000"}
    org.on(LIMITS, httpx.Response(403, json=body, headers=info))
    assert client.day() == OrgDay(Allowance(18, 15_000), None)


def test_limits_that_leave_the_calls_out_are_filled_from_the_header(org, client):
    answer = {"DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 9990}}
    info = {"Sforce-Limit-Info": "api-usage=18/15000"}
    org.on(LIMITS, httpx.Response(200, json=answer, headers=info))
    assert client.day() == OrgDay(Allowance(18, 15_000), Allowance(10, 10_000))


def test_a_spent_day_is_told_as_such_and_not_as_unknown(org, client):
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    org.on(LIMITS, httpx.Response(403, json=body))
    with pytest.raises(QuotaExhausted):
        client.day()


class Day:
    """Counts calls, and says how many there were."""

    def __init__(self, used):
        self.used = used
        self.lock = Lock()

    def call(self, ceiling):
        try:
            with ceiling.call(), self.lock:
                self.used += 1
                said = Allowance(self.used, 100)
        except QuotaExhausted:
            return False
        ceiling.see(said)
        return True


def test_a_ceiling_knows_nothing_before_the_first_reply_and_holds_after_it():
    ceiling, day = CallCeiling(Decimal("0.5")), Day(60)
    assert day.call(ceiling)
    assert not day.call(ceiling)
    assert day.used == 61


def test_calls_without_a_figure_count_as_well():
    ceiling = CallCeiling(Decimal("0.5"))
    ceiling.see(Allowance(48, 100))
    for _ in range(2):
        with ceiling.call():
            pass
    with pytest.raises(QuotaExhausted, match="50 of the org's 100"), ceiling.call():
        pytest.fail("no call is left")


def test_threads_of_a_session_do_not_exceed_the_share_together():
    ceiling, day = CallCeiling(Decimal("0.5")), Day(10)
    assert day.call(ceiling)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: day.call(ceiling), range(200)))
    assert day.used == 50
    assert answers.count(True) == 39


def test_a_reply_does_not_hide_a_call_that_is_still_under_way():
    ceiling = CallCeiling(Decimal("0.5"))
    with ceiling.call():
        ceiling.see(Allowance(49, 100))
        with pytest.raises(QuotaExhausted, match="50 of the org's 100"), ceiling.call():
            pytest.fail("the last call is under way")
