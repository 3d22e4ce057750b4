"""Archived and merged contacts (item 19)."""

import pytest

pytestmark = pytest.mark.contract


def archived(xero, name, **fields):
    contact = xero.put_contact(name, **fields)
    path = f"/_sandbox/xero/contacts/{contact['ContactID']}/archive"
    assert xero.send("POST", path).status_code == 200
    return contact


def test_the_name_of_an_archived_contact_is_free(xero):
    archived(xero, "Maple Florist")
    assert xero.put_contact("Maple Florist")["ContactStatus"] == "ACTIVE"


def test_a_contact_number_is_unique_even_against_archived_contacts(xero):
    archived(xero, "Old", ContactNumber="001A")
    message = xero.refused("PUT", "Contacts", {"Name": "New", "ContactNumber": "001A"})
    assert "is already assigned to another contact" in message


def test_an_archived_contact_cannot_be_edited(xero):
    old = archived(xero, "Maple")
    body = {"ContactID": old["ContactID"], "Name": "Maple 2", "ContactStatus": "ACTIVE"}
    assert "archived" in xero.refused("POST", "Contacts", body)


def test_an_archived_contact_is_refused(xero):
    contact = xero.put_contact("Maple")
    xero.send("POST", f"/_sandbox/xero/contacts/{contact['ContactID']}/archive")
    assert "archived" in xero.invoice_refused(Contact={"ContactID": contact["ContactID"]})
