"""Call limits in fixed windows (item 7)."""

import pytest

pytestmark = pytest.mark.contract


def spend(xero, calls):
    return [xero.call("GET", "Currencies") for _ in range(calls)]


def test_the_minute_window_is_fixed_and_not_rolling(xero):
    xero.switch(minute_limit=2)
    spend(xero, 2)
    left = int(xero.call("GET", "Currencies").headers["Retry-After"])
    xero.sandbox.clock.advance(left - 1)
    assert xero.call("GET", "Currencies").status_code == 429


def test_the_day_limit_waits_long_and_spends_no_minute(xero):
    xero.switch(day_limit=2, minute_limit=60)
    reply = spend(xero, 3)[2]
    assert reply.headers["X-Rate-Limit-Problem"] == "day"
    assert 60 < int(reply.headers["Retry-After"]) <= 86_400
    assert reply.headers["X-DayLimit-Remaining"] == "0"
    assert reply.headers["X-MinLimit-Remaining"] == "58"


def test_each_tenant_reply_tells_what_remains(xero):
    xero.switch(minute_limit=60, day_limit=5000)
    headers = spend(xero, 2)[1].headers
    assert headers["X-MinLimit-Remaining"] == "58"
    assert headers["X-DayLimit-Remaining"] == "4998"
    assert headers["X-AppMinLimit-Remaining"] == "9998"


def test_refused_elements_and_missing_pages_are_counted_too(xero):
    xero.switch(minute_limit=60)
    xero.call("PUT", "Contacts", json={"Name": ""})
    reply = xero.call("GET", "NoSuchThing")
    assert reply.headers["X-MinLimit-Remaining"] == "58"


def test_item_07_the_free_tier_has_a_thousand_calls_a_day(xero):
    xero.switch(day_limit=1000)
    assert spend(xero, 1)[0].headers["X-DayLimit-Remaining"] == "999"


def test_item_07_windows_start_at_the_tenants_own_moment(xero):
    limits = xero.sandbox.xero.limits
    meters = [limits.meter("app", tenant) for tenant in ("one", "two", "three")]
    assert len({meter.day.offset_s for meter in meters}) == 3
