import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sfxero.errors import LedgerError
from sfxero.model.ids import RouteName, SourceId, TargetId, TenantId
from sfxero.model.outbox import NOTHING_WRITTEN, Entry, SourceVersion
from sfxero.model.states import Entity, EntryState, Operation
from sfxero.sync.bodies import (
    holds,
    keeping_bills,
    moving_on,
    own_number,
    parse,
    render,
    taking_number,
    total_differences,
    wanted,
    with_name,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CONTACT, INVOICE = Entity.CONTACT, Entity.INVOICE


def entry(
    entity: Entity, payload: str, *, former: str | None = None, parent: str | None = "C1"
) -> Entry:
    return Entry(
        entry_id=1,
        route=RouteName("demo"),
        tenant=TenantId("t"),
        entity=entity,
        operation=Operation.UPDATE if former else Operation.CREATE,
        source_id=SourceId("s"),
        state=EntryState.CLAIMED,
        payload=payload,
        content_hash="h",
        version=SourceVersion(NOW, NOW),
        mapping_version="m",
        run_id="r",
        meta={},
        target_id=TargetId("T1") if former else None,
        parent_target_id=None if parent is None else TargetId(parent),
        tries=0,
        lease_until_at=None,
        former_payload=former,
    )


def element(found: Entry) -> Any:
    ((_, rows),) = json.loads(render([found])).items()
    return rows[0]


def test_a_new_contact_goes_as_it_is() -> None:
    payload = '{"Name":"Acmé","ContactNumber":"001"}'

    assert render([entry(CONTACT, payload)]).decode() == f'{{"Contacts":[{payload}]}}'


SALES = {"Day": 30, "Type": "DAYSAFTERBILLDATE"}
BILLS = {"Day": 20, "Type": "OFFOLLOWINGMONTH"}
TERMS = f'{{"Name":"A","PaymentTerms":{json.dumps({"Sales": SALES})}}}'


@pytest.mark.parametrize(
    ("held", "sent"),
    [
        ({"PaymentTerms": {"Bills": BILLS | {"ValidationErrors": []}, "Sales": SALES}},
         {"Bills": BILLS, "Sales": SALES}),
        ({"PaymentTerms": {"Sales": {"Day": 7, "Type": "OFCURRENTMONTH"}}}, {"Sales": SALES}),
        ({}, {"Sales": SALES}),
        (None, {"Sales": SALES}),
    ],
)  # fmt: skip
def test_terms_of_bills_go_along_as_the_contact_holds_them(held: Any, sent: Any) -> None:
    found = keeping_bills(entry(CONTACT, TERMS, former="{}"), held)
    assert element(found)["PaymentTerms"] == sent


def test_terms_of_bills_are_not_sent_alone() -> None:
    found = keeping_bills(
        entry(CONTACT, '{"Name":"A"}', former=TERMS), {"PaymentTerms": {"Bills": BILLS}}
    )
    assert "PaymentTerms" not in element(found)


@pytest.mark.parametrize(
    ("former", "held", "sent"),
    [
        (NOTHING_WRITTEN, {}, True),
        (NOTHING_WRITTEN, {"ContactNumber": ""}, True),
        (NOTHING_WRITTEN, {"ContactNumber": "OLD-7"}, False),
        # Once written to, it may have been merged: its number is another's.
        ('{"Name":"A","ContactNumber":"001"}', {}, False),
    ],
)
def test_only_a_contact_that_was_linked_without_a_number_takes_ours(
    former: str, held: dict[str, str], sent: bool
) -> None:
    found = entry(CONTACT, '{"Name":"B","ContactNumber":"001"}', former=former)

    body = element(taking_number(found, held))

    assert body == {"ContactID": "T1", "Name": "B"} | ({"ContactNumber": "001"} if sent else {})


def test_numbers_of_an_invoice_keep_their_digits() -> None:
    payload = '{"InvoiceNumber":"SF-1","LineItems":[{"UnitAmount":33.3300}],"Total":100.00}'

    for found in (entry(INVOICE, payload), entry(INVOICE, payload, former=payload)):
        body = render([found]).decode()
        assert '"UnitAmount":33.3300' in body
        assert '"Total":100.00' in body


def test_an_invoice_names_its_contact_by_id_alone() -> None:
    assert element(entry(INVOICE, '{"InvoiceNumber":"SF-1"}')) == {
        "Contact": {"ContactID": "C1"},
        "InvoiceNumber": "SF-1",
    }
    with pytest.raises(LedgerError):
        render([entry(INVOICE, "{}", parent=None)])


@pytest.mark.parametrize(
    ("former", "now", "sent"),
    [
        ({}, {}, {}),
        ({"TaxNumber": "1"}, {}, {"TaxNumber": ""}),
        ({"TaxNumber": "1"}, {"TaxNumber": "2"}, {"TaxNumber": "2"}),
        ({}, {"TaxNumber": "2"}, {"TaxNumber": "2"}),
        (
            {"Addresses": [{"AddressType": "POBOX", "City": "P", "Region": "WA"}]},
            {"Addresses": [{"AddressType": "POBOX", "City": "Q"}]},
            {"Addresses": [{"AddressType": "POBOX", "City": "Q", "Region": ""}]},
        ),
        (
            {"Addresses": [{"AddressType": "POBOX", "City": "P"}]},
            {},
            {"Addresses": [{"AddressType": "POBOX", "City": ""}]},
        ),
    ],
)
def test_an_update_clears_what_was_given_and_is_gone(
    former: dict[str, Any], now: dict[str, Any], sent: dict[str, Any]
) -> None:
    base = {"Name": "A", "ContactNumber": "001"}
    found = entry(CONTACT, json.dumps(base | now), former=json.dumps(base | former))

    assert element(found) == {"ContactID": "T1", "Name": "A", **sent}
    assert holds(wanted(found), base | sent)
    assert not holds(wanted(found), base | former) or former == now


@pytest.mark.parametrize("name", ["InvoiceNumber", "BrandingThemeID", "CurrencyCode"])
def test_what_an_invoice_cannot_be_without_stays_when_the_route_leaves_it_to_xero(
    name: str,
) -> None:
    former = {"Type": "ACCREC", "Reference": "R", name: "X-1"}
    found = entry(INVOICE, '{"Type":"ACCREC"}', former=json.dumps(former))

    assert name not in element(found)
    assert element(found)["Reference"] == ""
    assert holds(wanted(found), {"Type": "ACCREC", "Contact": {"ContactID": "C1"}, name: "X-1"})


def test_another_name_leaves_the_rest_of_a_payload_to_the_letter() -> None:
    payload = '{"Name":"A \\"B\\"","ContactNumber":"001","TaxNumber":"1"}'

    assert with_name(payload, 'Ü "C"') == (
        '{"Name":"Ü \\"C\\"","ContactNumber":"001","TaxNumber":"1"}'
    )
    with pytest.raises(LedgerError):
        with_name('{"ContactNumber":"001","Name":"A"}', "B")


def test_the_number_is_ours_or_empty() -> None:
    assert own_number(entry(INVOICE, '{"InvoiceNumber":"SF-1"}')) == "SF-1"
    assert own_number(entry(CONTACT, '{"Name":"A"}')) == ""


def test_an_edit_carries_its_status_only_to_a_later_one() -> None:
    status, told = '"Status":"SUBMITTED",', r'"Reference":"say \"Status\":\"DRAFT\",","Total":1.10}'
    payload = f'{{"Type":"ACCREC",{status}{told}'
    edit = entry(INVOICE, payload, former=payload)
    forward, level, back = (
        render([moving_on(edit, {"Status": held})]).decode()
        for held in ("DRAFT", "SUBMITTED", "AUTHORISED")
    )

    head = '{"Invoices":[{"InvoiceID":"T1","Contact":{"ContactID":"C1"},"Type":"ACCREC",'
    assert forward == f"{head}{status}{told}]}}"
    assert level == back == f"{head}{told}]}}"


@pytest.mark.parametrize(
    ("wish", "held", "same"),
    [
        ({"Name": "A"}, {"Name": "A", "Phones": []}, True),
        ({"Name": "A"}, {"Name": "a"}, False),
        ({"Name": "A"}, {}, False),
        ({"Total": Decimal("10.00")}, {"Total": Decimal(10)}, True),
        ({"Total": Decimal("10.00")}, {"Total": "10.00"}, False),
        ({"Date": "2026-11-20"}, {"DateString": "2026-11-20T00:00:00"}, True),
        ({"Date": "2026-11-20"}, {"Date": "/Date(1795132800000+1100)/"}, True),
        ({"Date": "2026-11-20"}, {"DateString": "2026-11-21T00:00:00"}, False),
        ({"DueDate": "2026-11-20"}, {}, False),
        ({"Reference": ""}, {}, True),
        ({"Reference": ""}, {"Reference": None}, True),
        ({"Reference": ""}, {"Reference": "R"}, False),
        ({"Status": "AUTHORISED"}, {"Status": "PAID"}, True),
        ({"Status": "DRAFT"}, {"Status": "PAID"}, True),
        ({"Status": "DRAFT"}, {"Status": "SUBMITTED"}, True),
        ({"Status": "SUBMITTED"}, {"Status": "AUTHORISED"}, True),
        ({"Status": "SUBMITTED"}, {"Status": "DRAFT"}, False),
        ({"Status": "AUTHORISED"}, {"Status": "SUBMITTED"}, False),
        ({"Status": "DRAFT"}, {"Status": "DELETED"}, False),
        ({"Status": "DRAFT"}, {"Status": "SOMETHING_NEW"}, False),
        ({"Status": "DRAFT"}, {}, False),
        ({"Status": "AUTHORISED"}, {"Status": "VOIDED"}, False),
        ({"LineItems": [{"Quantity": 1}]}, {"LineItems": [{"Quantity": 1, "TaxAmount": 0}]}, True),
        ({"LineItems": [{"Quantity": 1}]}, {"LineItems": [{"Quantity": 2}]}, False),
        ({"LineItems": [{"Quantity": 1}]}, {"LineItems": [{"Quantity": 1}] * 2}, False),
        ({"LineItems": [{"Quantity": 1}]}, {"LineItems": None}, False),
        (
            {"Addresses": [{"AddressType": "POBOX", "City": "P"}]},
            {"Addresses": [{"AddressType": "STREET"}, {"AddressType": "POBOX", "City": "P"}]},
            True,
        ),
        ({"Addresses": [{"AddressType": "POBOX", "City": ""}]}, {"Addresses": []}, True),
        ({"Addresses": [{"AddressType": "POBOX", "City": "P"}]}, {"Addresses": []}, False),
    ],
)
def test_a_record_holds_a_wish_if_it_has_each_of_its_values(
    wish: dict[str, Any], held: dict[str, Any], same: bool
) -> None:
    assert holds(wish, held) is same


EAST, WEST, SALES = (
    {"Name": name, "Option": option, "TrackingCategoryID": "c"}
    for name, option in (("Region", "East"), ("Region", "West"), ("Team", "Sales"))
)


@pytest.mark.parametrize(
    ("wish", "held", "same"),
    [
        ({}, {"Tracking": []}, True),
        ({}, {"Tracking": [EAST]}, False),
        ({"Tracking": [EAST]}, {}, False),
        ({"Tracking": [EAST]}, {"Tracking": [EAST, SALES]}, False),
        ({"Tracking": [EAST]}, {"Tracking": [WEST]}, False),
        ({"Tracking": [EAST, SALES]}, {"Tracking": [SALES, EAST]}, True),
        ({}, {"ItemCode": "", "DiscountRate": Decimal("0.00")}, True),
        ({}, {"ItemCode": "A"}, False),
        ({}, {"DiscountRate": Decimal(10)}, False),
    ],
)
def test_a_line_holds_a_wish_only_without_what_the_wish_leaves_out(
    wish: dict[str, Any], held: dict[str, Any], same: bool
) -> None:
    line = {"Description": "A", "LineAmount": Decimal(1)}

    assert holds({"LineItems": [line | wish]}, {"LineItems": [line | held]}) is same


def test_totals_are_compared_one_by_one() -> None:
    payload = parse('{"SubTotal":100.00,"TotalTax":10.00,"Total":110.00}')

    assert total_differences(payload, dict(payload)) == {}
    assert total_differences(payload, {**payload, "Total": Decimal("110.01")}) == {
        "Total": "predicted 110.00, Xero 110.01"
    }
    assert set(total_differences(payload, {})) == {"SubTotal", "TotalTax", "Total"}


def test_a_phone_that_is_gone_is_cleared_by_its_kind() -> None:
    mobile = '{"PhoneType":"MOBILE","PhoneNumber":"412345678"}'
    fixed = '{"PhoneType":"DEFAULT","PhoneAreaCode":"3","PhoneNumber":"91234567"}'
    former = f'{{"Name":"A","ContactNumber":"1","Phones":[{fixed},{mobile}]}}'
    now = '{"Name":"A","ContactNumber":"1","Phones":[{"PhoneType":"MOBILE","PhoneNumber":"4"}]}'

    assert element(entry(CONTACT, now, former=former))["Phones"] == [
        {"PhoneType": "MOBILE", "PhoneNumber": "4"},
        {"PhoneType": "DEFAULT", "PhoneAreaCode": "", "PhoneNumber": ""},
    ]


ANN = {"IncludeInEmails": False, "LastName": "Ann", "EmailAddress": "a@x.au"}
BOB = {"IncludeInEmails": True, "FirstName": "Bob"}


@pytest.mark.parametrize(
    ("held", "same"),
    [
        ([ANN, BOB], True),
        ([BOB, ANN | {"FirstName": ""}], True),
        ([ANN, BOB, BOB], False),
        ([ANN, ANN], False),
        ([ANN, BOB | {"IncludeInEmails": False}], False),
        ([ANN], False),
        (None, False),
    ],
)
def test_persons_are_the_same_in_any_order_and_all_of_them(held: Any, same: bool) -> None:
    assert holds({"ContactPersons": [ANN, BOB]}, {"ContactPersons": held}) is same


def test_persons_that_are_gone_are_cleared_as_a_whole() -> None:
    base: dict[str, Any] = {"Name": "A", "ContactNumber": "1"}
    found = entry(CONTACT, json.dumps(base), former=json.dumps(base | {"ContactPersons": [ANN]}))

    assert element(found)["ContactPersons"] == []
    assert holds(wanted(found), base)
    assert not holds(wanted(found), base | {"ContactPersons": [ANN]})


def test_phones_of_a_reply_are_compared_by_kind_and_empty_ones_are_none() -> None:
    wished = {"Phones": [{"PhoneType": "MOBILE", "PhoneAreaCode": "", "PhoneNumber": "4"}]}
    fixed = {"PhoneType": "DEFAULT", "PhoneNumber": ""}

    assert holds(wished, {"Phones": [fixed, {"PhoneType": "MOBILE", "PhoneNumber": "4"}]})
    assert not holds(wished, {"Phones": [fixed, {"PhoneType": "MOBILE", "PhoneNumber": "5"}]})
    assert not holds(wished, {"Phones": [fixed]})
