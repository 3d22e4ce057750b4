"""Xero's dates, out and in."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sfxero.errors import UnexpectedResponse

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DOTNET: Final = re.compile(r"/Date\((-?\d{1,15})([+-]\d{4})?\)/")
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")


def parse_xero_date(text: str) -> datetime:
    """Return the moment as aware UTC, from `/Date(ms+hhmm)/` or an ISO text.

    The milliseconds are UTC already and the offset is for information only (Xero, requests and
    responses); an ISO text without a zone is UTC, with up to seven digits of fraction.
    """
    found = _DOTNET.fullmatch(text)
    try:
        if found:
            return _EPOCH + timedelta(milliseconds=int(found[1]))
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except (ValueError, OverflowError):
        raise UnexpectedResponse(f"not a date of Xero's: {text[:40]!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_xero_day(text: str) -> date:
    """Return the calendar day of a document date, which is midnight and never shifted."""
    return parse_xero_date(text).date()


def modified_since(moment: datetime) -> str:
    """Return the header's form: whole seconds, UTC, no zone; fractions are said to be ignored."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
