"""Webhooks to a receiver on this machine (item 28)."""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from sfxero.sandbox.server import serving

pytestmark = pytest.mark.contract

KEY = "webhook-key"
MINUTE_S, DAY_S = 60, 86_400


class Receiver(ThreadingHTTPServer):
    """Answers as a good receiver does, unless told otherwise; keeps what it was told."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.checks_signatures = True
        self.status, self.body, self.headers, self.delay_s = 200, b"", {}, 0.0
        self.bodies = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook"

    def handle_error(self, request, client_address):
        """The sandbox hangs up on a slow answer, as it should."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def told(self):
        """The payloads with events."""
        return [body for body in self.bodies if body["events"]]


class Answering(BaseHTTPRequestHandler):
    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        digest = hmac.new(KEY.encode(), raw, hashlib.sha256).digest()
        is_right = base64.b64encode(digest).decode() == self.headers["x-xero-signature"]
        payload = json.loads(raw)
        if is_right:
            self.server.bodies.append(payload)
        status = self.server.status if payload["events"] else 200
        if self.server.checks_signatures and not is_right:
            status = 401
        time.sleep(self.server.delay_s if payload["events"] else 0)
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        body = self.server.body if payload["events"] else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Keep the tests' output clean."""


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hooked(xero, receiver):
    """A sandbox whose webhook is on."""
    assert subscribe(xero, receiver)["status"] == "ok"
    receiver.bodies.clear()
    return xero


def subscribe(xero, receiver, **fields):
    order = {"url": receiver.url, "key": KEY, **fields}
    return xero.send("PUT", "/_sandbox/xero/webhook", json=order).json()


def pump(xero):
    return xero.hand("webhook/pump")


def events(receiver):
    return [event for body in receiver.told for event in body["events"]]


def test_item_28_the_intent_round_sends_right_and_wrong_signatures(xero, receiver):
    state = subscribe(xero, receiver)
    kinds = [entry["kind"] for entry in state["log"]]
    assert kinds == ["intent", "intent, wrong signature"] * 2
    assert all(
        (body["events"], body["firstEventSequence"], body["lastEventSequence"]) == ([], 0, 0)
        for body in receiver.bodies
    )


def test_item_28_a_receiver_that_does_not_check_signatures_stays_off(xero, receiver):
    receiver.checks_signatures = False
    assert subscribe(xero, receiver)["status"] == "refused"
    xero.put_contact("Maple")
    pump(xero)
    assert receiver.told == []


def test_item_28_an_event_tells_what_changed_and_is_signed(hooked, receiver):
    contact = hooked.put_contact("Maple")
    pump(hooked)
    [event] = events(receiver)
    assert event == {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/Contacts/{contact['ContactID']}",
        "resourceId": contact["ContactID"],
        "eventDateUtc": "2026-11-22T03:10:00.000",
        "eventType": "CREATE",
        "eventCategory": "CONTACT",
        "tenantId": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60",
        "tenantType": "ORGANISATION",
    }
    assert (receiver.told[0]["firstEventSequence"], receiver.told[0]["lastEventSequence"]) == (1, 1)
    assert len(receiver.told[0]["entropy"]) == 20


def test_item_28_edits_and_archiving_are_updates_and_undone_writes_are_not_told(hooked, receiver):
    contact = hooked.put_contact("Maple")
    hooked.hand(f"contacts/{contact['ContactID']}/archive")
    hooked.switch(partial_commit=False)
    hooked.call("PUT", "Contacts", json={"Contacts": [{"Name": "Good"}, {"Name": ""}]})
    pump(hooked)
    assert [event["eventType"] for event in events(receiver)] == ["CREATE", "UPDATE"]


def test_item_28_a_credit_note_brings_its_type_and_status(hooked, receiver):
    invoice = hooked.put_invoice()
    hooked.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "10.00"})
    pump(hooked)
    data = [event["data"] for event in events(receiver) if event["eventCategory"] == "CREDITNOTE"]
    assert data == [{"Type": "ACCRECCREDIT", "Status": "PAID"}]


@pytest.mark.parametrize(
    ("switched_on", "types"), [(True, ["CREATE", "UPDATE"]), (False, ["CREATE"])]
)
def test_item_28_whether_a_payment_fires_an_invoice_update_is_a_switch(
    hooked, receiver, switched_on, types
):
    hooked.switch(webhook_on_payment=switched_on)
    hooked.sandbox.clock.advance(1)
    invoice = hooked.put_invoice()
    hooked.sandbox.clock.advance(1)
    hooked.pay(invoice, "10.00")
    pump(hooked)
    told = [one["eventType"] for one in events(receiver) if one["eventCategory"] == "INVOICE"]
    assert told == types


def test_item_28_only_the_chosen_categories_are_told(xero, receiver):
    subscribe(xero, receiver, categories=["INVOICE"])
    xero.put_invoice()
    pump(xero)
    assert {event["eventCategory"] for event in events(receiver)} == {"INVOICE"}


def test_item_28_a_failure_is_retried_once_at_once_then_every_fifteen_minutes(hooked, receiver):
    receiver.status = 500
    hooked.put_contact("Maple")
    pump(hooked)
    assert len(receiver.told) == 2
    hooked.sandbox.clock.advance(15 * MINUTE_S - 1)
    pump(hooked)
    assert len(receiver.told) == 2
    hooked.sandbox.clock.advance(1)
    pump(hooked)
    assert len(receiver.told) == 3


def test_item_28_after_a_day_of_failures_the_hook_is_off_and_replays_in_order_later(
    hooked, receiver
):
    receiver.status = 500
    hooked.put_contact("First")
    for _ in range(97):
        pump(hooked)
        hooked.sandbox.clock.advance(15 * MINUTE_S)
    assert pump(hooked)["status"] == "disabled"
    hooked.token = hooked.grant().json()["access_token"]
    hooked.put_contact("Second")
    receiver.status = 200
    receiver.bodies.clear()
    assert hooked.hand("webhook/enable")["status"] == "ok"
    pump(hooked)
    assert [body["firstEventSequence"] for body in receiver.told] == [1]
    names = [
        hooked.get(f"Contacts/{event['resourceId']}")["Contacts"][0]["Name"]
        for event in events(receiver)
    ]
    assert names == ["First", "Second"]


def test_item_28_events_are_kept_thirty_one_days(hooked, receiver):
    receiver.status = 500
    hooked.put_contact("First")
    hooked.sandbox.clock.advance(31 * DAY_S)
    hooked.token = hooked.grant().json()["access_token"]
    hooked.put_contact("Second")
    assert hooked.send("GET", "/_sandbox/xero/webhook").json()["pending"] == 1


@pytest.mark.parametrize(
    ("fault", "value"),
    [("body", b"thanks"), ("headers", {"Set-Cookie": "a=b"}), ("status", 302), ("delay_s", 0.4)],
)
def test_item_28_a_slow_chatty_or_redirecting_answer_is_a_failure(hooked, receiver, fault, value):
    hooked.switch(webhook_timeout_s=0.2)
    setattr(receiver, fault, value)
    hooked.put_contact("Maple")
    state = pump(hooked)
    assert (state["pending"], state["log"][-1]["outcome"] == "ok") == (1, False)


def test_item_28_duplicates_are_a_switch(hooked, receiver):
    hooked.switch(webhook_duplicates=True)
    hooked.put_contact("Maple")
    pump(hooked)
    first, second = receiver.told
    assert first == second


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "http://10.0.0.1/", "ftp://127.0.0.1/", "nonsense"]
)
def test_item_28_events_go_to_this_machine_only(xero, url):
    reply = xero.send("PUT", "/_sandbox/xero/webhook", json={"url": url})
    assert reply.status_code == 400


def test_item_28_a_served_sandbox_delivers_by_itself(xero, receiver):
    subscribe(xero, receiver)
    xero.switch(webhook_background=True)
    arrived = threading.Event()
    receiver.bodies = _Noting(arrived)
    with serving(xero.sandbox) as base_url:
        path = f"{base_url}/_sandbox/xero/contacts"
        assert httpx.post(path, json={"Name": "Maple"}).status_code == 200
        assert arrived.wait(5)


class _Noting(list):
    """Tells when something was added."""

    def __init__(self, arrived):
        super().__init__()
        self._arrived = arrived

    def append(self, body):
        super().append(body)
        self._arrived.set()
