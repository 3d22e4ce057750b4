"""YAML files read into frozen models; a mistake is named with its file, line and a suggestion."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sfxero.errors import MappingFileError

_Path = tuple[str | int, ...]
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_M = TypeVar("_M", bound=BaseModel)


class YamlFile:
    """A file's content, and the line of each of its values.

    Every scalar stays text until the model reads it: so no amount ever was a float, and YAML's
    readings of `NO` as false or `0200` as an octal number cannot happen.
    """

    def __init__(self, path: Path) -> None:
        self.file = str(path)
        self._lines: dict[_Path, int] = {}
        self._seen: set[int] = set()
        root = self._compose(path)
        if not isinstance(root, yaml.MappingNode):
            raise self.mistake("the file holds no 'key: value' lines", line=1, hint=None)
        self.content = self._read(root, ())

    def read(self, model: type[_M], **context: Any) -> _M:
        """Return the file's content as a model; MappingFileError if the model refuses it."""
        try:
            return model.model_validate(self.content, context=context)
        except ValidationError as error:
            raise _explain(error, self, model) from None

    def line_of(self, path: _Path) -> int | None:
        """Return the line of the deepest known part of a path."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path)

    def mistake(self, message: str, *, line: int | None, hint: str | None) -> MappingFileError:
        """Return the error for a line of this file."""
        return MappingFileError(f"{message}.", file=self.file, line=line, hint=hint)

    def _compose(self, path: Path) -> yaml.Node | None:
        try:
            text = path.read_text(encoding="utf-8")
            node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
        except (OSError, UnicodeDecodeError) as error:
            reason = "is not UTF-8 text" if isinstance(error, ValueError) else error.strerror
            raise self.mistake(f"cannot be read: {reason}", line=None, hint=None) from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.mistake(
                f"is not YAML: {error.problem}", line=mark.line + 1 if mark else None, hint=None
            ) from None
        except yaml.YAMLError as error:
            raise self.mistake(f"is not YAML: {error}", line=None, hint=None) from None
        return node

    def _read(self, node: yaml.Node, path: _Path) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._seen:
            raise self.mistake(
                "repeats a value by an alias (*name)",
                line=node.start_mark.line + 1,
                hint="Write the value out.",
            )
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return {key: self._read(value, (*path, key)) for key, value in self._pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self._read(each, (*path, place)) for place, each in enumerate(node.value)]
        is_plain = not getattr(node, "style", None)
        return None if is_plain and node.value in _NULLS else node.value

    def _pairs(self, node: yaml.MappingNode, path: _Path) -> Iterator[tuple[str, yaml.Node]]:
        known: dict[str, int] = {}
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.mistake("a key must be plain text", line=line, hint=None)
            key = str(key_node.value)
            if key in known:
                raise self.mistake(
                    f"'{key}' is given twice",
                    line=line,
                    hint=f"The first is on line {known[key]}; keep one.",
                )
            known[key] = line
            self._lines[*path, key] = line
            yield key, value


def _explain(error: ValidationError, file: YamlFile, model: type[BaseModel]) -> MappingFileError:
    """Turn the first of the model's complaints, in the order of the file, into ours."""
    # A misspelt key is both unknown and missing: the first says more.
    details = sorted(
        error.errors(), key=lambda one: (file.line_of(one["loc"]) or 0, one["type"] == "missing")
    )
    first = details[0]
    count = f" (1 of {len(details)} mistakes)" if len(details) > 1 else ""
    where = ".".join(str(part) for part in first["loc"])
    return file.mistake(
        f"{_complaint(first, where)}{count}",
        line=file.line_of(first["loc"]),
        hint=_hint(first, model),
    )


def _complaint(detail: ErrorDetails, where: str) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return f"'{where}' is unknown"
        case "missing":
            return f"'{where}' is missing"
        case "value_error":
            text = str(detail["ctx"]["error"])
            return f"'{where}': {text}" if where else text
        case "string_pattern_mismatch":
            return f"'{where}' cannot be '{detail['input']}'"
        case _:
            text = detail["msg"]
            return f"'{where}': {text[0].lower()}{text[1:]}, not {_shown(detail['input'])}"


def _shown(value: object) -> str:
    match value:
        case None:
            return "empty"
        case Mapping():
            return "a section"
        case list():
            return "a list"
        case _:
            return f"'{value}'"


def _hint(detail: ErrorDetails, model: type[BaseModel]) -> str | None:
    if detail["type"] != "extra_forbidden":
        return None
    *parents, key = detail["loc"]
    known = sorted(_keys_at(model, parents))
    close = difflib.get_close_matches(str(key), known, n=1)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known here: {', '.join(known)}." if known else None


def _keys_at(model: type[BaseModel], path: list[str | int]) -> set[str]:
    """Return the keys that the file may have under a path."""
    for part in path:
        if isinstance(part, int):  # a place in a list: the model is that of its elements
            continue
        field = next(
            (one for name, one in model.model_fields.items() if part in {name, one.alias}), None
        )
        inner = next(_models_in(field.annotation), None) if field else None
        if inner is None:
            return set()
        model = inner
    return {field.alias or name for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
