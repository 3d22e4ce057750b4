"""Won opportunities become invoices: each field's rule, and each refusal."""

import hashlib
import json
from collections import Counter
from datetime import UTC, date, timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfxero.errors import StagingError
from sfxero.mapping.organisation import OrganisationFacts

ID = "006000000000001AAA"


def one(build, result):
    (payload,) = build.payloads(result).values()
    return payload


def rules_of(build, result):
    return [rule for _, rule in build.rules(result)]


@pytest.mark.shows(
    "Invoice.Reference", "Invoice.InvoiceNumber", "Invoice.Url", "LineItems.Description"
)
def test_an_invoice_is_canonical_json(invoices, build):
    won = build.opportunity(1, Amount=Decimal("190.00"))
    lines = [
        build.line(2, Discount=Decimal(10), Description='Two "quoted"\nlines'),
        build.line(1, **{"Product2.Family": "Export"}),
    ]
    result = invoices([won], lines)
    (document,) = result.documents
    assert document.payload == (
        '{"Type":"ACCREC","InvoiceNumber":"SF-000001","Reference":"000001","Date":"2026-11-20",'
        '"DueDate":"2026-12-04","LineAmountTypes":"Exclusive","Status":"AUTHORISED",'
        '"CurrencyCode":"AUD",'
        '"Url":"https://acme.example/lightning/r/Opportunity/006000000000001AAA/view",'
        '"LineItems":[{"Description":"Thing","Quantity":1.0000,"UnitAmount":100.0000,'
        '"AccountCode":"200","TaxType":"EXEMPTEXPORT","LineAmount":100.00},'
        '{"Description":"Two \\"quoted\\"\\nlines","Quantity":1.0000,"UnitAmount":100.0000,'
        '"DiscountRate":10.00,"AccountCode":"200","TaxType":"OUTPUT","LineAmount":90.00}],'
        '"SubTotal":190.00,"TotalTax":9.00,"Total":199.00}'
    )
    hashed = f"{document.payload}\n{won['AccountId']}"
    assert document.content_hash == hashlib.sha256(hashed.encode()).hexdigest()
    assert document.parent_source_id == won["AccountId"]
    assert document.meta == {"number": "SF-000001"}
    assert result.findings == []


def test_the_payload_does_not_depend_on_the_order_of_rows_or_on_the_scale_of_columns(
    invoices, build
):
    parents = [build.opportunity(1, Amount=Decimal(200)), build.opportunity(2)]
    lines = [build.line(1), build.line(2), build.line(3, parent=2, Quantity=Decimal("1.000"))]
    straight = invoices(parents, lines)
    turned = invoices(parents[::-1], lines[::-1])
    assert {d.source_id: d.content_hash for d in straight.documents} == {
        d.source_id: d.content_hash for d in turned.documents
    }


@pytest.mark.shows("Invoice.Total")
def test_tax_inclusive_amounts_are_compared_with_the_total(invoices, build, demo):
    spec = build.respec(demo, invoices={"line_amount_types": "Inclusive"})
    payload = one(
        build,
        invoices(
            [build.opportunity(1, Amount=Decimal(110))],
            [build.line(1, UnitPrice=Decimal(110))],
            spec=spec,
        ),
    )
    totals = [payload[name] for name in ("SubTotal", "TotalTax", "Total")]
    assert totals == [Decimal(100), Decimal(10), Decimal(110)]


@pytest.mark.shows("LineItems.TaxType")
def test_untaxed_invoices_carry_no_tax_type(invoices, build, demo):
    spec = build.respec(demo, invoices={"line_amount_types": "NoTax"})
    facts = OrganisationFacts("NZD", {}, {"200": build.active})
    payload = one(build, invoices([build.opportunity(1)], [build.line(1)], spec=spec, facts=facts))
    assert "TaxType" not in payload["LineItems"][0]
    assert (payload["TotalTax"], payload["Total"]) == (0, 100)
    assert payload["CurrencyCode"] == "NZD"


@pytest.mark.shows("LineItems.UnitAmount", "LineItems.Quantity", "LineItems.DiscountRate")
@pytest.mark.parametrize(
    ("quantity", "unit_price", "discount", "amount"),
    [
        ("1", "19.95", None, "19.95"),
        ("0", "50", None, "0.00"),
        ("1", "0", None, "0.00"),
        ("-1", "30", None, "-30.00"),
        ("2", "-10", "5", "-19.00"),
        ("1.5", "0.3333", None, "0.50"),
        ("1", "10.01", "50", "5.01"),
        ("3", "10", "100", "0.00"),
    ],
)
def test_a_lines_amount_is_quantity_times_price_less_the_discount(
    invoices, build, quantity, unit_price, discount, amount
):
    factors = {"Quantity": Decimal(quantity), "UnitPrice": Decimal(unit_price)}
    line = build.line(2, Discount=discount and Decimal(discount), **factors)
    deal = build.opportunity(1, Amount=100 + Decimal(amount))
    found = one(build, invoices([deal], [build.line(1), line]))["LineItems"][1]
    assert (found["Quantity"], found["UnitAmount"]) == tuple(factors.values())
    assert found.get("DiscountRate") == (discount and Decimal(discount))
    assert str(found["LineAmount"]) == amount


@pytest.mark.shows("LineItems.AccountCode")
@pytest.mark.parametrize(("family", "code"), [("Freight", "260"), ("Else", "200"), (None, "200")])
def test_a_code_is_looked_up_and_defaults(invoices, build, family, code):
    line = build.line(1, **{"Product2.Family": family})
    payload = one(build, invoices([build.opportunity(1)], [line]))
    assert payload["LineItems"][0]["AccountCode"] == code


def test_lines_may_be_ordered_by_a_field(invoices, build, demo):
    spec = build.respec(demo, invoices={"lines": {"order_by": "SortOrder"}})
    lines = [
        build.line(number, Name=f"N{number}", SortOrder=order)
        for number, order in ((1, 3), (2, None), (3, 1))
    ]
    payload = one(build, invoices([build.opportunity(1, Amount=Decimal(300))], lines, spec=spec))
    assert [line["Description"] for line in payload["LineItems"]] == ["N3", "N1", "N2"]


def test_the_stamp_is_the_newest_of_the_record_and_its_lines_deleted_ones_too(invoices, build):
    later = build.stamp + timedelta(microseconds=7)
    lines = [build.line(1), build.line(2, IsDeleted=True, SystemModstamp=later)]
    (document,) = invoices([build.opportunity(1)], lines).documents
    assert document.stamp_at == later
    assert document.stamp_at.tzinfo is UTC
    assert len(json.loads(document.payload)["LineItems"]) == 1


@pytest.mark.shows("Invoice.Date", "Invoice.DueDate")
def test_a_close_date_is_a_calendar_day_and_due_days_cross_the_year(invoices, build):
    won = build.opportunity(1, CloseDate=date(2027, 12, 31))
    payload = one(build, invoices([won], [build.line(1)]))
    assert (payload["Date"], payload["DueDate"]) == ("2027-12-31", "2028-01-14")


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"AccountId": None}, "no_account"),
        ({"Amount": None}, "amount_missing"),
        ({"CloseDate": None}, "close_date_missing"),
        ({"Opportunity_Number__c": "x" * 256}, "number_too_long"),
        ({"Opportunity_Number__c": "nº 7"}, "number_not_ascii"),
        ({"Opportunity_Number__c": "a\nb"}, "number_not_ascii"),
        ({"Opportunity_Number__c": "a\\b"}, "number_with_backslash"),
        ({"Amount": Decimal("100.01")}, "total_mismatch"),
        ({"Amount": Decimal(-100)}, "total_mismatch"),
    ],
)
def test_an_opportunity_that_breaks_a_rule_is_refused_with_its_name(invoices, build, fields, rule):
    result = invoices([build.opportunity(1, **fields), build.opportunity(2)],
                      [build.line(1), build.line(2, parent=2)])  # fmt: skip
    assert (ID, rule) in build.rules(result)
    assert list(build.payloads(result)) == ["006000000000002AAA"]
    assert all(finding.hint for finding in result.findings)


@pytest.mark.shows("LineItems.UnitAmount", "LineItems.Quantity", "LineItems.DiscountRate")
@pytest.mark.parametrize(
    ("fields", "rule", "value"),
    [
        ({"UnitPrice": Decimal("1.00001")}, "unit_price_scale", "1.00001"),
        ({"UnitPrice": None}, "unit_price_missing", None),
        ({"UnitPrice": Decimal(10**10)}, "unit_price_range", "10000000000"),
        ({"Quantity": Decimal("0.00005")}, "quantity_scale", "0.00005"),
        ({"Quantity": None}, "quantity_missing", None),
        ({"Quantity": Decimal(-(10**10))}, "quantity_range", "-10000000000"),
        ({"Quantity": Decimal(10**7), "UnitPrice": Decimal(10**6)}, "line_amount_range",
         "10000000000000"),
        ({"Discount": Decimal("0.125")}, "discount_scale", "0.125"),
        ({"Discount": Decimal("100.01")}, "discount_range", "100.01"),
        ({"Discount": Decimal(-1)}, "discount_range", "-1"),
        ({"Name": None}, "description_missing", None),
        ({"Name": "x" * 4001}, "description_too_long", "x" * 4001),
    ],
)  # fmt: skip
def test_a_line_that_breaks_a_rule_holds_its_opportunity_back(invoices, build, fields, rule, value):
    result = invoices([build.opportunity(1)], [build.line(1), build.line(2, **fields)])
    (finding,) = result.findings
    shown = "line 00k000000000002AAA"
    assert (finding.source_id, finding.rule) == (ID, rule)
    assert finding.value == (f"{value} on {shown}" if value else shown)


def test_a_rule_that_many_lines_break_is_named_once(invoices, build):
    lines = [build.line(number, Name=None) for number in range(1, 4)]
    (finding,) = invoices([build.opportunity(1)], lines).findings
    assert finding.value == "line 00k000000000001AAA"


@pytest.mark.shows("LineItems.AccountCode", "LineItems.TaxType")
@pytest.mark.parametrize(
    ("rule", "table", "broken"),
    [
        ("account_code", {"Hardware": "999"}, "account_code_unknown"),
        ("account_code", {"Hardware": "299"}, "account_code_archived"),
        ("account_code", {"Else": "200"}, "account_code_missing"),
        ("tax_type", {"Hardware": "OUTPUT9"}, "tax_type_unknown"),
        ("tax_type", {"Else": "OUTPUT"}, "tax_type_missing"),
    ],
)
def test_codes_must_exist_in_the_organisation(invoices, build, demo, rule, table, broken):
    lookup = {"by": "Product2.Family", "table": table, "default": None}
    spec = build.respec(demo, invoices={"lines": {rule: lookup}})
    result = invoices([build.opportunity(1)], [build.line(1)], spec=spec)
    assert rules_of(build, result) == [broken]


@pytest.mark.parametrize("rate", ["100.0001", "-1", "9.99999"])
def test_a_rate_that_cannot_be_computed_with_is_unknown(invoices, build, organisation, rate):
    facts = OrganisationFacts("AUD", {"OUTPUT": Decimal(rate)}, organisation.accounts)
    result = invoices([build.opportunity(1)], [build.line(1)], facts=facts)
    assert rules_of(build, result) == ["tax_type_unknown"]


def test_an_opportunity_without_live_lines_is_refused(invoices, build):
    result = invoices(
        [build.opportunity(1), build.opportunity(2)], [build.line(1, parent=2, IsDeleted=True)]
    )
    assert rules_of(build, result) == ["no_lines", "no_lines"]


@pytest.mark.shows("Invoice.InvoiceNumber", "Invoice.Reference")
def test_an_opportunity_without_a_number_is_refused(invoices, build):
    result = invoices([build.opportunity(1, Opportunity_Number__c=" ")], [build.line(1)])
    assert rules_of(build, result) == ["no_number", "reference_missing"]


@pytest.mark.shows("Invoice.InvoiceNumber")
def test_two_opportunities_of_one_number_are_both_refused(invoices, build):
    result = invoices(
        [build.opportunity(1, Opportunity_Number__c="a7"),
         build.opportunity(2, Opportunity_Number__c="A7"), build.opportunity(3)],
        [build.line(number, parent=number) for number in (1, 2, 3)],
    )  # fmt: skip
    assert rules_of(build, result) == ["number_shared", "number_shared"]
    assert list(build.payloads(result)) == ["006000000000003AAA"]


@pytest.mark.shows("Invoice.SubTotal")
def test_a_mismatch_shows_both_amounts(invoices, build):
    result = invoices([build.opportunity(1, Amount=Decimal("99.50"))], [build.line(1)])
    (finding,) = result.findings
    assert finding.value == "predicted subtotal 100.00, Amount 99.5"


@pytest.mark.shows("Invoice.Url")
def test_an_org_whose_address_xero_refuses_is_named(invoices, build):
    result = invoices([build.opportunity(1)], [build.line(1)], url="https://acme-XERO.example/")
    assert rules_of(build, result) == ["url_forbidden"]


@pytest.mark.shows("Invoice.Url")
def test_a_url_whose_field_is_empty_is_refused(invoices, build, demo):
    spec = build.respec(demo, invoices={"url": "{instance_url}/{Id}/{StageName}"})
    result = invoices([build.opportunity(1)], [build.line(1)], spec=spec)
    assert rules_of(build, result) == ["url_incomplete"]


def test_a_currency_that_the_organisation_lacks_is_refused(invoices, build, demo):
    spec = build.respec(demo, invoices={"currency": "CurrencyIsoCode"})
    parents = [build.opportunity(1, CurrencyIsoCode="USD"),
               build.opportunity(2, CurrencyIsoCode="AUD"), build.opportunity(3)]  # fmt: skip
    lines = [build.line(number, parent=number) for number in (1, 2, 3)]
    result = invoices(parents, lines, spec=spec)
    assert sorted(build.rules(result)) == [
        (ID, "currency_not_enabled"), ("006000000000003AAA", "currency_missing"),
    ]  # fmt: skip


def test_open_and_deleted_opportunities_are_no_invoices(invoices, build):
    result = invoices(
        [build.opportunity(1, IsWon=False), build.opportunity(2, IsWon=None),
         build.opportunity(3, IsDeleted=True)],
        [build.line(number, parent=number) for number in (1, 2, 3)],
    )  # fmt: skip
    assert result.skipped == [(ID, "not_won"), ("006000000000002AAA", "not_won")]
    assert result.removed == ["006000000000003AAA"]
    assert (len(result.documents), result.findings) == (0, [])


def test_lines_of_no_known_opportunity_are_left_alone(invoices, build):
    result = invoices([build.opportunity(1)], [build.line(1), build.line(2, parent=9)])
    assert one(build, result)["SubTotal"] == 100


@pytest.mark.parametrize("rows", [([], []), ([], [1])])
def test_nothing_gives_nothing(invoices, build, rows):
    result = invoices(rows[0], [build.line(number) for number in rows[1]])
    assert (len(result.documents), list(result.documents), result.findings) == (0, [], [])


def test_a_line_that_was_staged_twice_stops_the_transform(invoices, build):
    with pytest.raises(StagingError, match="a line twice"):
        invoices([build.opportunity(1)], [build.line(1), build.line(1)])


def test_a_column_that_was_not_staged_stops_the_transform(invoices, build, demo):
    spec = build.respec(demo, invoices={"reference": "Other__c"})
    with pytest.raises(StagingError, match="column Other__c was not staged"):
        invoices([build.opportunity(1)], [build.line(1)], spec=spec)


def test_amounts_staged_as_floating_point_stop_the_transform(build, demo, organisation, transform):
    won = build.opportunity(1, Amount=100.0)
    parents = build.frame([won], build.opportunity_types | {"Amount": pa.float64()})
    lines = build.frame([build.line(1)], build.line_types)
    with pytest.raises(StagingError, match="column Amount was staged as floating point"):
        transform(parents, lines, demo, organisation=organisation, instance_url="https://a.example")


def test_columns_of_nothing_but_nulls_need_no_type(build, demo, organisation, transform):
    parents = build.frame([build.opportunity(1)], build.opportunity_types)
    lines = build.frame([build.line(1)], build.line_types | {"Discount": pa.null()})
    lines["Description"] = pd.Series([None], dtype="str")
    result = transform(
        parents, lines, demo, organisation=organisation, instance_url="https://a.example"
    )
    assert one(build, result)["LineItems"][0]["Description"] == "Thing"


def test_documents_can_be_indexed_and_sliced(invoices, build):
    numbers = range(1, 6)
    result = invoices(
        [build.opportunity(number) for number in numbers],
        [build.line(number, parent=number) for number in numbers],
    )
    every = list(result.documents)
    assert result.documents[-1] == every[4]
    assert result.documents[1:4:2] == every[1:4:2]
    with pytest.raises(IndexError):
        result.documents[5]


maybe = st.booleans()
texts = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["0001", "000001", 'a"\\\x01é']))
parents_of = st.lists(
    st.fixed_dictionaries(
        {"number": st.integers(1, 6), "IsDeleted": maybe,
         "IsWon": st.sampled_from([True, True, False, None]),
         "AccountId": st.sampled_from(["001000000000001AAA", None]),
         "Amount": st.sampled_from([None, Decimal(0), Decimal(100), Decimal("50.00")]),
         "CloseDate": st.sampled_from([date(2026, 11, 20), None]), "Opportunity_Number__c": texts}
    ),
    unique_by=lambda row: row["number"], max_size=6,
)  # fmt: skip
lines_of = st.lists(
    st.fixed_dictionaries(
        {"number": st.integers(1, 12), "parent": st.integers(1, 7), "IsDeleted": maybe,
         "Quantity": st.sampled_from(
             [None, Decimal(1), Decimal("0.5"), Decimal(-1), Decimal("0.00001")]),
         "UnitPrice": st.sampled_from([None, Decimal(100), Decimal("0.0001"), Decimal(10**11)]),
         "Discount": st.sampled_from([None, Decimal(0), Decimal(50), Decimal(200)]),
         "Name": texts, "Description": texts,
         "Product2.Family": st.sampled_from(["Export", "Freight", None, "x"])}
    ),
    unique_by=lambda row: row["number"], max_size=12,
)  # fmt: skip


@pytest.mark.timeout(120)
@settings(max_examples=250, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(parents_of, lines_of)
def test_every_opportunity_ends_in_exactly_one_place(invoices, build, parents, lines):
    rows = [build.opportunity(row.pop("number"), **row) for row in map(dict, parents)]
    result = invoices(
        rows, [build.line(row.pop("number"), row.pop("parent"), **row) for row in map(dict, lines)]
    )
    places = Counter(document.source_id for document in result.documents)
    places.update({source_id for source_id, _ in build.rules(result)})
    places.update(source_id for source_id, _ in result.skipped)
    places.update(result.removed)
    assert places == Counter(row["Id"] for row in rows)
    amounts = {row["Id"]: row["Amount"] for row in rows}
    for source_id, payload in build.payloads(result).items():
        assert payload["SubTotal"] == amounts[source_id]
        assert payload["SubTotal"] == sum(line["LineAmount"] for line in payload["LineItems"])
        assert payload["SubTotal"] + payload["TotalTax"] == payload["Total"]


def test_an_org_without_discounts_and_a_route_without_reference(invoices, build, demo):
    spec = build.respec(demo, invoices={"reference": None, "lines": {"discount_rate": None}})
    payload = one(build, invoices([build.opportunity(1)], [build.line(1)], spec=spec))
    assert "Reference" not in payload
    assert "DiscountRate" not in payload["LineItems"][0]


def test_a_record_without_a_stamp_stops_the_transform(invoices, build):
    with pytest.raises(StagingError, match="SystemModstamp has records without a value"):
        invoices([build.opportunity(1, SystemModstamp=None)], [build.line(1)])


def test_a_column_of_another_kind_stops_the_transform(build, demo, organisation, transform):
    kinds = build.opportunity_types | {"CloseDate": pa.string()}
    parents = build.frame([build.opportunity(1, CloseDate="tomorrow")], kinds)
    lines = build.frame([build.line(1)], build.line_types)
    with pytest.raises(StagingError, match="column CloseDate was staged as string, not as date32"):
        transform(parents, lines, demo, organisation=organisation, instance_url="https://a.example")
