"""The org's daily allowances: read from its replies, and never used beyond a share."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from threading import Lock
from typing import Final

import httpx

from sfxero.errors import QuotaExhausted
from sfxero.model.org_day import Allowance, OrgDay
from sfxero.salesforce.failures import SERVICE

# "api-usage=25/15000; per-app-api-usage=17/250(appName=x)", or its first half alone.
_USAGE: Final = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")


def usage_in(response: httpx.Response) -> Allowance | None:
    """Return the calls of the day, if the reply tells them."""
    found = _USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
    return Allowance(used=int(found[1]), allowed=int(found[2])) if found else None


def org_day(limits: object) -> OrgDay:
    """Read the answer of `/limits`; what it leaves out is unknown."""
    named = limits if isinstance(limits, Mapping) else {}
    return OrgDay(
        calls=_allowance(named.get("DailyApiRequests")),
        query_jobs=_allowance(named.get("DailyBulkV2QueryJobs")),
    )


class CallCeiling:
    """Lets a session's calls leave as long as the day's are fewer than the share allows.

    Goes by what replies say, and counts calls since the last one that said it. Bulk replies may
    say nothing, so each session learns the figure from its first REST reply.
    """

    def __init__(self, share: Decimal) -> None:
        """Know nothing of the day yet."""
        self._share = share
        self._lock = Lock()
        self._said: Allowance | None = None
        self._since = 0
        self._under_way = 0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count one call, or raise QuotaExhausted in its place."""
        with self._lock:
            self._check()
            self._since += 1
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def see(self, usage: Allowance) -> None:
        """Believe a reply; whether it counts calls that are under way is not known."""
        with self._lock:
            self._said = usage
            self._since = self._under_way

    def _check(self) -> None:
        if self._said is None:
            return
        used, most = self._said.used + self._since, int(self._said.allowed * self._share)
        if used >= most:
            raise QuotaExhausted(
                f"{used} of the org's {self._said.allowed} calls a day are used, and the sync "
                f"leaves off at {most}",
                service=SERVICE,
                hint="Calls come free as they grow 24 hours old; the share is the route's "
                "salesforce.daily_share.",
            )


def _allowance(limit: object) -> Allowance | None:
    most = limit.get("Max") if isinstance(limit, Mapping) else None
    left = limit.get("Remaining") if isinstance(limit, Mapping) else None
    if not isinstance(most, int) or not isinstance(left, int) or most <= 0:
        return None
    return Allowance(used=most - left, allowed=most)
