"""Expectation suites as YAML files, with the route's column names filled in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sfxero.errors import ConfigurationError
from sfxero.model.findings import Severity

_SEVERITIES: Final = {"critical": Severity.REFUSE, "warning": Severity.WARN}
_SUITE_KEYS: Final = frozenset({"only", "expectations"})
_KEYS: Final = frozenset({"type", "kwargs", "severity", "meta", "only", "optional"})
_META_KEYS: Final = frozenset({"rule", "field", "hint"})
_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z_]*)\}")

Only = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a column, the words for who breaks it, and which rows it looks at."""

    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    rule: str
    field: str | None
    hint: str
    only: Only

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, without those of `only`."""
        names = (value for key, value in self.kwargs.items() if key.startswith("column"))
        return tuple(name for name in names if isinstance(name, str))


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of one staged entity."""

    name: str
    expectations: tuple[Expectation, ...]


class _Missing(Exception):
    """A placeholder without a column."""


def load_suite(path: Path, columns: Mapping[str, str]) -> Suite:
    """Read a suite; `columns` fills placeholders such as `{number_field}` with staged columns.

    An expectation marked `optional` is left out where the route has no column for it.
    """
    document = _read(path)
    _refuse_unknown(path, "the suite", document, _SUITE_KEYS)
    listed = document.get("expectations")
    if not isinstance(listed, list) or not listed:
        raise _wrong(path, "`expectations` must be a list and not be empty")
    found = []
    for number, item in enumerate(listed, start=1):
        where = f"expectation {number}"
        if not isinstance(item, dict):
            raise _wrong(path, f"{where} must be a mapping")
        try:
            filled = _fill(item, columns)
            shared = _fill(document.get("only") or {}, columns)
        except _Missing as missing:
            if item.get("optional") is True:
                continue
            raise _wrong(
                path, f"{where} names {{{missing}}}, for which there is no column"
            ) from None
        found.append(_expectation(path, where, filled, shared))
    return Suite(name=path.stem, expectations=tuple(found))


def _expectation(path: Path, where: str, item: dict[str, Any], shared: object) -> Expectation:
    _refuse_unknown(path, where, item, _KEYS)
    kwargs, meta = item.get("kwargs"), item.get("meta")
    if not isinstance(item.get("type"), str) or not item["type"].startswith("expect_column_"):
        raise _wrong(path, f"`type` of {where} must name an expectation of a column")
    if not isinstance(kwargs, dict) or not isinstance(kwargs.get("column"), str):
        raise _wrong(path, f"`kwargs` of {where} must name a `column`")
    if any(isinstance(value, float) for value in kwargs.values()):
        raise _wrong(path, f"`kwargs` of {where} hold a floating point number; use whole ones")
    if item.get("severity") not in _SEVERITIES:
        raise _wrong(path, f"`severity` of {where} must be critical or warning")
    if not isinstance(meta, dict) or not isinstance(meta.get("rule"), str):
        raise _wrong(path, f"`meta` of {where} must name a `rule`")
    _refuse_unknown(path, f"`meta` of {where}", meta, _META_KEYS)
    return Expectation(
        type=item["type"],
        kwargs=kwargs,
        severity=_SEVERITIES[item["severity"]],
        rule=meta["rule"],
        field=meta.get("field") or kwargs["column"],
        hint=str(meta.get("hint") or ""),
        only={**_only(path, "the suite", shared), **_only(path, where, item.get("only") or {})},
    )


def _only(path: Path, where: str, given: object) -> Only:
    """Return the values per column that a row must have one of to be looked at."""
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise _wrong(path, f"`only` of {where} must map columns to a value or a list of values")
    return {
        name: tuple(value) if isinstance(value, list) else (value,) for name, value in given.items()
    }


def _fill(value: Any, columns: Mapping[str, str]) -> Any:
    """Return the value with its placeholders filled, in keys and texts at any depth."""
    if isinstance(value, dict):
        return {_fill(key, columns): _fill(item, columns) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, columns) for item in value]
    if not isinstance(value, str):
        return value

    def column(match: re.Match[str]) -> str:
        if match[1] not in columns:
            raise _Missing(match[1])
        return columns[match[1]]

    return _PLACEHOLDER.sub(column, value)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(path, f"cannot be read ({type(error).__name__})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path, f"is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise _wrong(path, "must be a mapping with `expectations`")
    return document


def _refuse_unknown(
    path: Path, where: str, given: Mapping[str, Any], known: frozenset[str]
) -> None:
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        raise _wrong(path, f"{where} has unknown keys: {', '.join(unknown)}")


def _wrong(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"expectation suite {path}: {what}")
