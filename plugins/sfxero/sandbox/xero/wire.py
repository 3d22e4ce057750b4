"""Between ASGI and replies as values."""

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from sfxero.sandbox.xero.failures import PlainRefusal
from sfxero.sandbox.xero.replies import Reply

LARGEST_BODY = 10 * 1024 * 1024


def respond(reply: Reply, correlation: str | None) -> Response:
    """A reply with its correlation id; the identity host has none."""
    headers = dict(reply.headers)
    if correlation is not None:
        headers["Xero-Correlation-Id"] = correlation
    return Response(reply.body, reply.status, headers, reply.media_type)


async def read_body(request: Request) -> bytes:
    """Read the body, but keep no more than shows that it is too large."""
    body = bytearray()
    try:
        async for part in request.stream():
            if len(body) <= LARGEST_BODY:
                body += part
    except ClientDisconnect:
        raise PlainRefusal(400, "The request body ended early.") from None
    return bytes(body)
