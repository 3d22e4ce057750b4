"""Named functions that a field rule may apply; each sees every distinct text once."""

import hashlib
import importlib.util
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from sfxero.errors import MappingFileError
from sfxero.mapping.countries import state_code, state_name
from sfxero.mapping.tax_numbers import tax_number

_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015]+")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MARK: Final = "_sfxero_function"
_STATE_HINT: Final = "Correct the state, or the country, in Salesforce."

TextFunction = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class NamedFunction:
    """`call` gives the value for Xero, or None for one that cannot be used, by `rule`.

    One that differs by country takes a text and its country; it has an `unknown_rule`, and raises
    NotJudged for a text that it knows no rule for.
    """

    name: str
    call: Callable[..., str | None]
    rule: str
    hint: str
    version: str = ""
    """A digest of the file that a user's function comes from: other code is another mapping."""
    unknown_rule: str | None = None

    @property
    def is_of_country(self) -> bool:
        """Whether the function must be told the country."""
        return self.unknown_rule is not None


def column_function(*, rule: str, hint: str) -> Callable[[TextFunction], TextFunction]:
    """Offer a function of `include/functions/` to route files, under its own name.

    `rule` names the finding of a value that the function gives None for, `hint` its cure.
    """

    def mark(function: TextFunction) -> TextFunction:
        setattr(function, _MARK, (rule, hint))
        return function

    return mark


def trim(text: str) -> str:
    """Return the text with each run of white space as one space."""
    return " ".join(text.split())


def upper(text: str) -> str:
    """Return the text in capitals."""
    return text.upper()


def abn(text: str) -> str | None:
    """Return an Australian Business Number as 11 digits, or None if its checksum is wrong."""
    from stdnum.au import abn as australian_business_number  # not while a DAG file is read

    digits = _SEPARATORS.sub("", text)
    return digits if australian_business_number.is_valid(digits) else None


FUNCTIONS: Final[Mapping[str, NamedFunction]] = {
    one.name: one
    for one in (
        NamedFunction("trim", trim, "text_invalid", "Give the field a text."),
        NamedFunction("upper", upper, "text_invalid", "Give the field a text."),
        NamedFunction(
            "abn",
            abn,
            "abn_invalid",
            "Correct the ABN in Salesforce: 11 digits with a valid checksum.",
        ),
        NamedFunction(
            "tax_number",
            tax_number,
            "tax_number_invalid",
            "Correct the tax number, or the country, in Salesforce: they do not fit each other.",
            unknown_rule="tax_number_unchecked",
        ),
        NamedFunction(
            "state_code", state_code, "text_invalid", _STATE_HINT, unknown_rule="state_unknown"
        ),
        NamedFunction(
            "state_name", state_name, "text_invalid", _STATE_HINT, unknown_rule="state_unknown"
        ),
    )
}
"""Those that come with the package."""


def load_functions(folder: Path) -> dict[str, NamedFunction]:
    """Return the package's functions and those of the folder's files, by name.

    Raises MappingFileError for a file that does not load, or a name that is taken.
    """
    found = dict(FUNCTIONS)
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
        for function in _functions_in(path):
            if function.name in found:
                raise MappingFileError(
                    f"the function '{function.name}' exists already.",
                    file=str(path),
                    line=None,
                    hint="Give it another name.",
                )
            found[function.name] = function
    return found


def _functions_in(path: Path) -> Iterator[NamedFunction]:
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    for name, call in vars(_load(path)).items():
        mark = getattr(call, _MARK, None)
        if mark is None:
            continue
        if not _NAME.fullmatch(name):
            raise MappingFileError(
                f"'{name}' is no name of a function.",
                file=str(path),
                line=call.__code__.co_firstlineno,
                hint="Use small letters, digits and underscores.",
            )
        yield NamedFunction(name, call, rule=mark[0], hint=mark[1], version=version)


def _load(path: Path) -> ModuleType:
    """Run a user's file under a name of its own; what it raises is told with its line."""
    source = importlib.util.spec_from_file_location(f"sfxero_functions_{path.stem}", path)
    if source is None or source.loader is None:
        raise MappingFileError("cannot be loaded.", file=str(path), line=None, hint=None)
    module = importlib.util.module_from_spec(source)
    try:
        source.loader.exec_module(module)
    except Exception as error:  # a user's file may raise anything
        lines = [
            one.lineno
            for one in traceback.extract_tb(error.__traceback__)
            if one.filename == str(path)
        ]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
        raise MappingFileError(
            f"does not load: {type(error).__name__}: {error}.",
            file=str(path),
            line=line,
            hint="Correct the file; it is plain Python.",
        ) from error
    return module
