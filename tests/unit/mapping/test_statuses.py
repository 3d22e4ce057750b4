from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pytest

from sfxero.mapping.organisation import View
from sfxero.mapping.status_fields import STATUS_FIELDS, PaymentStatus
from sfxero.mapping.status_rules import SalesforceFieldsSection
from sfxero.mapping.statuses import transform_statuses
from sfxero.staging.xero_schema import schema_of

TODAY = date(2026, 11, 22)
VIEW = View(today_on=TODAY, short_code="!abc")
Shown = Callable[..., dict[str, Any]]


def invoice(**fields: Any) -> dict[str, Any]:
    """An approved invoice of 110.00, of which nothing is paid and which is due today."""
    row = {
        "Id": "i1", "Type": "ACCREC", "InvoiceNumber": "SF-1", "Status": "AUTHORISED",
        "ContactID": "c1", "CurrencyCode": "AUD", "Total": Decimal("110.00"),
        "AmountDue": Decimal("110.00"), "AmountPaid": Decimal(0), "AmountCredited": Decimal(0),
        "CreditNotesApplied": Decimal(0), "Date": date(2026, 11, 1), "DueDate": TODAY,
        "FullyPaidOnDate": None, "UpdatedDateUTC": datetime(2026, 11, 20, tzinfo=UTC),
    }  # fmt: skip
    return row | fields


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    table = pa.Table.from_pylist(list(rows), schema=schema_of("Invoices"))
    return table.to_pandas(types_mapper=pd.ArrowDtype)


@pytest.fixture
def shown() -> Shown:
    fields = SalesforceFieldsSection()

    def show(**values: Any) -> dict[str, Any]:
        (document,) = transform_statuses(
            frame(invoice(**values)), fields, opportunities=[("i1", "006A")], view=VIEW
        )
        payload = orjson.loads(document.payload)
        return {key: payload[name] for key, name in fields.shown().items()}

    return show


def amounts(paid: str = "0", due: str = "0", credited: str = "0", noted: str = "0") -> Any:
    return {
        "AmountPaid": Decimal(paid), "AmountDue": Decimal(due),
        "AmountCredited": Decimal(credited), "CreditNotesApplied": Decimal(noted),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "money", "expected"),
    [
        ("DRAFT", amounts(due="110"), "Unpaid"),
        ("SUBMITTED", amounts(due="110"), "Unpaid"),
        ("AUTHORISED", amounts(due="110"), "Unpaid"),
        ("AUTHORISED", amounts(paid="0.01", due="109.99"), "Part paid"),
        ("AUTHORISED", amounts(credited="10", due="100"), "Part paid"),
        ("AUTHORISED", amounts(credited="10", noted="10", due="100"), "Unpaid"),
        ("AUTHORISED", amounts(credited="10", noted="4", due="100"), "Part paid"),
        ("PAID", amounts(paid="110"), "Paid"),
        ("PAID", amounts(credited="110", noted="110"), "Credited"),
        ("PAID", amounts(credited="110", noted="0"), "Paid"),
        ("PAID", amounts(paid="100", credited="10", noted="10"), "Paid"),
        ("VOIDED", amounts(), "Voided"),
        ("DELETED", amounts(), "Voided"),
    ],
)
def test_the_payment_status_follows_from_status_and_amounts(
    shown: Shown, status: str, money: dict[str, Decimal], expected: str
) -> None:
    assert shown(Status=status, **money)["payment_status"] == expected


def test_credit_notes_that_are_unknown_do_not_hide_what_was_paid(shown: Shown) -> None:
    money = amounts(paid="10", credited="10", due="90") | {"CreditNotesApplied": None}
    assert shown(Status="AUTHORISED", **money)["payment_status"] == "Part paid"


@pytest.mark.parametrize(
    ("status", "due_on", "due", "expected"),
    [
        ("AUTHORISED", date(2026, 11, 22), "110", "Unpaid"),
        ("AUTHORISED", date(2026, 11, 21), "110", "Overdue"),
        ("AUTHORISED", None, "110", "Unpaid"),
        ("AUTHORISED", date(2026, 11, 21), "0", "Paid"),
        ("DRAFT", date(2026, 11, 21), "110", "Unpaid"),
        ("VOIDED", date(2026, 11, 21), "110", "Voided"),
    ],
)
def test_what_is_owed_is_overdue_from_the_day_after_its_due_date(
    shown: Shown, status: str, due_on: date | None, due: str, expected: str
) -> None:
    found = shown(Status=status, DueDate=due_on, AmountDue=Decimal(due))
    assert found["payment_status"] == expected


def test_amounts_keep_their_cents_and_nothing_is_left_out() -> None:
    fields = SalesforceFieldsSection()
    row = invoice(InvoiceNumber=None, AmountDue=Decimal("99.90"), AmountPaid=Decimal("10.1"))
    (document,) = transform_statuses(frame(row), fields, opportunities=[("i1", "006A")], view=VIEW)
    assert '"Xero_Amount_Due__c":99.90' in document.payload
    assert '"Xero_Amount_Paid__c":10.10' in document.payload
    assert '"Xero_Invoice_Number__c":null' in document.payload
    assert '"Xero_Paid_On__c":null' in document.payload
    assert "Xero_Last_Synced_At__c" not in document.payload
    assert "Xero_Sync_Error__c" not in document.payload


def test_the_day_of_payment_is_shown_while_it_is_paid(shown: Shown) -> None:
    day = date(2026, 11, 3)
    assert shown(Status="PAID", FullyPaidOnDate=day)["paid_on"] == "2026-11-03"
    assert shown(Status="AUTHORISED", FullyPaidOnDate=day)["paid_on"] is None


def test_the_link_names_the_organisation_if_it_is_known() -> None:
    fields = SalesforceFieldsSection()
    links = [
        orjson.loads(document.payload)["Xero_Invoice_Url__c"]
        for code in ("!abc", None)
        for document in transform_statuses(
            frame(invoice()),
            fields,
            opportunities=[("i1", "006A")],
            view=View(today_on=TODAY, short_code=code),
        )
    ]
    assert all(one.startswith("https://go.xero.com/") and one.endswith("i1") for one in links)
    assert ["!abc" in one for one in links] == [True, False]
    assert max(map(len, links)) <= 255


def test_documents_come_by_contact_and_other_invoices_are_passed_over() -> None:
    rows = [
        invoice(Id=one, ContactID=contact)
        for one, contact in (("i1", "c2"), ("i2", "c1"), ("i3", "c2"), ("i4", "c1"))
    ]
    pairs = [("i1", "006A"), ("i2", "006B"), ("i3", "006C"), ("i9", "006D")]
    documents = transform_statuses(
        frame(*rows), SalesforceFieldsSection(), opportunities=pairs, view=VIEW
    )
    assert [one.source_id for one in documents] == ["006B", "006A", "006C"]
    assert [one.meta["invoice_id"] for one in documents] == ["i2", "i1", "i3"]


def test_a_field_that_the_route_leaves_out_is_not_written() -> None:
    names = {one.key: None for one in STATUS_FIELDS} | {"status": "State__c"}
    (document,) = transform_statuses(
        frame(invoice()),
        SalesforceFieldsSection(**names),
        opportunities=[("i1", "006A")],
        view=VIEW,
    )
    assert document.payload == '{"State__c":"AUTHORISED"}'


def test_every_key_of_the_section_is_a_field_and_every_status_a_value() -> None:
    section = SalesforceFieldsSection()
    assert section.named() == {one.key: one.name for one in STATUS_FIELDS}
    assert set(type(section).model_fields) == {one.key for one in STATUS_FIELDS}
    values = next(one.values for one in STATUS_FIELDS if one.key == "payment_status")
    assert set(values) == set(PaymentStatus)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "StageName"}, "pattern"),
        ({"status": "A__c", "amount_due": "a__c"}, "two things at once"),
        ({one.key: None for one in STATUS_FIELDS}, "nothing to show"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SalesforceFieldsSection(**fields)


def test_other_names_are_other_rules() -> None:
    same, other = SalesforceFieldsSection(), SalesforceFieldsSection(status="State__c")
    assert same.version == SalesforceFieldsSection().version
    assert same.version != other.version
