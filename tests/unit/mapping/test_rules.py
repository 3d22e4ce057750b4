"""Field rules: sources, joins, templates, constants, tables, conditions and users' functions."""

import pyarrow as pa
import pytest

from sfxero.errors import MappingFileError
from sfxero.mapping.field_rules import FieldRule
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.functions import FUNCTIONS, load_functions
from sfxero.mapping.loader import load_route
from sfxero.mapping.refusals import Findings
from sfxero.mapping.rules import apply_rule, source_of
from sfxero.model.states import Entity

TABLE = pa.table({
    "Id": ["1", "2", "3"], "First": ["Ann", None, "Bo"], "Last": ["Lee", "Ray", None],
    "Stage": ["won", "lost", None],
})  # fmt: skip


def applied(**rule):
    findings = Findings(Entity.ACCOUNT, TABLE["Id"].combine_chunks())
    values = apply_rule(TABLE, FieldRule.model_validate(rule), findings, name="thing")
    return values.to_pylist(), [(one.source_id, one.rule) for one in findings.rows]


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ({"from": ["First", "Last"]}, ["Ann", "Ray", "Bo"]),
        ({"from": ["First", "Last"], "join": " "}, ["Ann Lee", "Ray", "Bo"]),
        ({"from": ["First", "First"], "join": "&"}, ["Ann&Ann", None, "Bo&Bo"]),
        ({"template": "{Last}, {First}"}, ["Lee, Ann", None, None]),
        ({"template": "{Last}, {First}", "default": "-"}, ["Lee, Ann", "-", "-"]),
        ({"value": "Always"}, ["Always"] * 3),
        ({"from": "Stage", "table": {"won": "W", "lost": "L"}}, ["W", "L", None]),
        ({"from": "Stage", "table": {"won": "W"}, "default": "?"}, ["W", "?", "?"]),
        ({"value": "Hot", "when": {"field": "Stage", "equals": "won"}}, ["Hot", None, None]),
        ({"value": "Hot", "when": {"field": "Stage", "equals": "won"}, "default": "Cold"},
         ["Hot", "Cold", "Cold"]),
        ({"from": "First", "with": "upper"}, ["ANN", None, "BO"]),
    ],
)  # fmt: skip
def test_a_rule_gives_these_values(rule, values):
    assert applied(**rule) == (values, [])


def test_a_required_value_that_a_condition_withholds_is_missing():
    rule = {"from": "First", "required": True, "when": {"field": "Stage", "is_empty": False}}
    assert applied(**rule)[1] == [("2", "thing_missing"), ("3", "thing_missing")]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"from": ["First", "Last"]}, "First or Last"),
        ({"from": ["First", "Last"], "join": " "}, "First and Last"),
        ({"template": "{Last}, {First}"}, "Last and First"),
        ({"value": "x"}, "the constant 'x'"),
    ],
)
def test_a_rules_source_is_told_to_people(rule, words):
    assert source_of(FieldRule.model_validate(rule)) == words


def test_all_fields_of_a_rule_are_extracted(demo, build):
    rule = {"template": "{A__c} {B__c}", "when": {"field": "C__c", "equals": "1"}}
    condition = {"field": "Type", "equals": "New"}
    bare = build.respec(demo, invoices={"reference": None})
    spec = build.respec(bare, invoices={"reference": rule, "when": condition})
    assert {"A__c", "B__c", "C__c", "Type"} <= set(needed_fields(spec)["Opportunity"])


def test_won_opportunities_outside_the_condition_are_passed_over(demo, build, invoices):
    spec = build.respec(demo, invoices={"when": {"field": "Amount", "at_least": "100"}})
    small = build.opportunity(2, Amount=build.cents(9999))
    lost = build.opportunity(3, IsWon=False)
    result = invoices([build.opportunity(1), small, lost], [build.line(1)], spec=spec)
    assert [one.source_id for one in result.documents] == [build.opportunity(1)["Id"]]
    assert result.skipped == [(lost["Id"], "not_won"), (small["Id"], "out_of_scope")]
    assert build.rules(result) == []


OWN = """
from sfxero.mapping.functions import column_function

@column_function(rule="code_invalid", hint="Enter four digits.")
def code(text):
    return f"CC-{text}" if len(text) == 4 else None

def helper(text):
    return text
"""


@pytest.fixture
def include(tmp_path, build):
    """An include folder with the demo route and a file of functions."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "functions").mkdir()
    text = build.demo_file.read_text(encoding="utf-8").replace("with: abn", "with: code")
    (tmp_path / "mappings/demo.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "functions/own.py").write_text(OWN, encoding="utf-8")
    return tmp_path


def test_a_users_function_serves_a_route_and_its_findings_are_named(include, build, contacts):
    spec = load_route(include / "mappings/demo.yaml")
    good, bad = build.account(1, ABN__c="1234"), build.account(2, ABN__c="12")
    result = contacts(good, bad, spec=spec)
    assert build.payloads(result)[good["Id"]]["TaxNumber"] == "CC-1234"
    (finding,) = result.findings
    assert (finding.rule, finding.value, finding.hint) == (
        "code_invalid", "12", "Enter four digits.",
    )  # fmt: skip


def test_other_code_of_a_users_function_is_another_mapping(include):
    before = load_route(include / "mappings/demo.yaml").mapping_version
    assert load_route(include / "mappings/demo.yaml").mapping_version == before
    (include / "functions/own.py").write_text(OWN.replace("CC-", "KS-"), encoding="utf-8")
    assert load_route(include / "mappings/demo.yaml").mapping_version != before


def test_an_unmarked_function_is_not_offered(include):
    assert set(load_functions(include / "functions")) == {*FUNCTIONS, "code"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\nimport nowhere_at_all\n", 2, "does not load: ModuleNotFoundError"),
        ("def (:\n", 1, "does not load: SyntaxError"),
        (OWN.replace("def code", "def abn"), None, "the function 'abn' exists already"),
        (OWN.replace("def code", "def Code"), 4, "'Code' is no name of a function"),
    ],
)
def test_a_file_of_functions_that_is_wrong_is_named_with_its_line(include, text, line, words):
    path = include / "functions/own.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingFileError, match=words) as caught:
        load_route(include / "mappings/demo.yaml")
    assert (caught.value.file, caught.value.line) == (str(path), line)
