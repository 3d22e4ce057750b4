"""where, order and the other filters (item 14)."""

import pytest

from sfxero.sandbox.xero.fields import guid_or_none

pytestmark = pytest.mark.contract


def names(xero, query="", **options):
    return [row["Name"] for row in xero.get(f"Contacts{query}", **options)["Contacts"]]


def where(xero, clause):
    return xero.numbers(params={"where": clause})


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("InvoiceNumber DESC", ["SF-3", "SF-2", "SF-1"]),
        ("Status,Date DESC", ["SF-2", "SF-1", "SF-3"]),
        ("Reference", ["SF-3", "SF-1", "SF-2"]),
    ],
)
def test_an_order_can_be_asked_for(three, order, expected):
    assert three.numbers(params={"order": order}) == expected


def test_id_number_and_status_lists_filter(three):
    rows = three.get("Invoices")["Invoices"]
    ids = ",".join(row["InvoiceID"] for row in rows[:2])
    assert three.numbers(f"?IDs={ids}") == ["SF-1", "SF-2"]
    assert three.numbers("?InvoiceNumbers=SF-2,SF-9") == ["SF-2"]
    assert three.numbers("?Statuses=DRAFT") == ["SF-3"]
    assert three.numbers(f"?ContactIDs={rows[2]['Contact']['ContactID']}") == ["SF-3"]


def test_void_invoices_are_listed_unless_filtered(three):
    three.call("POST", "Invoices", json={"InvoiceNumber": "SF-1", "Status": "VOIDED"})
    assert set(three.numbers()) == {"SF-1", "SF-2", "SF-3"}


def test_the_search_term_looks_at_the_documented_fields(three):
    assert three.numbers("?searchTerm=opp 2") == ["SF-2"]
    assert names(three, "?searchTerm=CEDRE") == ["Cédre"]
    assert names(three, "?searchTerm=002") == ["Birch"]


def test_created_by_my_app_leaves_out_what_others_made(three):
    one = next(iter(three.sandbox.xero.books.invoices.values()))
    one.created_by = "someone else"
    assert three.numbers("?createdByMyApp=true") == ["SF-2", "SF-3"]


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


def listed(xero, resource, name, **params):
    return [row.get(name) for row in xero.get(resource, params=params)[resource]]


@pytest.mark.parametrize(
    ("resource", "name", "clause", "expected"),
    [
        ("Accounts", "Code", 'Type=="BANK"', ["090", "091", None]),
        ("Accounts", "Code", 'Status=="ARCHIVED"', ["220"]),
        ("Accounts", "Code", "EnablePaymentsToAccount==true", ["090", "830"]),
        ("Accounts", "Code", 'SystemAccount!=null AND SystemAccount=="ROUNDING"', ["860"]),
        ("TaxRates", "TaxType", 'CanApplyToRevenue==true AND Name=="GST on Income"', ["OUTPUT"]),
        ("TaxRates", "TaxType", "EffectiveRate>0 AND CanApplyToRevenue==true", ["OUTPUT"]),
        ("Currencies", "Code", 'Code=="NZD"', ["NZD"]),
        ("Items", "Code", 'Code=="CABLE"', ["CABLE"]),
        ("TrackingCategories", "Name", 'Status=="ACTIVE" AND Name=="Region"', ["Region"]),
    ],
)
def test_item_14_settings_take_a_where_clause(xero, resource, name, clause, expected):
    assert listed(xero, resource, name, where=clause) == expected


@pytest.mark.parametrize("resource", ["Accounts", "TaxRates", "Currencies", "Items"])
def test_item_14_settings_take_an_order_and_refuse_a_bad_clause(xero, resource):
    name = "TaxType" if resource == "TaxRates" else "Code"
    own = listed(xero, resource, name)
    downwards = listed(xero, resource, name, order=f"{name} DESC")
    assert downwards == sorted(own, key=lambda text: text or "", reverse=True)
    for params in ({"where": "Nonsense"}, {"order": "Nonsense"}):
        assert xero.call("GET", resource, params=params).json()["ErrorNumber"] == 16


def test_item_14_summaries_keep_what_is_owed_paid_and_credited(xero):
    invoice = xero.put_invoice()
    xero.pay(invoice, "10.00")
    xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "20.00"})
    [row] = xero.get("Invoices?summaryOnly=true")["Invoices"]
    figures = [str(row[name]) for name in ("AmountDue", "AmountPaid", "AmountCredited", "Total")]
    assert figures == ["80.00", "10.00", "20.00", "110.00"]
    assert where(xero, "AmountCredited>0 AND FullyPaidOnDate==null") == [invoice["InvoiceNumber"]]


def test_item_14_refunds_belong_to_no_invoice(xero):
    invoice = xero.put_invoice()
    contact_id = invoice["Contact"]["ContactID"]
    credit = xero.hand(f"contacts/{contact_id}/receive", {"amount": "25.00"})
    xero.hand(f"credits/{credit['credit_id']}/refund")
    assert listed(xero, "Payments", "PaymentType") == ["AROVERPAYMENTPAYMENT"]
    clause = f'Invoice.InvoiceID==guid("{credit["credit_id"]}")'
    assert listed(xero, "Payments", "PaymentID", where=clause) == []


def test_item_14_overpayments_are_found_by_their_references(xero):
    contact = xero.put_contact("Maple")
    for reference in ("R-1", "R-2", "R-3"):
        body = {
            "Type": "RECEIVE-OVERPAYMENT",
            "Contact": {"ContactID": contact["ContactID"]},
            "BankAccount": {"Code": "090"},
            "Reference": reference,
            "LineItems": [{"Description": "Early", "UnitAmount": 5, "AccountCode": "830"}],
        }
        xero.put("BankTransactions", body)
    found = listed(xero, "Overpayments", "Reference", References="R-1,R-3")
    assert sorted(found) == ["R-1", "R-3"]
