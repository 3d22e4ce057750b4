"""The CSV of an ingest job: header and rows as they came, and as values of fields."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sfxero.sandbox.salesforce.coercion import datetime_of
from sfxero.sandbox.salesforce.csv_text import DELIMITERS
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.schema import DECIMAL_KINDS, Field, ObjectType

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.ingest import IngestJob
    from sfxero.sandbox.salesforce.models import SalesforceOrg

Row = tuple[str, ...]
LONGEST_HEADER = 32_000
LONGEST_FIELD = 131_072
LONGEST_RECORD = 400_000
SET_NULL = "#N/A"


class Refused(Exception):
    """An upload that no row of is saved; the text becomes the job's error message."""

    def __init__(self, message: str, header: Row = (), rows: list[Row] | None = None) -> None:
        """Keep what could be read, since it ends up among the unprocessed records."""
        super().__init__(message)
        self.header = header
        self.rows = rows or []


@dataclass(frozen=True, slots=True)
class Upload:
    """Header and rows of an upload that fits the object."""

    org: "SalesforceOrg"
    object_name: str
    header: Row
    rows: list[Row]

    def bodies(self) -> Iterator[dict[str, Any] | ApiFailure]:
        """Yield each row as a JSON body would give it, or why it cannot be read."""
        source = self.org.schema.find(self.object_name) or self.org.records.schema.declared(
            self.object_name
        )
        for row in self.rows:
            try:
                yield _body(source, self.header, row)
            except ApiFailure as failure:
                yield failure


def _body(source: ObjectType, header: Row, row: Row) -> dict[str, Any]:
    if sum(map(len, row)) > LONGEST_RECORD:
        raise _bad("STRING_TOO_LONG", "record larger than 400000 characters")
    body: dict[str, Any] = {}
    for name, text in zip(header, row, strict=False):
        if not text.strip():
            continue  # an empty value leaves the field alone
        relation, dot, key = name.partition(".")
        if dot:
            parent = relation.rpartition(":")[2]
            body[parent] = None if text == SET_NULL else {key: text}
            continue
        declared = source.by_name[name.lower()]
        body[declared.name] = None if text == SET_NULL else _typed(declared, text)
    return body


def _typed(declared: Field, text: str) -> Any:
    """Return the text as the field's JSON value; each kind reads more than one form."""
    kind = declared.kind
    try:
        if kind == "boolean":
            return {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()]
        if kind == "int" or kind in DECIMAL_KINDS:
            number = Decimal(text.strip())
            return int(number) if kind == "int" else number
        if kind == "date":
            return date.fromisoformat(text.strip()[:10]).isoformat()
        if kind == "datetime":
            return datetime_of(text.strip()).isoformat(timespec="milliseconds")
    except (KeyError, ValueError, InvalidOperation, OverflowError):
        message = f"{declared.name}: value not of required type: {text}"
        raise _bad("INVALID_TYPE_ON_FIELD_IN_RECORD", message, declared.name) from None
    return text


def _bad(code: str, message: str, *fields: str) -> ApiFailure:
    return ApiFailure(400, code, message, fields=fields)


def read_upload(org: "SalesforceOrg", job: "IngestJob") -> Upload:
    """Return the upload of a job, or refuse it as a whole."""
    try:
        text = (job.content or b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("InvalidBatch : The upload is not UTF-8") from None
    first_line = text.partition("\n")[0]
    if text and first_line.endswith("\r") == (job.line_ending == "LF"):
        message = "LineEnding is invalid on user data. Current LineEnding setting is "
        raise Refused(f"ClientInputError : {message}{job.line_ending}")
    if len(first_line) > LONGEST_HEADER:
        raise Refused("InvalidBatch : The header row is longer than 32000 characters")
    header, rows = _table(text, DELIMITERS[job.delimiter])
    source = org.schema.find(job.object_name)
    if source is None:
        raise Refused("InvalidBatch : The object is no longer visible", header, rows)
    for name in header:
        _check_column(source, name, header, rows)
    if job.operation in {"delete", "hardDelete"} and [name.lower() for name in header] != ["id"]:
        raise Refused("InvalidBatch : A delete takes the column Id and no other", header, rows)
    return Upload(org, source.name, header, rows)


def _table(text: str, delimiter: str) -> tuple[Row, list[Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[Row] = []
    try:
        lines.extend(tuple(line) for line in reader if line)
    except csv.Error as error:
        raise Refused(f"InvalidBatch : Failed to parse the CSV: {error}", *_split(lines)) from None
    header, rows = _split(lines)
    if any(len(row) != len(header) for row in rows):
        raise Refused(
            "InvalidBatch : The number of columns in a row differs from the header", header, rows
        )
    return header, rows


def _split(lines: list[Row]) -> tuple[Row, list[Row]]:
    return (tuple(name.strip() for name in lines[0]), lines[1:]) if lines else ((), [])


def _check_column(source: ObjectType, name: str, header: Row, rows: list[Row]) -> None:
    relation, dot, key = name.partition(".")
    known = source.by_relationship if dot else source.by_name
    if relation.rpartition(":")[2].lower() not in known or "." in key:
        raise Refused(f"InvalidBatch : Field name not found : {name}", header, rows)
