"""Replies against Xero's OpenAPI document; the tests' caller checks every other reply too."""

import pytest
from tests.contract.sandbox.xero import spec

from sfxero.sandbox.xero.endpoints import ENDPOINTS
from sfxero.sandbox.xero.strict import SHAPES

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(
        not spec.DOCUMENT.is_file(), reason="Xero's OpenAPI document is not beside the project"
    ),
]

# The document's names for the elements of a write body.
SINGULAR = {
    "Contacts": "Contact",
    "Invoices": "Invoice",
    "CreditNotes": "CreditNote",
    "Payments": "Payment",
    "Allocations": "Allocation",
    "HistoryRecords": "HistoryRecord",
    "BankTransactions": "BankTransaction",
    "BatchPayments": "BatchPayment",
}


@pytest.fixture
def filled(xero):
    """One of everything that can be read."""
    invoice = xero.put_invoice()
    xero.pay(invoice, "10.00")
    xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "20.00"})
    for kind in ("RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT"):
        path = f"contacts/{invoice['Contact']['ContactID']}/receive"
        credit = xero.hand(path, {"kind": kind, "amount": "30.00"})
        order = {"invoice_id": invoice["InvoiceID"], "amount": "5.00"}
        xero.hand(f"credits/{credit['credit_id']}/allocate", order)
    return xero


@pytest.mark.parametrize("name", sorted(set(ENDPOINTS) - {"BankTransactions"}))
def test_every_list_and_record_fits_the_document(filled, name):
    contact_id = next(iter(filled.sandbox.xero.books.contacts))
    query = f"?contactId={contact_id}" if name.startswith("Reports") else ""
    reply = filled.call("GET", f"{name}{query}")
    assert spec.complaints("GET", str(reply.url), reply) == []
    rows = next(value for value in reply.json().values() if isinstance(value, list))
    id_name = next((key for key in (rows or [{}])[0] if key == f"{SINGULAR.get(name)}ID"), None)
    if id_name:
        for path in (f"{name}/{rows[0][id_name]}", f"{name}/{rows[0][id_name]}/History"):
            one = filled.call("GET", path)
            assert spec.complaints("GET", str(one.url), one) == []


def test_a_reply_that_does_not_fit_is_noticed(xero):
    reply = xero.call("GET", "Currencies")
    reply._content = reply.content.replace(b'"AUD"', b"7")
    assert spec.complaints("GET", str(reply.url), reply)


@pytest.mark.parametrize("plural", sorted(SHAPES))
def test_strict_mode_knows_every_field_of_the_document(plural):
    listed = set(spec.document()["components"]["schemas"][SINGULAR[plural]]["properties"])
    assert listed <= set(SHAPES[plural])
