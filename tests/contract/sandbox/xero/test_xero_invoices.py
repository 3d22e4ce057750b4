"""Invoice states, messages, references and updates (items 19, 20, 22 and 23)."""

import pytest

pytestmark = pytest.mark.contract

LINE = {"Description": "Advice", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200"}


def post(xero, invoice, **fields):
    return xero.call("POST", f"Invoices/{invoice['InvoiceID']}", json=fields)


def changed(xero, invoice, **fields):
    reply = post(xero, invoice, **fields)
    assert reply.status_code == 200, reply.text
    return reply.json()["Invoices"][0]


def refused(xero, invoice, **fields):
    return xero.refused("POST", f"Invoices/{invoice['InvoiceID']}", fields)


def in_state(xero, status):
    """An invoice that has reached a state by the allowed way."""
    first = {"DELETED": "DRAFT", "VOIDED": "AUTHORISED", "PAID": "AUTHORISED"}.get(status, status)
    invoice = xero.put_invoice(Status=first)
    if status in {"VOIDED", "DELETED"}:
        changed(xero, invoice, Status=status)
    elif status == "PAID":
        pay(xero, invoice, "110.00")
    return invoice


def pay(xero, invoice, amount):
    path = f"/_sandbox/xero/invoices/{invoice['InvoiceID']}/pay"
    reply = xero.send("POST", path, json={"amount": amount})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "AUTHORISED"])
def test_a_new_invoice_may_start_in_these_states(xero, status):
    assert xero.put_invoice(Status=status)["Status"] == status


def test_a_new_invoice_is_a_draft_by_default(xero):
    assert xero.put_invoice(Status=...)["Status"] == "DRAFT"


@pytest.mark.parametrize("status", ["PAID", "VOIDED", "DELETED"])
def test_no_invoice_starts_in_an_end_state(xero, status):
    assert "not of valid status for creation" in xero.invoice_refused(Status=status)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("DRAFT", "SUBMITTED"),
        ("DRAFT", "AUTHORISED"),
        ("DRAFT", "DELETED"),
        ("SUBMITTED", "DRAFT"),
        ("SUBMITTED", "DELETED"),
        ("AUTHORISED", "VOIDED"),
    ],
)
def test_states_move_as_documented(xero, old, new):
    assert changed(xero, in_state(xero, old), Status=new)["Status"] == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("DRAFT", "VOIDED"),
        ("AUTHORISED", "DRAFT"),
        ("AUTHORISED", "DELETED"),
        ("AUTHORISED", "PAID"),
        ("PAID", "AUTHORISED"),
        ("VOIDED", "AUTHORISED"),
        ("DELETED", "DRAFT"),
    ],
)
def test_no_other_move_is_allowed(xero, old, new):
    assert "not of valid status for modification" in refused(xero, in_state(xero, old), Status=new)


@pytest.mark.parametrize("status", ["VOIDED", "DELETED"])
def test_a_dead_invoice_cannot_be_edited(xero, status):
    assert "for modification" in refused(xero, in_state(xero, status), Reference="x")


def test_a_voided_invoice_owes_nothing_but_keeps_its_total(xero):
    row = changed(xero, in_state(xero, "AUTHORISED"), Status="VOIDED")
    assert (row["AmountDue"], row["Total"]) == (0.0, 110.0)


@pytest.mark.parametrize(
    ("fields", "fragment"),
    [
        ({"Contact": ...}, "A Contact must be specified"),
        ({"LineItems": ...}, "One or more line items must be specified"),
        ({"LineItems": []}, "One or more line items must be specified"),
        ({"Type": ...}, "type must be specified"),
        ({"DueDate": ...}, "DueDate"),
        ({"LineItems": [{**LINE, "AccountCode": None}]}, "Account code or ID must be specified"),
        ({"LineItems": [{**LINE, "AccountCode": None}]}, "The TaxType field is mandatory"),
        ({"LineItems": [{**LINE, "AccountCode": "999"}]}, "Account code '999' is not a valid code"),
        ({"LineItems": [{**LINE, "AccountCode": "610"}]}, "Account code '610' is not a valid code"),
        ({"LineItems": [{**LINE, "AccountCode": "090"}]}, "Account code '090' is not a valid code"),
        ({"LineItems": [{**LINE, "AccountCode": "220"}]}, "has been archived, or has been deleted"),
        (
            {"LineItems": [{**LINE, "TaxType": "INPUT"}]},
            "The TaxType code 'INPUT' cannot be used with account code '200'.",
        ),
        ({"LineItems": [{**LINE, "TaxType": "OUTPUT2"}]}, "'OUTPUT2' does not exist"),
        ({"LineItems": [{**LINE, "ItemCode": "GB1"}]}, "Item code 'GB1' is not valid"),
        ({"LineItems": [{**LINE, "Description": "x" * 4001}]}, "maximum length of 4000"),
        ({"LineItems": [{**LINE, "Tracking": [{"Name": "Region", "Option": "Moon"}]}]}, "tracking"),
        ({"CurrencyCode": "USD"}, "Organisation is not subscribed to currency USD"),
        ({"Url": "https://go.XERO.com/1"}, "xero"),
        ({"Url": "no address"}, "valid absolute URL"),
        ({"InvoiceNumber": "Nº 1"}, "printable ASCII"),
        ({"InvoiceNumber": "x" * 256}, "maximum length of 255"),
        ({"Reference": "x" * 256}, "maximum length of 255"),
        ({"BrandingThemeID": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}, "branding theme"),
        ({"Contact": {"ContactID": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}}, "was not found"),
        ({"LineItems": [{**LINE, "UnitAmount": -100}]}, "must not be negative"),
    ],
)
def test_an_invoice_against_the_rules_is_refused_whole(xero, fields, fragment):
    assert fragment in xero.invoice_refused(**fields)
    assert xero.sandbox.xero.books.invoices == {}
    assert xero.sandbox.xero.books.contacts == {}


def test_a_draft_needs_neither_due_date_nor_account(xero):
    line = {"Description": "Advice", "Quantity": 1, "UnitAmount": 5}
    assert xero.put_invoice(Status="DRAFT", DueDate=..., LineItems=[line])["Status"] == "DRAFT"


@pytest.mark.parametrize("field", ["Type", "Status", "LineAmountTypes"])
def test_an_unknown_enum_value_is_error_14(xero, field):
    reply = xero.call("PUT", "Invoices", json=xero.invoice_body(**{field: "ODD"}))
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 14)


def test_an_invoice_number_is_unique_among_sales_invoices(xero):
    xero.put_invoice(InvoiceNumber="SF-1")
    assert "Invoice # must be unique." in xero.invoice_refused(InvoiceNumber="SF-1")


def test_bills_may_repeat_a_number_and_have_no_reference(xero):
    bill = {
        "Type": "ACCPAY",
        "InvoiceNumber": "B-1",
        "Reference": "x",
        "LineItems": [{**LINE, "AccountCode": "429"}],
    }
    first, second = xero.put_invoice(**bill), xero.put_invoice(**bill)
    assert first["InvoiceID"] != second["InvoiceID"]
    assert "Reference" not in first


@pytest.mark.parametrize(("reuse", "status"), [(False, 400), (True, 200)])
def test_whether_a_voided_number_is_free_again_is_a_switch(xero, reuse, status):
    xero.switch(number_reuse=reuse)
    changed(xero, xero.put_invoice(InvoiceNumber="SF-1"), Status="VOIDED")
    reply = xero.call("PUT", "Invoices", json=xero.invoice_body(InvoiceNumber="SF-1"))
    assert reply.status_code == status


def test_a_missing_number_is_generated_past_taken_ones(xero):
    xero.put_invoice(InvoiceNumber="INV-0001")
    assert xero.put_invoice()["InvoiceNumber"] == "INV-0002"


def test_post_with_a_known_number_updates_that_invoice(xero):
    old = xero.put_invoice(InvoiceNumber="SF-1")
    body = {"Type": "ACCREC", "InvoiceNumber": "SF-1", "Reference": "again"}
    [row] = xero.call("POST", "Invoices", json=body).json()["Invoices"]
    assert (row["InvoiceID"], row["Reference"], row["Total"]) == (old["InvoiceID"], "again", 110.0)


def test_the_date_defaults_to_the_organisations_own_day(xero):
    xero.sandbox.clock.advance(12 * 3600)  # 15:10 in UTC is already tomorrow in Sydney
    xero.token = xero.grant().json()["access_token"]
    assert xero.put_invoice(Date=...)["DateString"] == "2026-11-23T00:00:00"


@pytest.mark.parametrize(
    "sent", ["2026-11-05", "2026-11-05T00:00:00", "/Date(1793836800000+0000)/"]
)
def test_a_document_date_is_a_calendar_day_and_midnight_utc(xero, sent):
    row = xero.put_invoice(Date=sent)
    assert row["DateString"] == "2026-11-05T00:00:00"
    assert row["Date"] == "/Date(1793836800000+0000)/"


def test_a_contact_with_only_a_name_is_matched_or_created(xero):
    old = xero.put_contact("Maple Florist")
    assert xero.put_invoice()["Contact"]["ContactID"] == old["ContactID"]
    created = xero.put_invoice(Contact={"Name": "Newcomer"})["Contact"]
    assert xero.get(f"Contacts/{created['ContactID']}")["Contacts"][0]["IsCustomer"]


def test_other_fields_of_the_contact_block_update_it_and_drop_its_persons(xero):
    contact = xero.put_contact("Maple", ContactPersons=[{"FirstName": "Ann"}])
    block = {"ContactID": contact["ContactID"], "EmailAddress": "new@example.com"}
    xero.put_invoice(Contact=block)
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    assert (row["EmailAddress"], row["ContactPersons"]) == ("new@example.com", [])


def test_the_contact_id_alone_changes_nothing_of_the_contact(xero):
    contact = xero.put_contact("Maple", ContactPersons=[{"FirstName": "Ann"}])
    xero.put_invoice(Contact={"ContactID": contact["ContactID"]})
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    assert row["ContactPersons"][0]["FirstName"] == "Ann"
    assert row["UpdatedDateUTC"] == contact["UpdatedDateUTC"]


def test_an_archived_contact_is_refused(xero):
    contact = xero.put_contact("Maple")
    xero.send("POST", f"/_sandbox/xero/contacts/{contact['ContactID']}/archive")
    assert "archived" in xero.invoice_refused(Contact={"ContactID": contact["ContactID"]})


def test_lines_that_are_not_sent_are_deleted(xero):
    invoice = xero.put_invoice(LineItems=[LINE, {**LINE, "Description": "Second"}])
    kept = invoice["LineItems"][1]["LineItemID"]
    row = changed(xero, invoice, LineItems=[{"LineItemID": kept, "Quantity": 2}])
    [line] = row["LineItems"]
    assert (line["LineItemID"], line["Description"], row["Total"]) == (kept, "Second", 220.0)


def test_an_update_without_lines_leaves_them_alone(xero):
    invoice = xero.put_invoice()
    row = changed(xero, invoice, Reference="SF")
    assert [line["LineItemID"] for line in row["LineItems"]] == [
        line["LineItemID"] for line in invoice["LineItems"]
    ]


def test_changing_the_tax_treatment_alone_recomputes_the_tax(xero):
    row = changed(xero, xero.put_invoice(), LineAmountTypes="Inclusive")
    assert (row["SubTotal"], row["TotalTax"], row["Total"]) == (90.91, 9.09, 100.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"Reference": "x"},
        {"DueDate": "2027-01-01"},
        {"InvoiceNumber": "SF-NEW"},
        {"Url": "https://example.com/006"},
    ],
)
def test_a_part_paid_invoice_accepts_the_white_list(xero, fields):
    invoice = xero.put_invoice()
    pay(xero, invoice, "10.00")
    assert changed(xero, invoice, **fields)["AmountPaid"] == 10.0


@pytest.mark.parametrize(
    "fields",
    [{"LineItems": [LINE, LINE]}, {"Date": "2026-11-01"}, {"LineAmountTypes": "NoTax"}],
)
def test_a_part_paid_invoice_refuses_other_edits(xero, fields):
    invoice = xero.put_invoice()
    pay(xero, invoice, "10.00")
    assert "cannot be edited as it has a payment" in refused(xero, invoice, **fields)


def test_a_paid_line_may_change_its_account_but_not_its_amount(xero):
    invoice = in_state(xero, "PAID")
    line = {"LineItemID": invoice["LineItems"][0]["LineItemID"]}
    row = changed(xero, invoice, LineItems=[{**line, "AccountCode": "260"}])
    assert row["LineItems"][0]["AccountCode"] == "260"
    assert "cannot be edited" in refused(xero, invoice, LineItems=[{**line, "UnitAmount": 99}])


def test_a_part_paid_invoice_cannot_be_voided(xero):
    invoice = xero.put_invoice()
    pay(xero, invoice, "10.00")
    assert "The status VOIDED cannot be applied" in refused(xero, invoice, Status="VOIDED")


def test_full_payment_pays_the_invoice_and_moves_its_time(xero):
    invoice = xero.put_invoice()
    xero.sandbox.clock.advance(5)
    pay(xero, invoice, "110.00")
    [row] = xero.get(f"Invoices/{invoice['InvoiceID']}")["Invoices"]
    assert (row["Status"], str(row["AmountDue"]), str(row["AmountPaid"])) == (
        "PAID",
        "0.00",
        "110.00",
    )
    assert row["FullyPaidOnDate"] == "/Date(1795305600000+0000)/"
    assert row["UpdatedDateUTC"] != invoice["UpdatedDateUTC"]


def test_more_than_is_owed_cannot_be_paid(xero):
    invoice = xero.put_invoice()
    path = f"/_sandbox/xero/invoices/{invoice['InvoiceID']}/pay"
    assert xero.send("POST", path, json={"amount": "110.01"}).status_code == 409


def test_a_due_date_moved_on_a_part_paid_invoice_does_not_move_its_time(xero):
    invoice = xero.put_invoice()
    pay(xero, invoice, "10.00")
    before = changed(xero, invoice, Reference="x")["UpdatedDateUTC"]
    xero.sandbox.clock.advance(5)
    assert changed(xero, invoice, DueDate="2027-01-01")["UpdatedDateUTC"] == before
    assert changed(xero, invoice, Reference="y")["UpdatedDateUTC"] != before


@pytest.mark.parametrize(
    ("switch", "fragment"),
    [("period_lock_date", "period lock date"), ("end_of_year_lock_date", "currently set at")],
)
def test_a_document_in_a_locked_period_is_refused(xero, switch, fragment):
    xero.switch(**{switch: "2026-11-20"})
    assert fragment in xero.invoice_refused(Date="2026-11-20")
    assert xero.put_invoice(Date="2026-11-21")["Status"] == "AUTHORISED"


def test_sent_to_contact_only_holds_once_approved(xero):
    assert xero.put_invoice(Status="DRAFT", SentToContact=True)["SentToContact"] is False
    assert xero.put_invoice(SentToContact=True)["SentToContact"] is True


def test_one_invoice_is_found_by_id_or_number(xero):
    invoice = xero.put_invoice(InvoiceNumber="SF-1")
    for key in (invoice["InvoiceID"], "SF-1"):
        assert xero.get(f"Invoices/{key}")["Invoices"][0]["InvoiceNumber"] == "SF-1"
