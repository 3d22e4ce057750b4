"""JSON only, envelope and dates (item 10)."""

from uuid import UUID

import pytest

pytestmark = pytest.mark.contract


def test_xml_is_refused_when_json_is_not_asked_for(xero):
    reply = xero.call("GET", "Organisation", headers={"Accept": "*/*"})
    assert (reply.status_code, reply.headers["content-type"]) == (406, "text/plain; charset=utf-8")


def test_a_write_must_say_that_its_body_is_json(xero):
    reply = xero.call("PUT", "Contacts", content=b"{}", headers={"Content-Type": "text/xml"})
    assert reply.status_code == 412


def test_every_reply_has_the_envelope_and_its_own_correlation_id(xero):
    first, second = xero.call("GET", "Organisation"), xero.call("GET", "Organisation")
    body = first.json()
    assert (body["Status"], body["DateTimeUTC"]) == ("OK", "/Date(1795317000000)/")
    assert body["ProviderName"] == "Sandbox custom connection"
    assert UUID(body["Id"])
    assert first.headers["Xero-Correlation-Id"] != second.headers["Xero-Correlation-Id"]


@pytest.mark.parametrize(
    "sent", ["2026-11-05", "2026-11-05T00:00:00", "/Date(1793836800000+0000)/"]
)
def test_a_document_date_is_a_calendar_day_and_midnight_utc(xero, sent):
    row = xero.put_invoice(Date=sent)
    assert row["DateString"] == "2026-11-05T00:00:00"
    assert row["Date"] == "/Date(1793836800000+0000)/"


def test_item_10_the_offset_of_dates_is_a_switch_and_moves_no_milliseconds(xero):
    before = xero.put_invoice(Date="2026-11-05")["Date"]
    xero.switch(date_offset="+1100")
    assert xero.put_invoice(Date="2026-11-05")["Date"] == before.replace("+0000", "+1100")


def test_item_10_times_have_a_readable_twin(xero):
    invoice = xero.put_invoice()
    payment = xero.pay(invoice, "1.00")
    for row in (invoice, payment):
        assert row["UpdatedDateUTCString"] == "2026-11-22T03:10:00Z"
