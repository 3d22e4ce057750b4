"""docs/fields.md, written from the tests that say by `shows` which Xero fields they are about.

The files are read as text and never imported, so that the page needs no product code.
"""

import ast
import json
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final

from tests.docs.field_rows import ROWS, Row
from tests.docs.pages import ROOT

PAGE: Final = ROOT / "docs/fields.md"
_WIDEST: Final = 60
_WORDS: Final = {
    "abn": "ABN",
    "json": "JSON",
    "url": "URL",
    "xero": "Xero",
    "xeros": "Xero's",
    "salesforces": "Salesforce's",
}
_HEAD: Final = """\
<!-- Written by `make fields` from the tests; a change here is lost. -->
# Fields

What becomes of each Salesforce field in Xero, and the tests that show it. The Salesforce fields are
those of the demo route, or examples: a route names its own, see [the route file](route.md). What
each finding means and what cures it: [rules](rules.md).
"""


@dataclass(frozen=True, slots=True)
class Examples:
    """The plain values that a test is run with."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    others: int
    """How many more there are which are too long, or made by code."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A test that shows Xero fields."""

    path: str
    name: str
    fields: tuple[str, ...]
    examples: tuple[Examples, ...]

    @property
    def sentence(self) -> str:
        """What the test's name says."""
        words = self.name.removeprefix("test_").split("_")
        text = " ".join(_WORDS.get(word, word) for word in words)
        return text[0].upper() + text[1:]


@cache
def shown_fields() -> tuple[Shown, ...]:
    """Return the marked tests, by file and in their order."""
    return tuple(
        test
        for folder in ("unit", "contract")
        for path in sorted((ROOT / "tests" / folder).rglob("test_*.py"))
        for test in read_tests(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    )


def read_tests(source: str, path: str) -> Iterator[Shown]:
    """Yield the marked tests of a file."""
    if "mark.shows(" not in source:
        return
    tree = ast.parse(source)
    constants = dict(_constants(tree))
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        marks = [
            (one.func.attr, one)
            for one in node.decorator_list
            if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
        ]
        fields = [
            ast.literal_eval(arg) for name, one in marks if name == "shows" for arg in one.args
        ]
        if fields:
            tables = (_examples(one, constants) for name, one in marks if name == "parametrize")
            yield Shown(path, node.name, tuple(fields), tuple(one for one in tables if one.rows))


def _constants(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Yield the plain values that stand at the top of a file."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant(value)):
                yield name, value


def _examples(mark: ast.Call, constants: Mapping[str, Any]) -> Examples:
    names, values = mark.args
    named = ast.literal_eval(names)
    heads = (named,) if isinstance(named, str) else tuple(named)
    assert isinstance(values, ast.List | ast.Tuple), ast.unparse(values)
    found = []
    for value in values.elts:
        cells = [value] if isinstance(named, str) else getattr(value, "elts", [])
        try:
            row = tuple(_told(_plain(cell, constants)) for cell in cells)
        except ValueError:
            continue
        if len(row) == len(heads) and max(map(len, row)) <= _WIDEST:
            found.append(row)
    return Examples(
        tuple(one.replace("_", " ") for one in heads), tuple(found), len(values.elts) - len(found)
    )


def _plain(node: ast.expr, constants: Mapping[str, Any]) -> Any:
    """Return the value that an expression spells out; `ValueError` if it takes code to know it."""
    match node:
        case ast.Name(name) if name in constants:
            return constants[name]
        case ast.List(elts) | ast.Tuple(elts):
            return [_plain(one, constants) for one in elts]
        case ast.Dict(keys, values) if None not in keys:
            pairs = zip(keys, values, strict=True)
            return {ast.literal_eval(key): _plain(one, constants) for key, one in pairs}
        case ast.Call(func=ast.Name("date"), args=args):
            return date(*(ast.literal_eval(one) for one in args))
        case ast.Call(func=ast.Name("Decimal"), args=[arg]):
            return Decimal(ast.literal_eval(arg))
    return ast.literal_eval(node)


def _told(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case list():
            return ", ".join(map(_told, value)) or "none"
        case dict():
            return ", ".join(f"{name}: {_told(one)}" for name, one in value.items()) or "none"
        case str():
            return _code(value)
    return _code(str(value))


def _code(text: str) -> str:
    """Return a text as code; what a reader could not see is spelled out."""
    is_plain = (
        text.isprintable() and text == text.strip() and unicodedata.is_normalized("NFC", text)
    )
    told = text if text and is_plain else json.dumps(text)
    return f"`{told}`".replace("|", "\\|")


def page(tests: tuple[Shown, ...]) -> str:
    """Return the page."""
    table = ["| | Salesforce | Xero |", "| --- | --- | --- |"]
    table += [
        f"| [{row.title}](#{row.title.lower().replace(' ', '-')}) "
        f"| {_names(row.salesforce)} | {_names(row.xero)} |"
        for row in ROWS
    ]
    return (
        "\n".join([_HEAD, *table, *(line for row in ROWS for line in _section(row, tests))]) + "\n"
    )


def _section(row: Row, tests: tuple[Shown, ...]) -> Iterator[str]:
    yield from ("", f"## {row.title}", "", textwrap.fill(row.rule, 110, break_on_hyphens=False), "")
    own = [one for one in tests if set(one.fields) & set(row.xero)]
    for test in own:
        if not test.examples:
            yield f"- {_title(test, row)}"
    for test in own:
        if test.examples:
            yield from ("", _title(test, row))
        for examples in test.examples:
            yield from _table(examples)


def _title(test: Shown, row: Row) -> str:
    """Return the test's sentence as a link, and which of the row's fields it is about."""
    told = f"[{test.sentence}](../{test.path})"
    if len(row.xero) == 1:
        return told
    return f"{told}: {_names(one.split('.')[1] for one in row.xero if one in test.fields)}"


def _table(examples: Examples) -> Iterator[str]:
    yield from ("", _row(examples.names), _row("---" for _ in examples.names))
    yield from map(_row, examples.rows)
    if examples.others:
        yield from ("", f"And {examples.others} more, in the test.")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in names)


if __name__ == "__main__":
    PAGE.write_text(page(shown_fields()), encoding="utf-8")
