"""Each place of a route file that names a field or a code is found, and none is forgotten."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sfxero.mapping.fields import lead_fields, needed_fields
from sfxero.mapping.files import YamlFile
from sfxero.mapping.loader import read_route
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.targets import contact_targets, invoice_targets, line_targets, value_at
from sfxero.mapping.uses import CodeKind, FieldKind, code_uses, field_uses, line_of, sold_pairs

DEMO = Path(__file__).parents[3] / "include/mappings/demo.yaml"
OWN = {
    "Account": {"Id", "SystemModstamp", "IsDeleted", "MasterRecordId"},
    "Opportunity": {"Id", "SystemModstamp", "IsDeleted", "IsWon", "StageName"},
    "OpportunityLineItem": {"Id", "SystemModstamp", "IsDeleted", "OpportunityId"},
}


def condition() -> dict[str, Any]:
    inner = {"any": [{"field": "F2__c", "is_empty": "true"}]}
    return {"all": [{"field": "F1__c", "equals": "1"}, {"not": inner}]}


@pytest.fixture
def everything() -> dict[str, Any]:
    """A route that maps all that can be mapped."""
    content: dict[str, Any] = yaml.load(DEMO.read_text("utf-8"), Loader=yaml.BaseLoader)
    contacts, invoices = content["contacts"], content["invoices"]
    contacts |= {
        "tax_number": {"from": "Tax__c", "with": "tax_number", "country": ["Land__c", "Land2__c"]},
        "email": {"template": "{Mail__c}@x.org", "when": condition()},
        "phones": {"default": ["Phone", "Phone2__c"], "direct": "Direct__c", "mobile": "Mobile__c",
                   "fax": "Fax"},
        "payment_terms": {"by": "Terms__c", "table": {"Net": {"days": "30"}}},
    }  # fmt: skip
    invoices |= {
        "when": condition(),
        "currency": "CurrencyIsoCode",
        "without_lines": "one_line",
        "single_line": {"description": "Summary__c", "account_code": "210", "tax_type": "OUTPUT"},
        "due": {"days": "14", "days_from": "Account.Days__c"},
        "branding_theme": "Standard",
        "sent_to_contact": "true",
    }
    invoices["lines"] |= {
        "order_by": "SortOrder",
        "item_code": {"from": "ProductCode", "table": {"A": "CONSULT"}, "default": "CABLE"},
        "tracking": [
            {"category": "Region", "option": {"from": "Region__c", "table": {"N": "North"}}},
            {"category": "Department", "option": {"value": "Sales"}},
        ],
    }
    return content


def spec_of(content: dict[str, Any]) -> RouteSpec:
    return RouteSpec.model_validate(content)


def test_the_fields_that_are_found_are_those_that_an_extract_reads(
    everything: dict[str, Any],
) -> None:
    spec = spec_of(everything)
    found: dict[str, set[str]] = {name: set(own) for name, own in OWN.items()}
    for use in field_uses(spec):
        found[use.object_name].add(use.field)

    assert found == {name: set(fields) for name, fields in needed_fields(spec).items()}


def test_each_field_is_found_where_the_file_names_it(
    everything: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(yaml.safe_dump(everything), encoding="utf-8")
    file = YamlFile(path)
    lines = path.read_text("utf-8").splitlines()

    for use in field_uses(spec_of(everything)):
        line = line_of(file, use.key)
        assert line is not None
        assert use.field in lines[line - 1], use


def test_what_is_computed_with_must_be_a_number_and_days_must_be_days(
    everything: dict[str, Any],
) -> None:
    kinds = {use.field: use.kind for use in field_uses(spec_of(everything))}

    numbers = {"Amount", "Quantity", "UnitPrice", "Discount", "SortOrder", "Account.Days__c"}
    assert {name for name, kind in kinds.items() if kind is FieldKind.NUMBER} == numbers
    assert kinds["CloseDate"] is FieldKind.DATE
    assert kinds["AccountId"] is FieldKind.ACCOUNT


def test_every_code_is_found_with_its_place(everything: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(yaml.safe_dump(everything), encoding="utf-8")
    spec, file = read_route(path)
    lines = path.read_text("utf-8").splitlines()
    found: dict[CodeKind, set[str]] = {}

    for use in code_uses(spec):
        found.setdefault(use.kind, set()).add(use.value)
        assert use.value in lines[(line_of(file, use.key) or 0) - 1], use

    assert found == {
        CodeKind.ACCOUNT: {"200", "260", "210"},
        CodeKind.TAX_TYPE: {"OUTPUT", "EXEMPTEXPORT"},
        CodeKind.ITEM: {"CONSULT", "CABLE"},
        CodeKind.CATEGORY: {"Region", "Department"},
        CodeKind.OPTION: {"North", "Sales"},
        CodeKind.THEME: {"Standard"},
    }


def test_codes_by_one_field_meet_as_that_field_says(everything: dict[str, Any]) -> None:
    lines = everything["invoices"]["lines"]
    lines["account_code"] = {"by": "Family", "table": {"A": "1", "B": "2"}, "default": "3"}
    lines["tax_type"] = {"by": "Family", "table": {"B": "X"}, "default": "Y"}

    assert sold_pairs(spec_of(everything)) == {
        ("1", "Y"), ("2", "X"), ("3", "Y"), ("210", "OUTPUT"),
    }  # fmt: skip


def test_codes_by_two_fields_may_meet_in_any_way(everything: dict[str, Any]) -> None:
    lines = everything["invoices"]["lines"]
    lines["account_code"] = {"by": "Family", "table": {"A": "1"}, "default": "3"}
    lines["tax_type"] = {"by": "Region__c", "table": {"B": "X"}}

    assert sold_pairs(spec_of(everything)) == {("1", "X"), ("3", "X"), ("210", "OUTPUT")}


def test_every_field_that_is_read_is_told_by_a_target_or_decides_what_is_wanted(
    everything: dict[str, Any],
) -> None:
    spec = spec_of(everything)
    keys = [
        key
        for targets in (contact_targets(spec), invoice_targets(spec), line_targets(spec),
                        line_targets(spec, of="single_line"))
        for target in targets
        for key in target.keys
    ]  # fmt: skip
    keys += [("invoices", "when"), ("invoices", "lines", "order_by")]

    untold = [
        use for use in field_uses(spec) if not any(use.key[: len(key)] == key for key in keys)
    ]
    assert untold == []
    assert all(value_at(spec, key) is not None for key in keys)


def test_what_a_route_does_not_map_is_not_told() -> None:
    spec, _ = read_route(DEMO)
    names = {one.name for one in (*contact_targets(spec), *invoice_targets(spec))}

    assert names.isdisjoint({"EmailAddress", "Phones[MOBILE].PhoneNumber", "SentToContact"})
    assert {"Name", "Addresses[POBOX].City", "DueDate"} <= names


def test_a_value_is_found_inside_lists_and_not_where_there_is_none(
    everything: dict[str, Any],
) -> None:
    targets = {one.name: one for one in line_targets(spec_of(everything))}
    line = json.loads('{"Tracking": [{"Name": "Region", "Option": "North"}]}')

    assert targets["Tracking[Region].Option"].value_in(line) == "North"
    assert targets["Tracking[Department].Option"].value_in(line) is None
    assert targets["Tracking[Region].Option"].value_in({}) is None


def test_the_fields_of_leads_are_found_where_the_route_names_them(
    everything: dict[str, Any], tmp_path: Path
) -> None:
    everything["leads"] = {
        "when": condition(), "name": "Company", "phones": {"default": ["Phone", "MobilePhone"]},
    }  # fmt: skip
    (tmp_path / "demo.yaml").write_text(json.dumps(everything), "utf-8")
    spec, _ = read_route(tmp_path / "demo.yaml")
    named = {one.field for one in field_uses(spec) if one.object_name == "Lead"}
    assert named == {"F1__c", "F2__c", "Company", "Phone", "MobilePhone"}
    assert named < set(lead_fields(spec))
    assert "Lead" not in needed_fields(spec)


def test_a_route_without_leads_reads_none_and_keeps_its_version(demo: RouteSpec) -> None:
    assert lead_fields(demo) == ()
    content = demo.model_dump(mode="json", by_alias=True)
    leads = {"when": {"field": "Status", "equals": "Open"}, "name": {"from": "Company"}}
    assert RouteSpec.model_validate(content).mapping_version == demo.mapping_version
    other = RouteSpec.model_validate(content | {"leads": leads})
    assert other.mapping_version != demo.mapping_version
