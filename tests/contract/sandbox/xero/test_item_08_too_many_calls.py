"""429 (item 8)."""

from functools import partial

import pytest

pytestmark = pytest.mark.contract


def spend(xero, calls):
    return [xero.call("GET", "Currencies") for _ in range(calls)]


def test_the_call_after_the_minute_limit_is_refused_with_an_empty_body(xero):
    xero.switch(minute_limit=3)
    replies = spend(xero, 4)
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert replies[3].content == b""
    assert replies[3].headers["X-Rate-Limit-Problem"] == "minute"
    assert replies[3].headers["X-MinLimit-Remaining"] == "0"


def test_retry_after_of_the_minute_is_exactly_enough(xero):
    xero.switch(minute_limit=1)
    wait = int(spend(xero, 2)[1].headers["Retry-After"])
    assert 1 <= wait <= 60
    xero.sandbox.clock.advance(wait)
    assert xero.call("GET", "Currencies").status_code == 200


def test_a_sixth_call_in_flight_is_refused_without_retry_after(xero):
    xero.switch(read_latency_s=0.2)
    replies = xero.together(*[partial(xero.later, "GET", "Currencies")] * 6)
    refused = [reply for reply in replies if reply.status_code == 429]
    assert len(refused) == 1
    assert refused[0].headers["X-Rate-Limit-Problem"] == "concurrent"
    assert "Retry-After" not in refused[0].headers
    assert xero.call("GET", "Currencies").status_code == 200


def test_item_08_how_many_calls_at_once_and_their_problem_are_switches(xero):
    xero.switch(read_latency_s=0.2, concurrent_limit=2, concurrent_problem="Concurrent")
    replies = xero.together(*[partial(xero.later, "GET", "Currencies")] * 4)
    refused = [reply for reply in replies if reply.status_code == 429]
    assert [reply.headers["X-Rate-Limit-Problem"] for reply in refused] == ["Concurrent"] * 2


def test_item_08_the_app_minute_is_named_in_one_word_by_default(xero):
    xero.switch(app_minute_limit=0)
    assert xero.call("GET", "Currencies").headers["X-Rate-Limit-Problem"] == "appminute"


def test_the_app_minute_has_its_own_problem_and_no_retry_after(xero):
    xero.switch(app_minute_limit=1, app_minute_problem="app-minute")
    reply = spend(xero, 2)[1]
    assert reply.headers["X-Rate-Limit-Problem"] == "app-minute"
    assert "Retry-After" not in reply.headers


def test_the_problem_header_and_the_body_are_switches(xero):
    xero.switch(minute_limit=0, problem_header=False, body_429="slow down")
    reply = xero.call("GET", "Currencies")
    assert reply.text == "slow down"
    assert "X-Rate-Limit-Problem" not in reply.headers
