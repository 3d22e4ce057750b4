"""Every switch of the sandbox is turned away from its default by at least one of its tests."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from tests.docs.pages import ROOT

from sfxero.sandbox.salesforce.fields import OrgOptions
from sfxero.sandbox.salesforce.switches import Switches as SalesforceSwitches
from sfxero.sandbox.xero.switches import Switches as XeroSwitches

TESTS = ROOT / "tests/contract/sandbox"
UNKNOWN = object()
"""A value that only shows when the test runs."""

SALESFORCE = {
    **{
        name: declared.get_default(call_default_factory=True)
        for name, declared in SalesforceSwitches.model_fields.items()
    },
    **{option.name: option.default for option in fields(OrgOptions)},
}


def turned(path: Path) -> Iterator[tuple[str, object]]:
    """Yield what a test file gives a name to: by keyword, in a dict, or among its parameters."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.keyword(arg=str(name), value=value):
                yield name, literal(value)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant):
                        yield str(key.value), literal(value)
            case ast.Tuple(elts=[ast.Constant(value=str(name)), *_]):
                yield name, UNKNOWN


def literal(node: ast.expr) -> object:
    """Return what is written there, if it is written out."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return UNKNOWN


@pytest.mark.parametrize(
    ("folder", "defaults"), [("salesforce", SALESFORCE), ("xero", XeroSwitches().as_json())]
)
def test_every_switch_is_turned_by_a_test(folder: str, defaults: dict[str, object]) -> None:
    files = [path for path in TESTS.rglob("*.py") if path.parent.name in {folder, "frame"}]
    told = {
        name
        for path in files
        for name, value in turned(path)
        if name in defaults and (value is UNKNOWN or value != defaults[name])
    }
    assert set(defaults) - told == set()
