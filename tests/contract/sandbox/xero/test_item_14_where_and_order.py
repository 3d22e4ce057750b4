"""where, order and the other filters (item 14)."""

import pytest

from sfxero.sandbox.xero.fields import guid_or_none

pytestmark = pytest.mark.contract


@pytest.fixture
def three(xero):
    """Three contacts and invoices, one second apart."""
    for number, name in enumerate(("Ash", "Birch", "Cédre"), start=1):
        xero.put_invoice(
            Contact={"Name": name, "ContactNumber": f"00{number}"},
            InvoiceNumber=f"SF-{number}",
            Reference=f"Opp {number}" if number < 3 else ...,
            Date=f"2026-11-0{number}",
            Status="DRAFT" if number == 3 else "AUTHORISED",
        )
        xero.sandbox.clock.advance(1)
    return xero


def numbers(xero, query="", **options):
    return [row["InvoiceNumber"] for row in xero.get(f"Invoices{query}", **options)["Invoices"]]


def names(xero, query="", **options):
    return [row["Name"] for row in xero.get(f"Contacts{query}", **options)["Contacts"]]


def where(xero, clause):
    return numbers(xero, params={"where": clause})


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("InvoiceNumber DESC", ["SF-3", "SF-2", "SF-1"]),
        ("Status,Date DESC", ["SF-2", "SF-1", "SF-3"]),
        ("Reference", ["SF-3", "SF-1", "SF-2"]),
    ],
)
def test_an_order_can_be_asked_for(three, order, expected):
    assert numbers(three, params={"order": order}) == expected


def test_id_number_and_status_lists_filter(three):
    rows = three.get("Invoices")["Invoices"]
    ids = ",".join(row["InvoiceID"] for row in rows[:2])
    assert numbers(three, f"?IDs={ids}") == ["SF-1", "SF-2"]
    assert numbers(three, "?InvoiceNumbers=SF-2,SF-9") == ["SF-2"]
    assert numbers(three, "?Statuses=DRAFT") == ["SF-3"]
    assert numbers(three, f"?ContactIDs={rows[2]['Contact']['ContactID']}") == ["SF-3"]


def test_void_invoices_are_listed_unless_filtered(three):
    three.call("POST", "Invoices", json={"InvoiceNumber": "SF-1", "Status": "VOIDED"})
    assert set(numbers(three)) == {"SF-1", "SF-2", "SF-3"}


def test_the_search_term_looks_at_the_documented_fields(three):
    assert numbers(three, "?searchTerm=opp 2") == ["SF-2"]
    assert names(three, "?searchTerm=CEDRE") == ["Cédre"]
    assert names(three, "?searchTerm=002") == ["Birch"]


def test_created_by_my_app_leaves_out_what_others_made(three):
    one = next(iter(three.sandbox.xero.books.invoices.values()))
    one.created_by = "someone else"
    assert numbers(three, "?createdByMyApp=true") == ["SF-2", "SF-3"]


def test_archived_contacts_are_listed_on_request_only(three):
    contact_id = three.get("Contacts")["Contacts"][0]["ContactID"]
    three.send("POST", f"/_sandbox/xero/contacts/{contact_id}/archive")
    assert names(three) == ["Birch", "Cédre"]
    assert names(three, "?includeArchived=true") == ["Birch", "Cédre", "Ash"]


def test_summaries_leave_out_the_heavy_parts(three):
    [contact, *_] = three.get("Contacts?summaryOnly=true")["Contacts"]
    left_out = {"Addresses", "Balances", "ContactGroups", "ContactPersons", "IsCustomer"}
    assert left_out.isdisjoint(contact)
    [invoice, *_] = three.get("Invoices?summaryOnly=true")["Invoices"]
    assert {"LineItems", "Payments"}.isdisjoint(invoice)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ('Status=="AUTHORISED"', ["SF-1", "SF-2"]),
        ('Status!="AUTHORISED"', ["SF-3"]),
        ('Status=="DRAFT" OR InvoiceNumber=="SF-1"', ["SF-1", "SF-3"]),
        ('Status=="AUTHORISED" AND Date>=DateTime(2026,11,02)', ["SF-2"]),
        ('Status=="DRAFT"||InvoiceNumber=="SF-1"&&AmountDue>500', ["SF-3"]),
        ('(Status=="DRAFT" || InvoiceNumber=="SF-1") && AmountDue<500.00', ["SF-1", "SF-3"]),
        ("Date<DateTime(2026,11,2)", ["SF-1"]),
        ("Date<=DateTime(2026,11,2)", ["SF-1", "SF-2"]),
        ("AmountPaid>0", []),
        ('Reference!=null AND Reference.StartsWith("Opp")', ["SF-1", "SF-2"]),
        ("Reference==null", ["SF-3"]),
        ('InvoiceNumber.EndsWith("2")', ["SF-2"]),
        ('InvoiceNumber.Contains("F-")', ["SF-1", "SF-2", "SF-3"]),
        ('Contact.ContactNumber=="002"', ["SF-2"]),
        ('Contact.Name=="cedre"', ["SF-3"]),
        ('Type=="ACCREC" and InvoiceNumber=="SF-1"', ["SF-1"]),
    ],
)
def test_where_understands_the_documented_operators(three, clause, expected):
    assert where(three, clause) == expected


def test_where_compares_ids_with_guid(three):
    invoice_id = three.get("Invoices/SF-2")["Invoices"][0]["InvoiceID"]
    assert where(three, f'InvoiceID==guid("{invoice_id}")') == ["SF-2"]
    assert guid_or_none(invoice_id.upper()) == invoice_id


def test_a_quote_inside_a_text_is_doubled(xero):
    xero.put_contact('Joe "Ace" Pty')
    assert names(xero, params={"where": 'Name=="Joe ""Ace"" Pty"'}) == ['Joe "Ace" Pty']


@pytest.mark.parametrize(
    "clause",
    [
        "Status",
        'Status="DRAFT"',
        'Status=="DRAFT" AND',
        'Nonsense=="x"',
        'Status=="a\\"b"',
        'Status==guid("x")',
        "InvoiceID==5",
        'AmountDue=="five"',
        "Date==DateTime(2026,13,1)",
        'AmountDue.Contains("1")',
        '(Status=="DRAFT"',
        'Reference.StartsWith("Opp")',
        "((((" * 20,
        "Status < null",
    ],
)
def test_a_bad_clause_is_error_16(three, clause):
    reply = three.call("GET", "Invoices", params={"where": clause})
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 16)
    assert reply.json()["Type"] == "QueryParseException"


@pytest.mark.parametrize("query", ["order=Nonsense", "order=Date SIDEWAYS", "IDs=no-id"])
def test_a_bad_order_or_id_list_is_error_16(three, query):
    reply = three.call("GET", f"Invoices?{query}")
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 16)


def test_item_14_one_key_is_found_without_regard_to_paging(three):
    assert where(three, 'InvoiceNumber=="SF-2"') == ["SF-2"]
    assert where(three, 'Reference=="Opp 1"') == ["SF-1"]
    assert names(three, params={"where": 'ContactNumber=="003"'}) == ["Cédre"]


def test_item_14_payments_are_found_by_invoice_and_status(three):
    invoice = three.get("Invoices/SF-1")["Invoices"][0]
    payment = three.pay(invoice, "5.00", Reference="R-1")
    for clause in (
        f'Invoice.InvoiceID==guid("{invoice["InvoiceID"]}")',
        f'PaymentID==guid("{payment["PaymentID"]}") OR Reference=="none"',
        'Status=="AUTHORISED" AND PaymentType=="ACCRECPAYMENT"',
        "Date==DateTime(2026,11,21)",
    ):
        [row] = three.get("Payments", params={"where": clause})["Payments"]
        assert row["PaymentID"] == payment["PaymentID"]
