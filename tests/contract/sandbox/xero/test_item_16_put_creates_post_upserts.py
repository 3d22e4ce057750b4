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


def test_item_16_post_finds_a_contact_and_an_invoice_by_the_id_in_the_body(xero):
    contact, invoice = xero.put_contact("Maple"), xero.put_invoice(InvoiceNumber="SF-1")
    body = {"ContactID": contact["ContactID"], "Name": "Oak"}
    [row] = xero.post("Contacts", body)["Contacts"]
    assert (row["ContactID"], row["Name"]) == (contact["ContactID"], "Oak")
    body = {"InvoiceID": invoice["InvoiceID"], "InvoiceNumber": "SF-2"}
    [row] = xero.post("Invoices", body)["Invoices"]
    assert (row["InvoiceID"], row["InvoiceNumber"]) == (invoice["InvoiceID"], "SF-2")


def test_item_16_an_unknown_id_is_refused_and_creates_nothing(xero):
    unknown = "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"
    assert "was not found" in xero.refused("POST", "Contacts", {"ContactID": unknown, "Name": "A"})
    assert "was not found" in xero.refused("POST", "Invoices", {"InvoiceID": unknown})
    assert xero.sandbox.xero.books.contacts == {}


def test_item_16_put_never_updates(xero):
    xero.put_contact("Maple", ContactNumber="001A")
    xero.put_invoice(InvoiceNumber="SF-1", Reference="first")
    assert "already assigned" in xero.refused("PUT", "Contacts", {"Name": "Maple"})
    taken = {"Name": "Other", "ContactNumber": "001A"}
    assert "already assigned" in xero.refused("PUT", "Contacts", taken)
    assert "must be unique" in xero.invoice_refused(InvoiceNumber="SF-1", Reference="second")
    assert xero.get("Invoices/SF-1")["Invoices"][0]["Reference"] == "first"
