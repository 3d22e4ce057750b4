"""The route model and the fields it asks for."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from sfxero.mapping.fields import needed_fields


def test_the_demo_route_reads_what_the_extract_needs(demo):
    assert needed_fields(demo) == {
        "Account": (
            "ABN__c", "AccountNumber", "BillingCity", "BillingCountry", "BillingPostalCode",
            "BillingState", "BillingStreet", "Id", "IsDeleted", "MasterRecordId", "Name",
            "SystemModstamp",
        ),
        "Opportunity": (
            "AccountId", "Amount", "CloseDate", "Id", "IsDeleted", "IsWon",
            "Opportunity_Number__c", "StageName", "SystemModstamp",
        ),
        "OpportunityLineItem": (
            "Description", "Discount", "Id", "IsDeleted", "Name", "OpportunityId",
            "Product2.Family", "Quantity", "SystemModstamp", "UnitPrice",
        ),
    }  # fmt: skip


def test_fields_that_a_mapping_leaves_out_are_not_read(demo, build):
    spec = build.respec(
        demo,
        contacts={"postal_address": None, "tax_number": None, "name_suffix": None},
        invoices={"lines": {"discount_rate": None}},
    )
    fields = needed_fields(spec)
    assert fields["Account"] == ("Id", "IsDeleted", "MasterRecordId", "Name", "SystemModstamp")
    assert "Discount" not in fields["OpportunityLineItem"]


def test_the_fields_of_templates_are_read_but_not_the_instance_url(demo, build):
    spec = build.respec(
        demo, invoices={"number": "{A__c}-{Owner.Code__c}", "url": "{instance_url}/{Id}?{B__c}"}
    )
    fields = needed_fields(spec)["Opportunity"]
    assert {"A__c", "Owner.Code__c", "B__c"} < set(fields)
    assert "instance_url" not in fields


def test_the_mapping_version_changes_with_the_rules_only(demo, build):
    renamed = build.respec(demo, publish={"lanes": 1}, quarantine={"max_share": "0.5"})
    other_rule = build.respec(demo, invoices={"due": {"days": 15}})
    assert renamed.mapping_version == demo.mapping_version
    assert other_rule.mapping_version != demo.mapping_version
    assert len(demo.mapping_version) == 12


def test_the_pool_is_named_after_the_connection(demo):
    assert demo.xero.pool == "xero_xero_demo"


def test_a_spec_cannot_be_changed(demo):
    with pytest.raises(ValidationError):
        demo.xero.connection = "other"


def test_the_json_schema_names_the_keys_that_files_use(demo):
    schema = type(demo).model_json_schema()
    assert {"from", "with"} < set(schema["$defs"]["FieldRule"]["properties"])


def test_reading_routes_imports_no_heavy_library(build):
    code = (
        "import sys; from pathlib import Path; from sfxero.mapping.loader import load_routes\n"
        f"assert load_routes(Path({str(build.demo_file.parent)!r}))\n"
        "print({'pandas', 'pyarrow', 'numpy', 'stdnum'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
