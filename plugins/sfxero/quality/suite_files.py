"""Suite files as YAML: their content, and the line of each part, for errors that say where."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from sfxero.errors import MappingFileError

Place = tuple[str | int, ...]
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SuiteFile:
    """One suite file; `content` is a mapping."""

    def __init__(self, path: Path) -> None:
        """Read the file; MappingFileError if it cannot be read or is no mapping."""
        self.path = path
        self._lines: dict[Place, int] = {}
        try:
            text = path.read_text(encoding="utf-8")
            root = yaml.compose(text, Loader=_LOADER)
            content = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, in C if there is one
        except OSError as error:
            raise self.wrong(f"cannot be read ({type(error).__name__})") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else None
            raise self._mistake(f"is not YAML: {error.problem}", line, None) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise self.wrong(f"is not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(root, yaml.MappingNode):
            raise self.wrong("must be a mapping with `expectations`")
        self._note_lines(root, ())
        self.content: Mapping[str, Any] = content

    def wrong(self, what: str, place: Place = (), *, hint: str | None = None) -> MappingFileError:
        """Return the error for a part of the file; the nearest known part gives the line."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._mistake(what, self._lines.get(place), hint)

    def refuse_unknown(
        self, where: str, given: Mapping[str, Any], known: Collection[str], place: Place
    ) -> None:
        """Raise for a key that nothing reads, with the nearest that something does."""
        for key in given:
            if key not in known:
                close = get_close_matches(str(key), known, n=1)
                said = f"Did you mean `{close[0]}`?" if close else f"Known: {', '.join(known)}."
                raise self.wrong(f"{where} has an unknown key: {key}", (*place, key), hint=said)

    def _mistake(self, what: str, line: int | None, hint: str | None) -> MappingFileError:
        return MappingFileError(f"{what}.", file=str(self.path), line=line, hint=hint)

    def _note_lines(self, node: yaml.Node, place: Place) -> None:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            for number, each in enumerate(node.value):
                self._note_lines(each, (*place, number))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._note_key(key, (*place, str(key.value)))
                self._note_lines(value, (*place, str(key.value)))

    def _note_key(self, key: yaml.Node, place: Place) -> None:
        line = key.start_mark.line + 1
        if place in self._lines:
            said = f"The first is on line {self._lines[place]}; keep one."
            raise self._mistake(f"`{place[-1]}` is given twice", line, said)
        self._lines[place] = line
