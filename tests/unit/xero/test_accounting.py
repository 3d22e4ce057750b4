"""Typed calls: what is asked of Xero, and what is made of its answers."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sfxero.errors import (
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from sfxero.model.ids import TargetId
from sfxero.model.states import Entity, Operation
from sfxero.xero.accounting import Accounting
from sfxero.xero.client import XeroClient

Page = Callable[..., httpx.Response]
QUERY_PARSE = httpx.Response(400, json={"ErrorNumber": 16, "Type": "QueryParseException"})


@pytest.fixture
def accounting(client: XeroClient) -> Accounting:
    return Accounting(client)


def asked(xero: Any, name: str) -> list[str]:
    return [request.url.params[name] for request in xero.calls]


def test_the_organisation_is_read_with_its_lock_dates(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    row = {
        "OrganisationID": "o1",
        "Name": "Maple",
        "BaseCurrency": "AUD",
        "Class": "SOMETHING_NEW",
        "DefaultSalesTax": "Tax Exclusive",
        "PeriodLockDate": "/Date(1795305600000+0000)/",
    }
    xero.answers = [page("Organisations", [row])]

    organisation = accounting.organisation()

    assert (organisation.name, organisation.base_currency) == ("Maple", "AUD")
    assert organisation.period_lock_on == date(2026, 11, 22)
    assert organisation.end_of_year_lock_on is None


@pytest.mark.parametrize("rows", [[], [{"Name": "Maple"}], [{}, {}]])
def test_an_organisation_without_its_facts_is_refused(
    xero: Any, accounting: Accounting, page: Page, rows: list[Any]
) -> None:
    xero.answers = [page("Organisations", rows)]

    with pytest.raises(UnexpectedResponse):
        accounting.organisation()


def test_tax_rates_are_exact(xero: Any, accounting: Accounting) -> None:
    body = b"""{"TaxRates": [{"TaxType": "OUTPUT", "Name": "GST", "Status": "ACTIVE",
      "EffectiveRate": 12.3456, "CanApplyToRevenue": true},
      {"TaxType": "TAX001", "Name": "Old", "Status": "DELETED", "EffectiveRate": 10}]}"""
    xero.answers = [httpx.Response(200, content=body)]

    output, old = accounting.tax_rates()

    assert (output.effective_rate, output.is_active) == (Decimal("12.3456"), True)
    assert (old.effective_rate, old.is_active, "REVENUE" in old.refused_on) == (10, False, True)


def test_accounts_without_a_code_are_read(xero: Any, accounting: Accounting, page: Page) -> None:
    bank = {"AccountID": "a1", "Name": "Bank", "Type": "BANK", "Status": "ACTIVE"}
    sales = {**bank, "AccountID": "a2", "Code": "200", "Type": "REVENUE", "Class": "REVENUE"}
    xero.answers = [page("Accounts", [bank, {**sales, "Status": "ARCHIVED"}])]

    accounts = accounting.accounts()

    assert [(one.code, one.is_active) for one in accounts] == [(None, True), ("200", False)]


def test_currencies_are_codes(xero: Any, accounting: Accounting, page: Page) -> None:
    xero.answers = [page("Currencies", [{"Code": "AUD"}, {"Code": "NZD"}])]

    assert accounting.currencies() == ["AUD", "NZD"]


def test_contacts_are_listed_as_summaries_with_archived_and_merged_ones(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    row = {
        "ContactID": "c1",
        "Name": "Acme",
        "ContactNumber": "001A",
        "ContactStatus": "ARCHIVED",
        "MergedToContactID": "c2",
        "AccountNumber": "",
        "UpdatedDateUTC": "/Date(1795312800123+0000)/",
    }
    xero.answers = [page("Contacts", [row], page_count=1)]

    (contact,) = accounting.contacts(modified_since=datetime(2026, 11, 1, tzinfo=UTC))

    assert (contact.contact_id, contact.merged_to, contact.account_number) == ("c1", "c2", None)
    params = dict(xero.calls[0].url.params)
    assert params == {
        "page": "1",
        "pageSize": "1000",
        "summaryOnly": "true",
        "includeArchived": "true",
    }
    assert xero.calls[0].headers["if-modified-since"] == "2026-11-01T00:00:00"


def test_no_change_may_be_said_by_304(xero: Any, accounting: Accounting) -> None:
    xero.answers = [httpx.Response(304)]

    assert list(accounting.contacts(modified_since=datetime(2026, 11, 1, tzinfo=UTC))) == []


@pytest.mark.parametrize("status", [200, 202, 304])
@pytest.mark.parametrize("read", ["contacts", "contacts_in_full", "accounts", "item_codes"])
def test_a_list_without_a_body_is_no_empty_list(
    xero: Any, accounting: Accounting, status: int, read: str
) -> None:
    xero.answers = [httpx.Response(status)] * 3

    with pytest.raises(ServiceUnavailable, match="without a body"):
        list(getattr(accounting, read)())


def test_a_page_without_a_body_is_asked_for_again(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    one, two = {"ContactID": "c1"}, {"ContactID": "c2"}
    xero.answers = [page("Contacts", [one], 2), httpx.Response(200), page("Contacts", [two], 2)]

    assert list(accounting.contacts_in_full()) == [one, two]


def test_all_contacts_are_read_by_id_a_thousand_at_a_time_and_each_once(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    one, two = {"ContactID": "c1"}, {"ContactID": "c2"}
    xero.answers = [page("Contacts", [one], 2), page("Contacts", [one, two], 2)]

    assert list(accounting.contacts_in_full()) == [one, two]
    assert dict(xero.calls[1].url.params) == {
        "page": "2",
        "pageSize": "1000",
        "includeArchived": "true",
        "order": "ContactID",
    }


def test_contacts_are_read_by_id_forty_at_a_time_archived_ones_too(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    xero.answers = [page("Contacts", [{"ContactID": "c1"}], 1), page("Contacts", [], 1)]

    rows = accounting.contacts_by_id([TargetId(f"c{number}") for number in range(41)])

    assert [len(ids.split(",")) for ids in asked(xero, "IDs")] == [40, 1]
    assert asked(xero, "includeArchived") == ["true", "true"]
    assert rows == [{"ContactID": "c1"}]


def test_contacts_are_counted_by_one_call(xero: Any, accounting: Accounting, page: Page) -> None:
    xero.answers = [page("Contacts", [{"ContactID": "c1"}], 300)]

    assert accounting.count_contacts() == 300
    assert asked(xero, "pageSize") == ["1"]


def test_contacts_are_searched_by_number_in_short_clauses_with_quotes_doubled(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    xero.answers = [page("Contacts", [{"ContactID": "c1"}], 1), page("Contacts", [], 1)]

    rows = accounting.contacts_by_number(['a"b', 'a"b', *map(str, range(20))])

    first, second = asked(xero, "where")
    assert first.startswith('ContactNumber=="a""b" OR ContactNumber=="0" OR ')
    assert second == 'ContactNumber=="19"'
    assert asked(xero, "includeArchived") == ["true", "true"]
    assert rows == [{"ContactID": "c1"}]


def test_contacts_are_searched_one_by_one_if_xero_cannot_read_or(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    xero.answers = [
        QUERY_PARSE,
        page("Contacts", [{"ContactID": "c1"}], 1),
        page("Contacts", [{"ContactID": "c2"}], 1),
    ]

    rows = accounting.contacts_by_number(["a", "b"])

    assert asked(xero, "where")[1:] == ['ContactNumber=="a"', 'ContactNumber=="b"']
    assert [row["ContactID"] for row in rows] == ["c1", "c2"]


def test_a_clause_that_cannot_be_read_at_all_is_an_error(xero: Any, accounting: Accounting) -> None:
    xero.answers = [QUERY_PARSE]

    with pytest.raises(RequestRejected):
        accounting.contacts_by_number(["a"])


def test_a_number_that_cannot_be_searched_for_is_never_taken_for_absent(
    accounting: Accounting,
) -> None:
    with pytest.raises(ValueError, match="backslash"):
        accounting.contacts_by_number(["a\\b"])


def test_invoices_are_searched_by_number_forty_at_a_time_and_bills_left_out(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    rows = [{"InvoiceID": "i1", "Type": "ACCREC"}, {"InvoiceID": "i2", "Type": "ACCPAY"}]
    xero.answers = [page("Invoices", rows, 1), page("Invoices", [], 1), page("Invoices", [], 1)]

    found = accounting.invoices_by_number([*(f"SF-{number}" for number in range(41)), "A,B"])

    lists = [request.url.params.get("InvoiceNumbers") for request in xero.calls]
    assert [text and len(text.split(",")) for text in lists] == [40, 1, None]
    assert xero.calls[2].url.params["where"] == 'InvoiceNumber=="A,B"'
    assert asked(xero, "unitdp") == ["4"] * 3
    assert found == [rows[0]]


def test_long_numbers_make_shorter_lists(xero: Any, accounting: Accounting, page: Page) -> None:
    xero.answers = [page("Invoices", [], 1)] * 2

    accounting.invoices_by_number([f"{number}{'x' * 198}" for number in range(10)])

    assert all(len(text) <= 1600 for text in asked(xero, "InvoiceNumbers"))


def test_every_page_of_a_look_up_is_read(xero: Any, accounting: Accounting, page: Page) -> None:
    xero.answers = [
        page("Invoices", [{"InvoiceID": "i1"}], 2),
        page("Invoices", [{"InvoiceID": "i2"}], 2),
    ]

    rows = accounting.invoices_by_id([TargetId("i1"), TargetId("i2")])

    assert [row["InvoiceID"] for row in rows] == ["i1", "i2"]
    assert asked(xero, "IDs") == ["i1,i2", "i1,i2"]
    assert asked(xero, "page") == ["1", "2"]


def test_looking_up_nothing_calls_nothing(xero: Any, accounting: Accounting) -> None:
    assert accounting.invoices_by_id([]) == accounting.contacts_by_number([]) == []
    assert accounting.credit_notes_by_number([]) == {}
    assert xero.calls == []


def test_credit_notes_are_told_by_number_for_as_many_as_one_call_takes(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    ours = {"CreditNoteNumber": "SF-0-c1", "Type": "ACCRECCREDIT", "CreditNoteID": "c1"}
    theirs = {"CreditNoteNumber": "SF-1-C1", "Type": "ACCPAYCREDIT", "CreditNoteID": "c2"}
    xero.answers = [page("CreditNotes", [ours, theirs], 1)]
    numbers = [f"SF-{number}-C1" for number in range(21)]

    told = accounting.credit_notes_by_number(numbers)

    assert list(told) == numbers[:20]
    assert [told[number] for number in numbers[:2]] == [ours, None]
    (where,) = asked(xero, "where")
    assert where.startswith('CreditNoteNumber=="SF-0-C1" OR CreditNoteNumber=="SF-1-C1" OR ')
    assert asked(xero, "unitdp") == ["4"]


def test_credit_notes_are_told_one_by_one_from_then_on_if_xero_cannot_read_or(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    xero.answers = [QUERY_PARSE, page("CreditNotes", [], 1), page("CreditNotes", [], 1)]

    assert accounting.credit_notes_by_number(["a", "b"]) == {"a": None}
    assert accounting.credit_notes_by_number(["b", "c"]) == {"b": None}

    assert asked(xero, "where")[1:] == ['CreditNoteNumber=="a"', 'CreditNoteNumber=="b"']


def test_a_credit_note_that_cannot_be_asked_for_at_all_is_an_error(
    xero: Any, accounting: Accounting
) -> None:
    xero.answers = [QUERY_PARSE]

    with pytest.raises(RequestRejected):
        accounting.credit_notes_by_number(["a"])


def test_the_apps_own_invoices_are_read_from_an_hour_earlier(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    xero.answers = [page("Invoices", [{"InvoiceID": "i1", "Status": "VOIDED"}], 1)]

    rows = list(accounting.invoices_created_by_app_since(datetime(2026, 11, 1, 1, 0, tzinfo=UTC)))

    assert rows == [{"InvoiceID": "i1", "Status": "VOIDED"}]
    assert xero.calls[0].headers["if-modified-since"] == "2026-11-01T00:00:00"
    assert asked(xero, "createdByMyApp") == ["true"]
    assert asked(xero, "pageSize") == ["1000"]
    assert not {"where", "Statuses"} & set(xero.calls[0].url.params)


@pytest.mark.parametrize(
    ("entity", "operation", "method", "path", "params"),
    [
        (Entity.CONTACT, Operation.CREATE, "PUT", "Contacts", {"summarizeErrors": "false"}),
        (Entity.CONTACT, Operation.UPDATE, "POST", "Contacts", {"summarizeErrors": "false"}),
        (
            Entity.INVOICE,
            Operation.CREATE,
            "PUT",
            "Invoices",
            {"summarizeErrors": "false", "unitdp": "4"},
        ),
    ],
)
def test_a_batch_asks_for_a_result_per_element(
    xero: Any,
    accounting: Accounting,
    page: Page,
    entity: Entity,
    operation: Operation,
    method: str,
    path: str,
    params: dict[str, str],
) -> None:
    xero.answers = [page(path, [])]

    accounting.write_batch(entity, operation, body=b"{}", idempotency_key="k")

    (request,) = xero.calls
    assert (request.method, request.url.path) == (method, f"/api.xro/2.0/{path}")
    assert dict(request.url.params) == params
    assert request.headers["idempotency-key"] == "k"


def test_amounts_of_a_batch_reply_are_exact(xero: Any, accounting: Accounting) -> None:
    body = b'{"Invoices": [{"InvoiceID": "i1", "StatusAttributeString": "OK", "Total": 0.10}]}'
    xero.answers = [httpx.Response(200, content=body)]

    (result,) = accounting.write_batch(
        Entity.INVOICE, Operation.CREATE, body=b"{}", idempotency_key="k"
    )

    assert str(result.element["Total"]) == "0.10"


def test_a_batch_reply_without_elements_leaves_the_outcome_unknown(
    xero: Any, accounting: Accounting
) -> None:
    xero.answers = [httpx.Response(200, json={"Status": "OK"})]

    with pytest.raises(OutcomeUnknown):
        accounting.write_batch(Entity.INVOICE, Operation.CREATE, body=b"{}", idempotency_key="k")


def test_a_permit_is_taken_without_a_call(xero: Any, accounting: Accounting, quota: Any) -> None:
    accounting.take_permit()

    assert (len(quota.takes), xero.calls) == (1, [])


@pytest.mark.parametrize("rate", ["much", None, {}])
def test_a_tax_rate_without_a_number_is_refused(
    xero: Any, accounting: Accounting, page: Page, rate: Any
) -> None:
    row = {"TaxType": "OUTPUT", "Name": "GST", "EffectiveRate": rate}
    xero.answers = [page("TaxRates", [row])]

    with pytest.raises(UnexpectedResponse):
        accounting.tax_rates()


def test_contacts_without_a_time_are_read_by_page_number(
    xero: Any, accounting: Accounting, page: Page
) -> None:
    first = page("Contacts", [{"ContactID": "c1"}], 2)
    xero.answers = [first, page("Contacts", [{"ContactID": "c2"}], 2), first]

    assert [one.contact_id for one in accounting.contacts()] == ["c1", "c2"]
    assert asked(xero, "page") == ["1", "2", "1"]
