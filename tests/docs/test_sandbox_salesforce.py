"""The table of the sandbox's Salesforce names every item, test and switch there is."""

import re
from dataclasses import fields

import pytest
from tests.docs.pages import ROOT, read, rows, section, spans

from sfxero.sandbox.salesforce.control import Control
from sfxero.sandbox.salesforce.fields import OrgOptions
from sfxero.sandbox.salesforce.hands import Hands
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.switches import Switches
from sfxero.sandbox.server import build_sandbox

PAGE = "docs/sandbox-salesforce.md"
TESTS = ROOT / "tests/contract/sandbox/salesforce"


@pytest.fixture(scope="module")
def org() -> SalesforceOrg:
    return build_sandbox().org


def test_items_are_complete_and_each_has_its_tests() -> None:
    table = rows(section(PAGE, "## Items"))
    assert [row[0] for row in table] == [str(number) for number in range(1, 26)]
    sources = "".join(path.read_text(encoding="utf-8") for path in TESTS.glob("test_*.py"))
    written = set(re.findall(r"^def (test_item_\d\d)_", sources, flags=re.MULTILINE))
    named = {name.removesuffix("_…") for row in table for name in spans(row[2]) if "item" in name}
    assert written == named == {f"test_item_{number:02d}" for number in range(1, 26)}


def told(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return "none" if default in (None, (), {}) else str(default)


def test_every_switch_is_named_with_its_default() -> None:
    cells = " ".join(row[3] for row in rows(section(PAGE, "## Items")))
    shown = dict(re.findall(r"`(\w+)` \(`?([^)`]+)`?\)", cells))
    for name, declared in Switches.model_fields.items():
        default = declared.get_default(call_default_factory=True)
        assert shown.get(name) == told(default), name
    assert all(f"`{each.name}`" in cells for each in fields(OrgOptions))


def test_every_control_route_is_named(org: SalesforceOrg) -> None:
    text = section(PAGE, "## Control routes") + read(PAGE)
    for _, path, _ in (*Control(org).paths(), *Hands(org).paths()):
        told = path.replace("record_id", "id").replace("object_name", "object")
        assert told in text, path
