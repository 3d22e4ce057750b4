import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml
from tests.docs.pages import ROOT, keys, rows, section, spans

from sfxero.mapping.result import (
    CONTACT_SHARED,
    LEAD_CONVERTED,
    LEAD_NOT_QUALIFIED,
    NOT_WON,
    OUT_OF_SCOPE,
)
from sfxero.model.findings import NEWER_VERSION
from sfxero.xero.failures import Refusal

PAGE = "docs/rules.md"
RULES = (
    "## Accounts",
    "## Opportunities",
    "## Products of opportunities",
    "## Invoices of Xero",
)
RULE = re.compile(r"[a-z]+(_[a-z]+)*")
ADDERS = {"add", "add_at", "refuse"}
MAKERS = {"Finding", "_finding", "NamedFunction"}
NAMED = {"rule", "unknown_rule"}
ENDERS = {"DispositionRow", "_end"}


class Module:
    """One source file: its tree, and the constants that stand at its top."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.constants: dict[str, ast.expr] = {}
        for node in self.tree.body:
            if isinstance(node, ast.AnnAssign | ast.Assign) and node.value is not None:
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                if isinstance(target, ast.Name):
                    self.constants[target.id] = node.value

    def text(self, node: ast.expr) -> str | None:
        """Return the rule that an expression spells out, if it does."""
        if isinstance(node, ast.Name):
            node = self.constants.get(node.id, node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value if RULE.fullmatch(node.value) else None
        return None

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


@cache
def modules() -> tuple[Module, ...]:
    folders = (ROOT / "plugins/sfxero/mapping", ROOT / "plugins/sfxero/sync")
    return tuple(Module(path) for folder in folders for path in sorted(folder.rglob("*.py")))


def spelled_out() -> set[str]:
    """Return the rules whose whole name stands where findings are made."""
    found: set[str | None] = set()
    for module in modules():
        for name, call in module.calls():
            if name in ADDERS:
                found |= {module.text(one) for one in call.args[:1]}
            if name in MAKERS:
                found |= {module.text(one) for one in call.args[1:3]}
            found |= {module.text(one.value) for one in call.keywords if one.arg in NAMED}
        found |= {module.text(one.elts[0]) for one in _rule_tuples(module)}
    return {one for one in found if one}


def _rule_tuples(module: Module) -> Iterator[ast.Tuple]:
    """Yield tuples that begin with a rule and end with what to do."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Tuple) and len(node.elts) > 1 and module.text(node.elts[0]):
            match node.elts[-1]:
                case ast.Constant(str(hint)) if hint.endswith((".", "characters.")):
                    yield node


def made_of_names() -> set[str]:
    """Return the rules that a function makes of its parameter `name` and a suffix."""
    suffixes: dict[str, set[str]] = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                for part in ast.walk(node):
                    match part:
                        case ast.JoinedStr(
                            values=[ast.FormattedValue(ast.Name("name")), ast.Constant(str(suffix))]
                        ) if re.fullmatch(r"(_[a-z]+)+", suffix):
                            suffixes.setdefault(node.name, set()).add(suffix)
    return {
        f"{keyword.value.value!s}{suffix}"
        for module in modules()
        for function, call in module.calls()
        for keyword in call.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
        for suffix in suffixes.get(function, ())
        if suffix != "_too_long" or any(one.arg == "limit" for one in call.keywords)
    }


def of_suites() -> set[str]:
    suites = (ROOT / "include/expectations").glob("*.yaml")
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in suites]
    return {one["meta"]["rule"] for suite in documents for one in suite["expectations"]}


def of_endings() -> set[str]:
    """Return the rules that dispositions carry without a finding."""
    found: set[str | None] = {
        CONTACT_SHARED,
        LEAD_CONVERTED,
        LEAD_NOT_QUALIFIED,
        NEWER_VERSION,
        NOT_WON,
        OUT_OF_SCOPE,
    }
    for module in modules():
        for name, call in module.calls():
            if name in ENDERS:
                found |= {module.text(one) for one in call.args[2:4]}
            if name == "get" and len(call.args) == 2 and module.text(call.args[1]) == "suite":
                found.add("suite")
    return {one for one in found if one}


def documented() -> list[str]:
    return [rule for heading in RULES for rule in keys(section(PAGE, heading))]


def test_every_rule_of_the_code_and_the_suites_is_documented_and_no_other() -> None:
    assert set(documented()) == spelled_out() | made_of_names() | of_suites()


def test_no_rule_is_documented_twice() -> None:
    assert len(documented()) == len(set(documented()))


def test_every_rule_of_an_ending_is_documented_and_no_other() -> None:
    assert set(keys(section(PAGE, "## Rules that name an ending"))) == of_endings()


def test_every_reason_of_xero_is_documented_and_no_other() -> None:
    assert keys(section(PAGE, "## What Xero refuses")) == [str(one) for one in Refusal]


def test_what_a_suites_finding_does_is_told_as_the_suite_says() -> None:
    told = {
        rule: row[2]
        for heading in RULES
        for row in rows(section(PAGE, heading))
        for rule in spans(row[0])
    }
    for path in (ROOT / "include/expectations").glob("*.yaml"):
        for one in yaml.safe_load(path.read_text(encoding="utf-8"))["expectations"]:
            does = {"critical": "refuse", "warning": "warning"}[one["severity"]]
            assert told[one["meta"]["rule"]] == does, one["meta"]["rule"]
