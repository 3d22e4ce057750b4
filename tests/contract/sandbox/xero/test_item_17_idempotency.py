"""Stored replies per Idempotency-Key (item 17)."""

from functools import partial

import pytest

pytestmark = pytest.mark.contract

KEY = {"Idempotency-Key": "attempt-1"}


def create(xero, name="Maple Florist", **options):
    return xero.call("PUT", "Contacts", json={"Name": name}, headers=KEY, **options)


def test_the_same_request_is_answered_again_without_a_second_effect(xero):
    first, second = create(xero), create(xero)
    assert first.content == second.content
    assert len(xero.sandbox.xero.books.contacts) == 1


def test_a_replay_counts_against_the_limits(xero):
    xero.switch(minute_limit=60)
    create(xero)
    assert create(xero).headers["X-MinLimit-Remaining"] == "58"


def test_the_rate_check_comes_before_the_stored_reply(xero):
    create(xero)
    xero.switch(minute_limit=0)
    assert create(xero).status_code == 429


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("PUT", "Contacts", "Another"),
        ("POST", "Contacts", "Maple Florist"),
        ("PUT", "Contacts?summarizeErrors=false", "Maple Florist"),
    ],
)
def test_another_request_under_the_same_key_is_refused(xero, method, path, name):
    create(xero)
    reply = xero.call(method, path, json={"Name": name}, headers=KEY)
    assert reply.status_code == 400
    assert reply.text == "Idempotency Key: attempt-1 is used with a different request."


@pytest.mark.parametrize(("length", "status"), [(128, 200), (129, 400)])
def test_a_key_has_at_most_128_characters(xero, length, status):
    headers = {"Idempotency-Key": "k" * length}
    reply = xero.call("PUT", "Contacts", json={"Name": "Maple"}, headers=headers)
    assert reply.status_code == status


@pytest.mark.parametrize(("seconds", "status"), [(359, 200), (360, 400)])
def test_a_key_lives_six_minutes_from_its_first_call(xero, seconds, status):
    create(xero)
    xero.sandbox.clock.advance(seconds)
    # Afterwards the same key creates again, and then the name is taken.
    assert create(xero).status_code == status


def test_keys_are_ignored_on_reads(xero):
    assert xero.call("GET", "Contacts", headers=KEY).status_code == 200
    assert create(xero).status_code == 200


@pytest.mark.parametrize(("stored", "status"), [(True, 400), (False, 200)])
def test_whether_a_400_is_stored_is_a_switch(xero, stored, status):
    xero.switch(idempotency_stores_400=stored)
    taken = xero.put_contact("Maple Florist")
    assert create(xero).status_code == 400
    xero.call("POST", "Contacts", json={"ContactID": taken["ContactID"], "Name": "Renamed"})
    assert create(xero).status_code == status


@pytest.mark.parametrize(("answer", "statuses"), [("wait", [200, 200]), ("conflict", [200, 409])])
def test_a_second_call_while_the_first_runs_never_creates_twice(xero, answer, statuses):
    xero.switch(write_latency_s=0.2, idempotency_in_flight=answer)
    call = partial(xero.later, "PUT", "Contacts", json={"Name": "Maple"}, headers=KEY)
    replies = xero.together(call, call)
    assert sorted(reply.status_code for reply in replies) == statuses
    assert len(xero.sandbox.xero.books.contacts) == 1


def test_a_server_error_after_the_commit_is_stored_and_repeated(xero):
    fault = {"kind": "error_after", "path": "/Contacts"}
    assert xero.send("POST", "/_sandbox/fault", json=fault).status_code == 200
    assert create(xero).status_code == 500
    assert create(xero).status_code == 500
    assert len(xero.sandbox.xero.books.contacts) == 1
