"""JSON with exact numbers."""

import json
from decimal import Decimal

import httpx

from sfxero.errors import UnexpectedResponse


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def parse_json(response: httpx.Response) -> object:
    """Return the body with Decimal for each fraction; UnexpectedResponse if it is not JSON."""
    try:
        return json.loads(response.content, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # The body may hold personal values, so it is not quoted.
        kind = response.headers.get("content-type", "no content type")
        raise UnexpectedResponse(
            f"the reply is not JSON but {kind}, {len(response.content)} bytes",
            status=response.status_code,
        ) from None
