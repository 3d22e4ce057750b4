"""Xero's own Python client, unchanged: it calls api.xero.com, and the proxy leads it here."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.clients.conftest import XERO_CLIENT_ID, XERO_CLIENT_SECRET, Running
from xero_python.accounting import (
    Account,
    AccountingApi,
    Allocation,
    Allocations,
    Contact,
    Contacts,
    CreditNote,
    CreditNotes,
    HistoryRecord,
    HistoryRecords,
    Invoice,
    Invoices,
    LineItem,
    Payment,
    Payments,
)
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token
from xero_python.exceptions import HTTPStatusException
from xero_python.identity import IdentityApi

pytestmark = pytest.mark.clients


@pytest.fixture
def api_client(running: Running) -> Iterator[ApiClient]:
    """The client with nothing set but its own options for a proxy and an authority."""
    configuration = Configuration(
        oauth2_token=OAuth2Token(client_id=XERO_CLIENT_ID, client_secret=XERO_CLIENT_SECRET)
    )
    configuration.proxy = running.addresses.proxy
    configuration.ssl_ca_cert = running.ca_file
    kept: dict[str, Any] = {}
    client = ApiClient(
        configuration, oauth2_token_saver=kept.update, oauth2_token_getter=lambda: kept
    )
    client.get_client_credentials_token()
    yield client
    client.rest_client.pool_manager.clear()


@pytest.fixture
def tenant_id(api_client: ApiClient) -> str:
    [connection] = IdentityApi(api_client).get_connections()
    return str(connection.tenant_id)


@pytest.fixture
def accounting(api_client: ApiClient) -> AccountingApi:
    return AccountingApi(api_client)


def invoice(number: str | None = None, **fields: Any) -> Invoice:
    line = LineItem(description="Advice", quantity=1.0, unit_amount=100.0, account_code="200")
    return Invoice(**{
        "type": "ACCREC", "contact": Contact(name="Maple Florist"), "status": "AUTHORISED",
        "date": date(2026, 11, 20), "due_date": date(2026, 12, 20), "invoice_number": number,
        "line_items": [line], **fields,
    })  # fmt: skip


def create(accounting: AccountingApi, tenant_id: str, *wanted: Invoice) -> list[Invoice]:
    made = accounting.create_invoices(
        tenant_id, Invoices(invoices=list(wanted)), summarize_errors=False
    )
    return list(made.invoices)


def bank_account(accounting: AccountingApi, tenant_id: str) -> Account:
    accounts = accounting.get_accounts(tenant_id, where='Type=="BANK"').accounts
    return Account(account_id=accounts[0].account_id)


def test_a_token_opens_the_one_connection(api_client, running):
    [connection] = IdentityApi(api_client).get_connections()
    assert connection.tenant_type == "ORGANISATION"
    assert connection.tenant_name
    assert ("POST", "/connect/token", 200) in running.journal("xero")


def test_the_organisation_and_its_settings_are_read(accounting, tenant_id):
    [organisation] = accounting.get_organisations(tenant_id).organisations
    assert (organisation.base_currency.value, organisation.country_code.value) == ("AUD", "AU")
    assert any(rate.tax_type == "OUTPUT" for rate in accounting.get_tax_rates(tenant_id).tax_rates)
    assert {"200"} <= {account.code for account in accounting.get_accounts(tenant_id).accounts}
    assert "AUD" in {each.code.value for each in accounting.get_currencies(tenant_id).currencies}


def test_a_contact_is_created_updated_and_found(accounting, tenant_id):
    wanted = Contact(name="Maple Florist", email_address="ap@maple.example", contact_number="SF-1")
    [made] = accounting.create_contacts(tenant_id, Contacts(contacts=[wanted])).contacts
    accounting.update_contact(
        tenant_id, made.contact_id, Contacts(contacts=[Contact(first_name="Ada")])
    )
    [found] = accounting.get_contacts(tenant_id, where='ContactNumber=="SF-1"').contacts
    assert (found.name, found.first_name, found.email_address) == (
        "Maple Florist", "Ada", "ap@maple.example",
    )  # fmt: skip
    assert (found.contact_id, found.contact_status) == (made.contact_id, "ACTIVE")
    assert found.updated_date_utc.tzinfo is not None


def test_an_invoice_comes_back_with_exact_amounts_and_days(accounting, tenant_id):
    [made] = create(accounting, tenant_id, invoice("SF-1", reference="Order 9"))
    [read] = accounting.get_invoice(tenant_id, made.invoice_id, unitdp=4).invoices
    assert (read.sub_total, read.total_tax, read.total) == (
        Decimal("100.00"), Decimal("10.00"), Decimal("110.00"),
    )  # fmt: skip
    assert (read.date, read.due_date) == (date(2026, 11, 20), date(2026, 12, 20))
    assert (read.reference, read.amount_due) == ("Order 9", Decimal("110.00"))
    assert read.line_items[0].tax_type == "OUTPUT"


def test_a_batch_reports_each_element(accounting, tenant_id):
    bad = invoice("SF-2", line_items=[LineItem(description="x", quantity=1.0, unit_amount=1.0)])
    good, refused, other = create(accounting, tenant_id, invoice("SF-1"), bad, invoice("SF-3"))
    assert [each.status_attribute_string for each in (good, refused, other)] == [
        "OK", "ERROR", "OK",
    ]  # fmt: skip
    assert refused.has_errors
    assert "Account code" in refused.validation_errors[0].message
    assert set(refused.invoice_id) <= set("0-")


def test_a_batch_without_that_wish_is_refused_as_a_whole(accounting, tenant_id):
    bad = invoice("SF-2", line_items=[])
    with pytest.raises(HTTPStatusException) as refusal:
        accounting.create_invoices(tenant_id, Invoices(invoices=[bad]))
    assert refusal.value.status == 400
    assert b'"ErrorNumber":10' in refusal.value.body


def test_a_payment_settles_an_invoice_and_deleting_it_opens_it_again(accounting, tenant_id):
    [made] = create(accounting, tenant_id, invoice("SF-1"))
    wanted = Payment(
        invoice=Invoice(invoice_id=made.invoice_id), amount=110.0, date=date(2026, 11, 21),
        account=bank_account(accounting, tenant_id), reference="EFT",
    )  # fmt: skip
    [payment] = accounting.create_payments(tenant_id, Payments(payments=[wanted])).payments
    [paid] = accounting.get_invoice(tenant_id, made.invoice_id).invoices
    assert (paid.status, paid.amount_due) == ("PAID", Decimal("0.00"))
    [listed] = accounting.get_payments(tenant_id).payments
    assert (listed.payment_id, listed.invoice.invoice_number) == (payment.payment_id, "SF-1")
    accounting.delete_payment(tenant_id, payment.payment_id, payment_delete={"Status": "DELETED"})
    [again] = accounting.get_invoice(tenant_id, made.invoice_id).invoices
    assert (again.status, again.amount_due) == ("AUTHORISED", Decimal("110.00"))


def test_a_credit_note_is_allocated(accounting, tenant_id):
    [made] = create(accounting, tenant_id, invoice("SF-1"))
    line = LineItem(description="Back", quantity=1.0, unit_amount=40.0, account_code="200")
    wanted = CreditNote(
        type="ACCRECCREDIT", contact=Contact(contact_id=made.contact.contact_id),
        date=date(2026, 11, 21), status="AUTHORISED", line_items=[line],
    )  # fmt: skip
    notes = CreditNotes(credit_notes=[wanted])
    [note] = accounting.create_credit_notes(tenant_id, notes).credit_notes
    part = Allocation(
        amount=44.0, date=date(2026, 11, 21), invoice=Invoice(invoice_id=made.invoice_id)
    )
    accounting.create_credit_note_allocation(
        tenant_id, note.credit_note_id, Allocations(allocations=[part])
    )
    [credited] = accounting.get_invoice(tenant_id, made.invoice_id).invoices
    assert (credited.amount_credited, credited.amount_due) == (Decimal("44.00"), Decimal("66.00"))


@pytest.mark.parametrize("kind", ["overpayment", "prepayment"])
def test_money_without_an_invoice_is_allocated_and_taken_back(accounting, tenant_id, running, kind):
    [made] = create(accounting, tenant_id, invoice("SF-1"))
    path = f"/xero/contacts/{made.contact.contact_id}/receive"
    running.control("POST", path, {"kind": f"RECEIVE-{kind.upper()}", "amount": "60.00"})
    [credit] = getattr(getattr(accounting, f"get_{kind}s")(tenant_id), f"{kind}s")
    credit_id = getattr(credit, f"{kind}_id")
    part = Allocation(
        amount=44.0, date=date(2026, 11, 21), invoice=Invoice(invoice_id=made.invoice_id)
    )
    allocate = getattr(accounting, f"create_{kind}_allocations")
    [allocated] = allocate(tenant_id, credit_id, Allocations(allocations=[part])).allocations
    [read] = getattr(getattr(accounting, f"get_{kind}")(tenant_id, credit_id), f"{kind}s")
    assert read.remaining_credit == Decimal("16.00")
    [credited] = accounting.get_invoice(tenant_id, made.invoice_id).invoices
    assert (credited.amount_credited, credited.amount_due) == (Decimal("44.00"), Decimal("66.00"))
    undo = getattr(accounting, f"delete_{kind}_allocations")
    assert undo(tenant_id, credit_id, allocated.allocation_id).is_deleted
    [again] = accounting.get_invoice(tenant_id, made.invoice_id).invoices
    assert again.amount_due == Decimal("110.00")


def test_a_note_is_added_to_the_history_of_an_invoice(accounting, tenant_id):
    [made] = create(accounting, tenant_id, invoice("SF-1"))
    note = HistoryRecords(history_records=[HistoryRecord(details="Synced from 006A")])
    accounting.create_invoice_history(tenant_id, made.invoice_id, note)
    read = accounting.get_invoice_history(tenant_id, made.invoice_id).history_records
    assert (read[0].changes, read[0].details) == ("Note", "Synced from 006A")
    assert read[-1].changes == "Created"


def test_one_payment_is_read_with_the_whole_of_its_invoice(accounting, tenant_id):
    [made] = create(accounting, tenant_id, invoice("SF-1"))
    wanted = Payment(
        invoice=Invoice(invoice_id=made.invoice_id), amount=10.0, date=date(2026, 11, 21),
        account=bank_account(accounting, tenant_id),
    )  # fmt: skip
    [payment] = accounting.create_payments(tenant_id, Payments(payments=[wanted])).payments
    [read] = accounting.get_payment(tenant_id, payment.payment_id).payments
    assert (read.invoice.amount_due, read.invoice.total) == (Decimal("100.00"), Decimal("110.00"))
    assert read.invoice.line_items[0].description == "Advice"


def test_lists_are_paged(accounting, tenant_id):
    create(accounting, tenant_id, *(invoice(f"SF-{place}") for place in range(5)))
    pages = [accounting.get_invoices(tenant_id, page=page, page_size=2) for page in (1, 2, 3)]
    assert [len(page.invoices) for page in pages] == [2, 2, 1]
    assert (pages[0].pagination.page_count, pages[0].pagination.item_count) == (3, 5)
    numbers = {each.invoice_number for page in pages for each in page.invoices}
    assert numbers == {f"SF-{place}" for place in range(5)}


def test_only_what_changed_since_is_listed(accounting, tenant_id, running):
    [first] = create(accounting, tenant_id, invoice("SF-1"))
    # Xero's stamps have whole milliseconds, but the header that asks for changes whole seconds.
    while running.now() < first.updated_date_utc + timedelta(seconds=1):
        time.sleep(0.05)
    since = running.now().replace(microsecond=0, tzinfo=None)
    create(accounting, tenant_id, invoice("SF-2"))
    listed = accounting.get_invoices(tenant_id, if_modified_since=since, page=1)
    assert [each.invoice_number for each in listed.invoices] == ["SF-2"]


def test_the_same_idempotency_key_creates_once(accounting, tenant_id, running):
    for _ in range(2):
        accounting.create_invoices(
            tenant_id, Invoices(invoices=[invoice()]), idempotency_key="key-1"
        )
    assert running.control("GET", "/state")["xero"]["invoices"] == 1


def test_refusals_arrive_as_the_clients_own_errors(accounting, tenant_id):
    with pytest.raises(HTTPStatusException) as missing:
        accounting.get_invoice(tenant_id, "00000000-0000-0000-0000-00000000dead")
    assert missing.value.status == 404
    with pytest.raises(HTTPStatusException) as unknown:
        accounting.get_organisations("00000000-0000-0000-0000-00000000dead")
    assert unknown.value.status == 403


def test_a_spent_minute_is_waited_out_by_reads_and_raised_to_creations(
    accounting, tenant_id, running
):
    rule = {"kind": "force_429", "path": "/Contacts$", "count": 2, "retry_after_s": 1}
    running.control("POST", "/fault", rule)
    with pytest.raises(HTTPStatusException) as refusal:
        accounting.update_or_create_contacts(
            tenant_id, Contacts(contacts=[Contact(name="Maple Florist")])
        )
    assert (refusal.value.status, refusal.value.body) == (429, b"")
    assert refusal.value.headers["X-Rate-Limit-Problem"] == "minute"
    # urllib3, below the client, obeys Retry-After for verbs that can be repeated.
    assert accounting.get_contacts(tenant_id).contacts == []
    statuses = [status for _, path, status in running.journal("xero") if path.endswith("Contacts")]
    assert statuses == [429, 429, 200]
