"""The review file: a CSV that a person edits, and the same as a page to look at."""

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from sfxero.errors import ConfigurationError
from sfxero.pages import page_template
from sfxero.sync.matching.proposing import SIDE_FIELDS, Proposal, ReviewRow

ANSWER: Final = "answer"
ACCEPT: Final = "accept"
REJECT: Final = "reject"
_HEAD: Final = (ANSWER, "decision", "score", "reasons", "note", "account_id", "contact_id")
_OF_CONTACT: Final = (*SIDE_FIELDS, "contact_number", "status")
HEADER: Final = (
    *_HEAD,
    *(f"account_{name}" for name in SIDE_FIELDS),
    *(f"xero_{name}" for name in _OF_CONTACT),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_DELIMITERS: Final = ",;\t"
_MOST_ON_PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A row of an edited file, as far as applying needs it; `line` counts from 1."""

    line: int
    answer: str
    account_id: str
    contact_id: str
    why: str


def write_csv(proposal: Proposal, path: Path) -> Path | None:
    """Write all rows; what is proposed is answered already, and may be changed.

    A file that is there may hold answers, and undoing takes the one that was applied: it is kept
    under another name, which is returned, unless the new one is the same.
    """
    kept = _put_aside(path)
    # Spreadsheets take a file for UTF-8 only if it begins with the mark.
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(HEADER)
        writer.writerows(map(_cells, proposal.rows))
    if kept is not None and kept.read_bytes() == path.read_bytes():
        kept.unlink()
        return None
    return kept


def write_html(proposal: Proposal, path: Path) -> None:
    """Write a page that needs nothing else, with every value escaped."""
    text = page_template("sfxero.sync.matching", "review.html.j2").render(
        proposal=proposal,
        rows=proposal.rows[:_MOST_ON_PAGE],
        left_out=max(0, len(proposal.rows) - _MOST_ON_PAGE),
        fields=SIDE_FIELDS,
    )
    path.write_text(text, encoding="utf-8")


def read_csv(path: Path) -> list[Answer]:
    """Read an edited file, however the spreadsheet parted its cells.

    Raises ConfigurationError if it is no review file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return list(_answers(handle, path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", hint="Save it as CSV in UTF-8."
        ) from error


def _put_aside(path: Path) -> Path | None:
    """Give a file that is there a name that no other has."""
    if not path.exists():
        return None
    names = (path.with_stem(f"{path.stem}-before-{number}") for number in itertools.count(1))
    free = next(one for one in names if not one.exists())
    return path.rename(free)


def _answers(handle: TextIO, path: Path) -> Iterator[Answer]:
    first = handle.readline()
    delimiter = max(_DELIMITERS, key=first.count)
    names = next(csv.reader([first], delimiter=delimiter), [])
    for name in (ANSWER, "account_id", "contact_id"):
        if names.count(name) != 1:
            trouble = "there twice" if name in names else "missing"
            raise ConfigurationError(
                f"{path}:1: the column {name} is {trouble}",
                hint="Take the file that `sfxero match` wrote; other columns may go or move.",
            )
    # Strict: a quotation mark that nobody closed would take all further rows into its cell.
    reader = csv.DictReader(handle, names, delimiter=delimiter, restval="", strict=True)
    for row in reader:
        cells = {name: _plain(row[name]) for name in names}
        if any(cells.values()):
            why = ": ".join(filter(None, (cells.get("score", ""), cells.get("reasons", ""))))
            yield Answer(
                # The header was read before.
                reader.line_num + 1,
                cells[ANSWER].lower(),
                cells["account_id"],
                cells["contact_id"].lower(),
                why[:500],
            )


def _cells(row: ReviewRow) -> Sequence[str]:
    values = (
        ACCEPT if row.decision == ACCEPT else "",
        row.decision,
        str(row.score),
        row.reasons,
        row.note,
        row.account_id,
        row.contact_id,
        *_values(row.account, SIDE_FIELDS),
        *_values(row.contact, _OF_CONTACT),
    )
    return [_guarded(value) for value in values]


def _values(party: Mapping[str, str | None], names: Sequence[str]) -> Iterator[str]:
    return (party.get(name) or "" for name in names)


def _guarded(text: str) -> str:
    """Keep a spreadsheet from taking a value for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(text: str | None) -> str:
    return (text or "").strip().removeprefix("'")
