"""Calls of a running sandbox's control plane."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

DEFAULT_URL = "http://127.0.0.1:8099"
UrlOption = Annotated[str, typer.Option("--url", help="Address of a running sandbox.")]
USAGE_EXIT = 2


def call(
    url: str,
    method: str,
    path: str,
    *,
    body: object = None,
    content: bytes | None = None,
    query: Mapping[str, str] | None = None,
) -> Any:
    """Call the control plane; a refusal ends the command with its reason."""
    import httpx

    address = f"{url.rstrip('/')}/_sandbox{path}"
    try:
        reply = httpx.request(method, address, json=body, content=content, params=query, timeout=60)
    except httpx.HTTPError as error:
        stop(f"No sandbox answers at {url}: {error}")
    if reply.is_error:
        stop(f"The sandbox refused ({reply.status_code}): {reply.text}")
    return reply.json() if reply.content else {"status": "done"}


def show(value: object) -> None:
    """Print a reply."""
    typer.echo(json.dumps(value, indent=2))


def stop(reason: str) -> Any:
    """End the command."""
    typer.echo(reason, err=True)
    raise typer.Exit(USAGE_EXIT)


def fields_of(assignments: Iterable[str]) -> dict[str, object]:
    """Read `Name=value` pairs; a value that is JSON is taken as such, any other as text."""
    fields: dict[str, object] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign or not name:
            stop(f"Give fields as Name=value, not {assignment!r}.")
        try:
            fields[name] = json.loads(text)
        except ValueError:
            fields[name] = text
    return fields


def pick(rows: Iterable[Mapping[str, Any]], given: str, *, by: tuple[str, ...], what: str) -> str:
    """The id (first of `by`) of the one row that has the given text in one of its fields."""
    found = [row for row in rows if given in {row.get(name) for name in by}]
    if len(found) != 1:
        stop(f"{len(found)} {what} match {given!r}; give the id.")
    return str(found[0][by[0]])
