"""One accounting call as a value, past the door and with its body read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.failures import BadPostData
from sfxero.sandbox.xero.identity import Bearer
from sfxero.sandbox.xero.replies import Json, Reply, envelope, json_reply
from sfxero.sandbox.xero.strict import SHAPES, Violation, unknown_fields


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint needs to answer."""

    books: Books
    bearer: Bearer
    tenant_id: str
    method: str
    resource: str
    identifier: str | None
    part_id: str | None
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    violate: Callable[[Violation], None]

    @property
    def user(self) -> str:
        """Who a history names: the app."""
        return self.bearer.app.name

    @property
    def four_decimals(self) -> bool:
        """`unitdp=4` was asked for."""
        return self.query.get("unitdp") == "4"

    def asks(self, name: str) -> bool:
        """Whether a boolean query parameter is true."""
        return self.query.get(name, "").strip().lower() == "true"

    def comma_list(self, name: str) -> list[str] | None:
        """A comma list of the query, if sent."""
        value = self.query.get(name, "").strip()
        return [part.strip() for part in value.split(",") if part.strip()] if value else None

    def answer(self, name: str, rows: list[Json], pagination: Json | None = None) -> Reply:
        """Rows in the envelope."""
        body = envelope(
            name,
            rows,
            provider=self.bearer.app.name,
            now=self.books.clock.now(),
            pagination=pagination,
        )
        return json_reply(body)


def read_elements(call: Call, plural: str) -> list[Json]:
    """A write body is one object or the plural envelope (xero-api, 3.1)."""
    rows = _rows(call.body, plural)
    mode = call.books.switches.strict_requests
    shape = SHAPES.get(plural)
    if mode == "off" or shape is None:
        return rows
    for field in [field for row in rows for field in unknown_fields(row, shape)]:
        call.violate(Violation(call.method, call.resource, field))
        if mode == "refuse":
            raise BadPostData(f"The field {field} is not known.")
    return rows


def _rows(body: bytes, plural: str) -> list[Json]:
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadPostData("The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadPostData(f"The request body is neither one object nor {{{plural}: […]}}.")
    rows = value.get(plural, [value])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadPostData(f"{plural} must be a list of objects, and not an empty one.")
    return rows


def _no_constant(name: str) -> object:
    raise ValueError(name)
