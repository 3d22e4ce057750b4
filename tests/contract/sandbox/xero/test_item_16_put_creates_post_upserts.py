"""PUT creates, POST creates or updates (item 16)."""

import pytest

pytestmark = pytest.mark.contract


def test_post_with_a_known_name_overwrites_that_contact_silently(xero):
    old = xero.put_contact("Maple Florist", ContactNumber="001A")
    body = {"Name": "maple florist", "ContactNumber": "001B"}
    reply = xero.call("POST", "Contacts", json=body)
    [row] = reply.json()["Contacts"]
    assert (row["ContactID"], row["ContactNumber"]) == (old["ContactID"], "001B")


def test_post_finds_a_contact_by_its_number_and_keeps_what_is_left_out(xero):
    old = xero.put_contact("Maple", ContactNumber="001A", EmailAddress="a@example.com")
    body = {"ContactNumber": "001A", "Name": "Maple and Sons"}
    [row] = xero.call("POST", "Contacts", json=body).json()["Contacts"]
    assert (row["ContactID"], row["Name"]) == (old["ContactID"], "Maple and Sons")
    assert row["EmailAddress"] == "a@example.com"


def test_post_with_a_known_number_updates_that_invoice(xero):
    old = xero.put_invoice(InvoiceNumber="SF-1")
    body = {"Type": "ACCREC", "InvoiceNumber": "SF-1", "Reference": "again"}
    [row] = xero.call("POST", "Invoices", json=body).json()["Invoices"]
    assert (row["InvoiceID"], row["Reference"], row["Total"]) == (old["InvoiceID"], "again", 110.0)
