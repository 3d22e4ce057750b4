"""Rows of Xero as flat records, and the moment from which the next reading goes on."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sfxero.errors import UnexpectedResponse
from sfxero.xero.changes import Changes, records_of
from sfxero.xero.paging import Page, page_of
from sfxero.xero.zones import zone_of

INVOICE = {
    "InvoiceID": "i1", "Type": "ACCREC", "InvoiceNumber": "SF-1", "Status": "AUTHORISED",
    "Contact": {"ContactID": "c1", "Name": "Acme"}, "CurrencyCode": "AUD",
    "Total": Decimal("110.00"), "AmountDue": Decimal("80.00"), "AmountPaid": 0,
    "AmountCredited": Decimal("30.00"),
    "CreditNotes": [{"AppliedAmount": Decimal("20.00")}, {"AppliedAmount": Decimal("5.50")}],
    "Overpayments": [{"AppliedAmount": Decimal("4.50")}],
    "Date": "/Date(1795305600000+1100)/", "DueDateString": "2026-01-31T00:00:00",
    "DueDate": "/Date(1769857200000+1100)/", "UpdatedDateUTC": "/Date(1795312800123+0000)/",
}  # fmt: skip
CONTACT = {
    "ContactID": "c1", "Name": "Acme", "ContactStatus": "ACTIVE",
    "Addresses": [{"AddressType": "POBOX", "City": "Perth"}],
    "UpdatedDateUTC": "/Date(1795312800123+0000)/",
}  # fmt: skip


def record(plural: str, **fields: Any) -> dict[str, object]:
    (found,) = records_of(plural, [fields])
    return found


def test_days_are_days_in_either_form() -> None:
    found = record("Invoices", **INVOICE, FullyPaidOnDate="2026-01-31T00:00:00")
    assert found["Date"] == "2026-11-22"
    assert found["DueDate"] == "2026-01-31"
    assert found["FullyPaidOnDate"] == "2026-01-31"
    assert found["UpdatedDateUTC"] == "2026-11-22T02:00:00.123000+00:00"


def test_only_credit_notes_count_as_such() -> None:
    assert record("Invoices", **INVOICE)["CreditNotesApplied"] == Decimal("25.50")
    bare = {name: value for name, value in INVOICE.items() if name != "CreditNotes"}
    assert record("Invoices", **bare)["CreditNotesApplied"] == 0


@pytest.mark.parametrize(
    ("credited", "overpaid", "noted"),
    [
        (Decimal("30.00"), {"AppliedAmount": Decimal("4.50")}, Decimal("25.50")),
        (Decimal("30.00"), {}, None),
        (None, {"AppliedAmount": Decimal("4.50")}, None),
    ],
)
def test_credit_notes_that_do_not_say_what_they_gave_gave_what_no_other_credit_did(
    credited: Decimal | None, overpaid: dict[str, Decimal], noted: Decimal | None
) -> None:
    notes = [{"CreditNoteID": "n1"}, {"AppliedAmount": Decimal("5.50")}]
    changes = {"AmountCredited": credited, "CreditNotes": notes, "Overpayments": [overpaid]}
    assert record("Invoices", **INVOICE | changes)["CreditNotesApplied"] == noted


@pytest.mark.parametrize("amount", [None, "80.00", True, Decimal("80.001"), Decimal("NaN")])
def test_an_amount_that_is_none_is_left_to_the_suite(amount: object) -> None:
    assert record("Invoices", **INVOICE | {"AmountDue": amount})["AmountDue"] is None


def test_a_payment_names_its_invoice_and_a_refund_none() -> None:
    common = {"PaymentID": "p", "UpdatedDateUTC": "2026-11-22T00:00:00", "Amount": Decimal(5)}
    assert record("Payments", **common, Invoice={"InvoiceID": "i1"})["InvoiceIDs"] == "i1"
    assert record("Payments", **common, Overpayment={"OverpaymentID": "o"})["InvoiceIDs"] is None


@pytest.mark.parametrize(
    ("plural", "id_field"),
    [
        ("CreditNotes", "CreditNoteID"),
        ("Overpayments", "OverpaymentID"),
        ("Prepayments", "PrepaymentID"),
    ],
)
def test_a_credit_names_each_invoice_once(plural: str, id_field: str) -> None:
    allocations = [{"Invoice": {"InvoiceID": one}} for one in ("i1", "i2", "i1")]
    fields = {id_field: "c", "UpdatedDateUTC": "2026-11-22T00:00:00", "Allocations": allocations}
    found = record(plural, **fields)
    assert (found["Id"], found["InvoiceIDs"]) == ("c", "i1 i2")


def test_a_record_without_its_id_or_time_is_no_record() -> None:
    for name in ("InvoiceID", "UpdatedDateUTC"):
        with pytest.raises(UnexpectedResponse, match=name):
            record("Invoices", **INVOICE | {name: None})


def test_a_reading_goes_by_xeros_clock_at_its_first_page() -> None:
    pages = iter(
        [
            {"Invoices": [INVOICE], "DateTimeUTC": "/Date(1795312800000)/",
             "pagination": {"pageCount": 1}},
        ]
    )  # fmt: skip
    changes = Changes(
        "Invoices", lambda _: lambda _n, _s: page_of(next(pages), "Invoices"), since=None
    )
    assert changes.began_at is None
    assert [one["Id"] for one in changes.records()] == ["i1"]
    assert changes.began_at == datetime(2026, 11, 22, 2, tzinfo=UTC)


@pytest.mark.parametrize("said", [None, "soon", 7])
def test_a_reply_that_does_not_say_its_time_is_a_reply(said: object) -> None:
    page = page_of({"Invoices": [], "DateTimeUTC": said}, "Invoices")
    assert page.sent_at is None


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("AUSEASTERNSTANDARDTIME", "Australia/Sydney"),
        ("NEWZEALANDSTANDARDTIME", "Pacific/Auckland"),
        ("CENTRALSTANDARDTIME(MEXICO)", "America/Mexico_City"),
        ("UTC+12", "Etc/GMT-12"),
        ("KAMCHATKASTANDARDTIME", "Asia/Kamchatka"),
        ("NOWHERESTANDARDTIME", "UTC"),
        (None, "UTC"),
    ],
)
def test_a_zone_is_found_by_the_name_that_xero_has_for_it(name: str | None, zone: str) -> None:
    assert zone_of(name).key == zone


def test_contacts_are_read_by_id_a_page_to_a_call() -> None:
    asked: list[tuple[int, datetime | None]] = []

    def fetch(page: int, since: datetime | None) -> Page:
        asked.append((page, since))
        rows = [CONTACT | {"ContactID": f"{page}-{number}"} for number in range(3)]
        return Page(rows, page_count=4)

    since = datetime(2026, 11, 1, tzinfo=UTC)
    found = list(Changes("Contacts", lambda _: fetch, since=since).records())

    assert asked == [(page, since) for page in range(1, 5)]
    assert len({one["Id"] for one in found}) == 12


def test_a_contact_keeps_all_that_a_link_would_keep_of_it() -> None:
    found = record("Contacts", **CONTACT)

    assert (found["Name"], found["Status"]) == ("Acme", "ACTIVE")
    assert json.loads(str(found["Snapshot"])) == {
        "ContactID": "c1",
        "ContactStatus": "ACTIVE",
        "Name": "Acme",
        "POBOX": {"City": "Perth"},
    }
