"""Pages, unpaged lists, default order (item 12)."""

import pytest

pytestmark = pytest.mark.contract


def test_an_unpaged_list_has_no_lines_and_no_pagination(three):
    body = three.get("Invoices")
    assert "pagination" not in body
    assert all(row["LineItems"] == [] for row in body["Invoices"])


@pytest.mark.parametrize("query", ["?page=1", "?Statuses=AUTHORISED,DRAFT", "?summaryOnly=true"])
def test_a_paged_list_says_so(three, query):
    pagination = three.get(f"Invoices{query}")["pagination"]
    assert pagination == {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": 3}


def test_a_paged_list_has_lines(three):
    assert all(row["LineItems"] for row in three.get("Invoices?page=1")["Invoices"])


@pytest.mark.parametrize(
    ("query", "page", "size"),
    [("page=0&pageSize=0", 1, 1), ("page=x&pageSize=5000", 1, 1000), ("page=2&pageSize=2", 2, 2)],
)
def test_page_and_size_are_clamped(three, query, page, size):
    pagination = three.get(f"Invoices?{query}")["pagination"]
    assert (pagination["page"], pagination["pageSize"]) == (page, size)


def test_pages_cut_the_list_in_order(three):
    assert three.numbers("?page=1&pageSize=2") == ["SF-1", "SF-2"]
    assert three.numbers("?page=2&pageSize=2") == ["SF-3"]
    assert three.numbers("?page=3&pageSize=2") == []


def test_the_default_order_is_by_time_of_change_and_shifts_with_it(three):
    [first, *_] = three.get("Invoices")["Invoices"]
    three.call("POST", f"Invoices/{first['InvoiceID']}", json={"Reference": "moved"})
    assert three.numbers() == ["SF-2", "SF-3", "SF-1"]


def test_balances_come_with_paged_contacts(three):
    [contact, *_] = three.get("Contacts?page=1")["Contacts"]
    assert str(contact["Balances"]["AccountsReceivable"]["Outstanding"]) == "110.00"
    assert "Balances" not in three.get("Contacts")["Contacts"][0]


@pytest.mark.parametrize("name", ["CreditNotes", "Payments", "Overpayments", "Prepayments"])
def test_item_12_money_is_paged_too(xero, name):
    assert "pagination" not in xero.get(name)
    assert xero.get(f"{name}?page=1&pageSize=7")["pagination"]["pageSize"] == 7


def test_item_12_rows_of_one_moment_are_in_the_order_of_their_ids(xero):
    ids = [xero.put_invoice()["InvoiceID"] for _ in range(8)]
    listed = [row["InvoiceID"] for row in xero.get("Invoices?page=1")["Invoices"]]
    assert listed == sorted(ids)


def test_a_query_that_matches_too_many_rows_is_refused(three, xero):
    xero.switch(largest_list=2)
    assert three.call("GET", "Invoices?page=1").status_code == 400
    assert three.numbers("?where=Date>=DateTime(2026,11,2)&page=1") == ["SF-2", "SF-3"]
