from decimal import Decimal

import httpx
import pytest

from sfxero.errors import UnexpectedResponse
from sfxero.transport.decimals import parse_json


def test_fractions_are_exact():
    body = parse_json(httpx.Response(200, content=b'{"a": 0.1, "b": 8.0E7, "c": 3, "d": 12.30}'))
    assert body == {"a": Decimal("0.1"), "b": Decimal("8.0E7"), "c": 3, "d": Decimal("12.30")}
    assert str(body["d"]) == "12.30"


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b'{"a": 1', b'{"a": NaN}', b"\xff", b"[" * 99_999]
)
def test_anything_but_json_is_an_unexpected_response_that_is_not_quoted(content):
    with pytest.raises(UnexpectedResponse) as caught:
        parse_json(httpx.Response(503, content=content))
    assert caught.value.status == 503
    assert "html" not in str(caught.value)
