"""Salesforce's REST API as far as the sync reads it."""

import random as chance
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any

import httpx

from sfxero.clock import Clock, Sleeper, SystemClock, SystemSleeper
from sfxero.errors import (
    ConfigurationError,
    IncompleteExtract,
    PermissionDenied,
    UnexpectedResponse,
)
from sfxero.model.org_day import Allowance, OrgDay
from sfxero.ratelimit.circuit import Circuit
from sfxero.salesforce.auth import ClientCredentials, JwtBearer, Login, Signer
from sfxero.salesforce.describe import ObjectDescribe, parse_describe
from sfxero.salesforce.failures import SERVICE
from sfxero.salesforce.session import OrgSession, Patience
from sfxero.salesforce.soql import check_object
from sfxero.salesforce.usage import CallCeiling, org_day

_API_VERSION = re.compile(r"v?(\d{2,3})(\.0)?")


def normal_version(api_version: str) -> str:
    """Return `66.0` for any spelling of it."""
    found = _API_VERSION.fullmatch(api_version.strip())
    if not found:
        raise ConfigurationError(
            f"{api_version!r} is no Salesforce API version", hint="Write it like 66.0."
        )
    return f"{found[1]}.0"


class SalesforceClient:
    """Reads one org; safe to share between threads."""

    def __init__(  # noqa: PLR0913 - the composition root's values, all by name
        self,
        *,
        login_url: str,
        client_id: str,
        client_secret: str = "",
        signer: Signer | None = None,
        trusted_hosts: Collection[str] = (),
        api_version: str,
        transport: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
        sleeper: Sleeper | None = None,
        random: Random | None = None,
        circuit: Circuit | None = None,
        daily_share: Decimal | None = None,
    ) -> None:
        """Nothing is sent before the first call.

        A `signer` logs in by assertions, the secret is not used then. With a `daily_share`, no call
        leaves that would take the org's day beyond it.
        """
        self.api_version = normal_version(api_version)
        patience = Patience(
            clock or SystemClock(), sleeper or SystemSleeper(), random or chance.SystemRandom()
        )
        common: dict[str, Any] = {
            "login_url": login_url,
            "client_id": client_id,
            "trusted_hosts": trusted_hosts,
            "transport": transport,
        }
        login: Login
        if signer is None:
            login = ClientCredentials(client_secret=client_secret, **common)
        else:
            login = JwtBearer(signer=signer, clock=patience.clock, **common)
        self.session = OrgSession(
            login,
            patience=patience,
            transport=transport,
            circuit=circuit,
            ceiling=None if daily_share is None else CallCeiling(daily_share),
        )

    @property
    def instance_url(self) -> str:
        """Return the org's address, as its token reply named it."""
        return self.session.instance_url

    @property
    def org_id(self) -> str:
        """Return the org's id: of one org, whatever the connection is called."""
        return self.session.org_id

    @property
    def usage(self) -> Allowance | None:
        """Return the org's calls used and allowed, as the last reply that said so."""
        return self.session.usage

    def day(self) -> OrgDay:
        """Return what the org says of its day; one call.

        Not every user may see these limits; the reply's own header tells the calls then.
        """
        try:
            day = org_day(self.session.ask("GET", self._path("limits")))
        except PermissionDenied:
            day = OrgDay(calls=None, query_jobs=None)
        return OrgDay(calls=day.calls or self.usage, query_jobs=day.query_jobs)

    def describe(self, object_name: str) -> ObjectDescribe:
        """Return the fields of an object that the integration user may see."""
        path = self._path(f"sobjects/{check_object(object_name)}/describe")
        return parse_describe(self.session.ask("GET", path))

    def query(self, soql: str, *, all_rows: bool = False) -> Iterator[Mapping[str, object]]:
        """Return the rows of all pages, parents flattened to `Account.Name`.

        With `all_rows`, deleted and merged records too. Reading raises IncompleteExtract if the
        rows are not as many as Salesforce counted.
        """
        return self._rows(self._first_page(soql, all_rows=all_rows))

    def query_few(
        self, soql: str, *, most_rows: int, most_calls: int
    ) -> list[Mapping[str, object]] | None:
        """Return all rows, deleted ones too, if they are few; None, after one call, if not."""
        page = self._first_page(soql, all_rows=True)
        total = page.total if isinstance(page.total, int) else most_rows + 1
        if total > min(most_rows, most_calls * len(page.records)):
            return None
        return list(self._rows(page))

    def count(self, soql: str) -> int:
        """Return how many records a `SELECT COUNT()` finds, deleted ones too; one call."""
        total = self._first_page(soql, all_rows=True).total
        if not isinstance(total, int):
            raise UnexpectedResponse("a count without a number", service=SERVICE)
        return total

    def _first_page(self, soql: str, *, all_rows: bool) -> "_QueryPage":
        return self._page(self._path("queryAll" if all_rows else "query"), params={"q": soql})

    def _rows(self, page: "_QueryPage") -> Iterator[Mapping[str, object]]:
        expected, count = page.total, 0
        while True:
            for record in page.records:
                count += 1
                yield flatten(record)
            if page.next_path is None:
                break
            page = self._page(page.next_path)
        if count != expected:
            raise IncompleteExtract(
                f"a query gave {count} rows where Salesforce counted {expected}", service=SERVICE
            )

    def server_now(self) -> datetime:
        """Return the org's time, to the second."""
        response = self.session.call("GET", "/services/data/")
        try:
            return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            raise UnexpectedResponse("a reply without a Date header", service=SERVICE) from None

    def close(self) -> None:
        """Give the connections back."""
        self.session.close()

    def _path(self, rest: str) -> str:
        return f"/services/data/v{self.api_version}/{rest}"

    def _page(self, path: str, params: Mapping[str, str | int] | None = None) -> "_QueryPage":
        return _QueryPage(self.session.ask("GET", path, params=params))


class _QueryPage:
    """One page of a query's answer."""

    def __init__(self, body: object) -> None:
        if not isinstance(body, Mapping) or not isinstance(body.get("records"), list):
            raise UnexpectedResponse("a query's answer has no records", service=SERVICE)
        self.records: list[Mapping[str, object]] = body["records"]
        self.total = body.get("totalSize")
        self.next_path = None if body.get("done") else check_path(body.get("nextRecordsUrl"))
        if self.next_path is not None and not self.records:
            raise UnexpectedResponse("a page without records is not the last", service=SERVICE)


def check_path(path: object) -> str:
    """Return a path that the org sent to follow, if it stays on the org's data API."""
    if not isinstance(path, str) or not path.startswith("/services/data/"):
        raise UnexpectedResponse("the org named a next page that is none", service=SERVICE)
    return path


def flatten(record: Mapping[str, object]) -> dict[str, object]:
    """Return the record with `attributes` dropped and parents as dotted names."""
    flat: dict[str, object] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": deep for inner, deep in flatten(value).items()}
        else:
            flat[name] = value
    return flat
