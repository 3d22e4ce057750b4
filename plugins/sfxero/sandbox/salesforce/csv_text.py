"""Values as Salesforce writes them, in CSV and in JSON."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

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


def cell(value: Value) -> str:
    """Return one quoted CSV value; null and the empty string look the same."""
    if value is None:
        return '""'
    if value is True:
        return '"true"'
    if value is False:
        return '"false"'
    return _TEXT_OF.get(type(value), _plain)(value)


def _string(value: Value) -> str:
    text = str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if '"' in text else f'"{text}"'


def _plain(value: Value) -> str:
    return f'"{value}"'


@lru_cache(maxsize=_CACHED)
def _decimal(value: Value) -> str:
    return f'"{java_double(value)}"' if isinstance(value, Decimal) else _plain(value)


@lru_cache(maxsize=_CACHED)
def _moment(value: Value) -> str:
    return f'"{csv_datetime(value)}"' if isinstance(value, datetime) else _plain(value)


_TEXT_OF: dict[type, Callable[[Value], str]] = {
    str: _string, int: _plain, Decimal: _decimal, datetime: _moment, date: _plain,
}  # fmt: skip


def csv_row(values: Sequence[Value], *, delimiter: str, line_ending: str) -> str:
    """Return one line of a result file, every value quoted."""
    return delimiter.join(map(cell, values)) + line_ending
