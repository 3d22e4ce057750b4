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


def test_item_19_a_merge_moves_the_documents_and_points_to_the_winner(xero):
    loser, winner = xero.put_contact("Maple"), xero.put_contact("Maple Florist")
    invoice = xero.put_invoice(Contact={"ContactID": loser["ContactID"]})
    xero.sandbox.clock.advance(5)
    xero.hand(f"contacts/{loser['ContactID']}/merge", {"into": winner["ContactID"]})
    [row] = xero.get(f"Contacts/{loser['ContactID']}")["Contacts"]
    assert (row["ContactStatus"], row["MergedToContactID"]) == ("ARCHIVED", winner["ContactID"])
    assert row["UpdatedDateUTC"] != loser["UpdatedDateUTC"]
    assert xero.invoice(invoice)["Contact"]["ContactID"] == winner["ContactID"]


def test_item_19_the_pointer_shows_on_paged_and_single_reads_only(xero):
    loser, winner = xero.put_contact("Maple"), xero.put_contact("Maple Florist")
    xero.hand(f"contacts/{loser['ContactID']}/merge", {"into": winner["ContactID"]})
    listed = xero.get("Contacts?includeArchived=true")["Contacts"]
    paged = xero.get("Contacts?includeArchived=true&page=1")["Contacts"]
    assert not any("MergedToContactID" in row for row in listed)
    assert sum("MergedToContactID" in row for row in paged) == 1


def test_item_19_only_active_different_contacts_can_be_merged(xero):
    contact = xero.put_contact("Maple")
    path = f"contacts/{contact['ContactID']}/merge"
    xero.hand(path, {"into": contact["ContactID"]}, status=409)
    xero.hand(path, {"into": "none"}, status=404)


def test_item_19_a_person_can_bring_a_contact_back(xero):
    contact = archived(xero, "Maple")
    xero.hand(f"contacts/{contact['ContactID']}/restore")
    assert xero.get("Contacts")["Contacts"][0]["ContactStatus"] == "ACTIVE"
