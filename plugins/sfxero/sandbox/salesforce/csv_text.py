"""Values as Salesforce writes them, in CSV and in JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import cast

from sfxero.sandbox.salesforce.records import Value

DELIMITERS = {
    "COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`",
}  # fmt: skip
# Prices and stamps repeat a lot, and their texts are slow to make.
_CACHED = 65_536
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


def java_double(value: Decimal) -> str:
    """Return the text of Java's Double.toString, which turns scientific from 10^7 up."""
    if not value:
        return "0.0"
    sign, digits, exponent = value.normalize().as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(f"not a finite number: {value}")
    figures = "".join(map(str, digits))
    power = len(figures) - 1 + exponent
    prefix = "-" if sign else ""
    if not -3 <= power < 7:
        return f"{prefix}{figures[0]}.{figures[1:] or '0'}E{power}"
    if exponent >= 0:
        return f"{prefix}{figures}{'0' * exponent}.0"
    if power >= 0:
        return f"{prefix}{figures[: power + 1]}.{figures[power + 1 :]}"
    return f"{prefix}0.{'0' * (-power - 1)}{figures}"


def csv_datetime(value: datetime) -> str:
    """Return a moment as CSV results show it."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"


def json_datetime(value: datetime) -> str:
    """Return a moment as JSON replies show it."""
    return csv_datetime(value)[:-1] + "+0000"


@lru_cache(maxsize=_CACHED)
def _decimal(value: Decimal) -> str:
    return java_double(value)


@lru_cache(maxsize=_CACHED)
def _moment(value: datetime) -> str:
    return csv_datetime(value)


def inner_text(value: Value) -> str:
    """Return a value as it stands between the quotes of a cell; null and "" look the same."""
    if isinstance(value, str):
        return value.replace('"', '""') if '"' in value else value
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


_SCIENTIFIC = Decimal(10) ** 7


def texts_of(values: Sequence[Value]) -> list[str]:
    """Return a column's values as they stand between quotes; whole columns are fast."""
    kinds = set(map(type, values))
    if kinds <= {str, type(None)}:
        texts = [value or "" for value in values] if type(None) in kinds else list(values)
        return _escaped(cast(list[str], texts))
    return [inner_text(value) for value in values]


def _escaped(texts: list[str]) -> list[str]:
    if '"' not in "".join(texts):
        return texts
    return [text.replace('"', '""') for text in texts]


def plain_decimals(values: Sequence[Value]) -> list[str]:
    """Return decimals below 10^7 without Java's manners."""
    return [
        f"{value.normalize():f}" if isinstance(value, Decimal) and abs(value) < _SCIENTIFIC
        else inner_text(value)
        for value in values
    ]  # fmt: skip


def csv_lines(columns: Sequence[list[str]], *, delimiter: str, line_ending: str) -> str:
    """Return whole lines, every value quoted, from columns of texts."""
    lines = map(f'"{delimiter}"'.join, zip(*columns, strict=True))
    body = f'"{line_ending}"'.join(lines)
    return f'"{body}"{line_ending}' if body or columns[0] else ""
