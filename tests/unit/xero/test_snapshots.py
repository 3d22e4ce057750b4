"""Snapshots are equal if and only if the values that we own are."""

import json
from decimal import Decimal
from typing import Any

import pytest

from sfxero.errors import UnexpectedResponse
from sfxero.model.states import Entity
from sfxero.xero.snapshots import snapshot

CONTACT: dict[str, Any] = {
    "ContactID": "025c",
    "Name": "Café Müller",
    "ContactNumber": "001A",
    "ContactStatus": "ACTIVE",
    "TaxNumber": "53004085616",
    "Addresses": [
        {"AddressType": "STREET", "City": "Perth"},
        {"AddressType": "POBOX", "AddressLine1": "1 High St", "City": "Sydney", "Region": ""},
    ],
}
INVOICE: dict[str, Any] = {
    "InvoiceID": "243c",
    "InvoiceNumber": "SF-1",
    "Type": "ACCREC",
    "Contact": {"ContactID": "025c", "Name": "Acme"},
    "DateString": "2026-11-22T00:00:00",
    "Date": "/Date(1795305600000+0000)/",
    "Total": Decimal("110.00"),
    "LineItems": [{"Description": "A", "Quantity": Decimal("1.0000"), "UnitAmount": 100}],
}


def test_a_contact_is_kept_by_its_own_fields_and_printed_address() -> None:
    assert json.loads(snapshot(Entity.CONTACT, CONTACT)) == {
        "ContactID": "025c",
        "ContactNumber": "001A",
        "ContactStatus": "ACTIVE",
        "Name": "Café Müller",
        "POBOX": {"AddressLine1": "1 High St", "City": "Sydney"},
        "TaxNumber": "53004085616",
    }


def test_an_invoice_is_kept_with_days_and_exact_numbers() -> None:
    assert json.loads(snapshot(Entity.INVOICE, INVOICE)) == {
        "ContactID": "025c",
        "Date": "2026-11-22",
        "InvoiceID": "243c",
        "InvoiceNumber": "SF-1",
        "LineItems": [{"Description": "A", "Quantity": "1", "UnitAmount": "100"}],
        "Total": "110",
        "Type": "ACCREC",
    }


@pytest.mark.parametrize(
    ("terms", "kept"),
    [
        ({"Sales": {"Day": 30, "Type": "DAYSAFTERBILLDATE"}},
         {"Day": "30", "Type": "DAYSAFTERBILLDATE"}),
        ({"Sales": {"Day": Decimal(0), "Type": "OFCURRENTMONTH", "ValidationErrors": []}},
         {"Day": "0", "Type": "OFCURRENTMONTH"}),
        ({"Bills": {"Day": 30, "Type": "DAYSAFTERBILLDATE"}}, None),
        ({"Sales": {}}, None),
        ({"Sales": None}, None),
        ({}, None),
        (None, None),
    ],
)  # fmt: skip
def test_of_payment_terms_those_of_sales_are_ours(terms: Any, kept: Any) -> None:
    held = json.loads(snapshot(Entity.CONTACT, CONTACT | {"PaymentTerms": terms}))
    assert held.get("SalesTerms") == kept


@pytest.mark.parametrize(
    ("entity", "element", "same"),
    [
        (Entity.INVOICE, INVOICE, {"Total": 110}),
        (Entity.INVOICE, INVOICE, {"Total": Decimal("1.1E2")}),
        (Entity.INVOICE, INVOICE, {"Reference": ""}),
        (Entity.INVOICE, INVOICE, {"Url": None}),
        (Entity.INVOICE, INVOICE, {"DateString": None}),
        (Entity.INVOICE, INVOICE, {"UpdatedDateUTC": "/Date(1795312800123+0000)/"}),
        (Entity.CONTACT, CONTACT, {"Balances": {"Due": 1}}),
        (Entity.CONTACT, CONTACT, {"Addresses": CONTACT["Addresses"][::-1]}),
    ],
)
def test_other_spellings_of_the_same_values_give_the_same_text(
    entity: Entity, element: dict[str, Any], same: dict[str, Any]
) -> None:
    assert snapshot(entity, {**element, **same}) == snapshot(entity, element)


@pytest.mark.parametrize(
    "other",
    [
        {"Total": Decimal("110.01")},
        {"Status": "VOIDED"},
        {"DateString": "2026-11-23T00:00:00"},
        {"Contact": {"ContactID": "other"}},
        {"LineItems": []},
    ],
)
def test_another_value_gives_another_text(other: dict[str, Any]) -> None:
    assert snapshot(Entity.INVOICE, {**INVOICE, **other}) != snapshot(Entity.INVOICE, INVOICE)


def test_persons_are_kept_in_any_order() -> None:
    ann = {"FirstName": "Ann", "LastName": "", "EmailAddress": "a@x.au", "IncludeInEmails": False}
    bob = {"FirstName": "Bob", "IncludeInEmails": True}

    def kept(*persons: dict[str, Any]) -> str:
        return snapshot(Entity.CONTACT, {"ContactPersons": list(persons)})

    assert json.loads(kept(bob, ann)) == {
        "ContactPersons": [
            {"FirstName": "Ann", "EmailAddress": "a@x.au"},
            {"FirstName": "Bob", "IncludeInEmails": True},
        ]
    }
    assert kept(ann, bob) == kept(bob, ann) != kept(ann)
    assert kept() == "{}"


def test_tracking_is_kept_by_category_in_any_order() -> None:
    region = {"Name": "Region", "Option": "East", "TrackingCategoryID": "c"}
    team = {"Name": "Team", "Option": "Sales"}

    def kept(*tracking: dict[str, str]) -> str:
        return snapshot(Entity.INVOICE, {"LineItems": [{"Tracking": list(tracking)}]})

    assert json.loads(kept(region))["LineItems"] == [{"Tracking": {"Region": "East"}}]
    assert kept(region, team) == kept(team, region) != kept(region)
    assert kept(region) != kept(region | {"Option": "West"})
    assert json.loads(kept())["LineItems"] == [{}]


def test_zero_is_a_value() -> None:
    assert '"AmountDue":"0"' in snapshot(Entity.INVOICE, {"AmountDue": Decimal("-0.00")})


@pytest.mark.parametrize("value", ["ten", {}, Decimal("Infinity")])
def test_an_amount_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(UnexpectedResponse):
        snapshot(Entity.INVOICE, {"Total": value})


def test_of_an_email_only_the_mark_is_kept() -> None:
    element = INVOICE | {"SentToContact": True}

    assert json.loads(snapshot(Entity.INVOICE_EMAIL, element)) == {
        "InvoiceID": "243c",
        "SentToContact": True,
    }


def test_other_entities_have_no_snapshot() -> None:
    with pytest.raises(ValueError, match="Xero has no account"):
        snapshot(Entity.ACCOUNT, {})
