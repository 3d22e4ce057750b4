"""The time zones of organisations: Xero names them as Windows does, in capitals without spaces."""

import logging
import re
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)

_NOT_PLAIN: Final = re.compile(r"[^A-Z0-9]")
# Names that Xero still has and Windows gave up.
_OLD: Final = {
    "KAMCHATKASTANDARDTIME": "Asia/Kamchatka",
    "MIDATLANTICSTANDARDTIME": "Etc/GMT+2",
}
_FALLBACK: Final = "UTC"


def zone_of(name: str | None) -> ZoneInfo:
    """Return an organisation's zone; UTC, with a warning, for a name that is not known."""
    found = _zones().get(_plain(name or ""))
    if found is None:
        log.warning("zone_unknown name=%s", _plain(name or ""))
    return ZoneInfo(found or _FALLBACK)


@cache
def _zones() -> dict[str, str]:
    from tzlocal.windows_tz import win_tz

    return _OLD | {_plain(name): zone for name, zone in win_tz.items()}


def _plain(name: str) -> str:
    return _NOT_PLAIN.sub("", name.upper())
