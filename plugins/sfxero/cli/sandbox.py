"""`sfxero sandbox`: start the sandbox, and turn its knobs over HTTP."""

import json
from collections.abc import Mapping
from typing import Annotated

import typer

app = typer.Typer(name="sandbox", no_args_is_help=True, help="A local Salesforce and Xero.")

DEFAULT_URL = "http://127.0.0.1:8099"
UrlOption = Annotated[str, typer.Option("--url", help="Address of a running sandbox.")]
SeedOption = Annotated[int, typer.Option(help="The same seed gives the same rows.")]
AccountsOption = Annotated[int, typer.Option(min=0, help="Accounts to seed.")]
OpportunitiesOption = Annotated[int, typer.Option(min=0, help="Opportunities to seed.")]
USAGE_EXIT = 2


@app.command()
def start(
    *,
    host: Annotated[str, typer.Option(help="Loopback address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8099,
    seed: SeedOption = 42,
    accounts: AccountsOption = 300,
    opportunities: OpportunitiesOption = 1200,
    daily_limit: Annotated[int, typer.Option(min=1, help="Xero calls per day.")] = 5000,
    allow_non_loopback: Annotated[
        bool, typer.Option("--allow-non-loopback", help="Let other machines reach it.")
    ] = False,
) -> None:
    """Serve both services until interrupted."""
    # Imported here, so that the other commands do not load the server.
    from sfxero.sandbox.server import SandboxSettings, build_sandbox, serve
    from sfxero.sandbox.xero.switches import Switches

    settings = SandboxSettings(
        seed=seed,
        accounts=accounts,
        opportunities=opportunities,
        switches=Switches(day_limit=daily_limit),
    )
    try:
        serve(build_sandbox(settings), host=host, port=port, allow_non_loopback=allow_non_loopback)
    except (OSError, ValueError) as error:
        typer.echo(f"Cannot serve on {host}:{port}: {error}", err=True)
        raise typer.Exit(USAGE_EXIT) from None


@app.command()
def seed(
    *,
    seed: SeedOption = 42,
    accounts: AccountsOption = 300,
    opportunities: OpportunitiesOption = 1200,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Fill the Salesforce org again from seeded rows."""
    order = {"seed": seed, "accounts": accounts, "opportunities": opportunities}
    _show(_call(url, "POST", "/seed", body=order))


@app.command()
def journal(
    *,
    after: Annotated[int, typer.Option(help="Entries behind this number.")] = 0,
    service: Annotated[str | None, typer.Option(help="xero or salesforce.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List the requests the services answered."""
    query = {"after": str(after), **({"service": service} if service else {})}
    entries = _call(url, "GET", "/journal", query=query)
    if as_json or not isinstance(entries, list):
        _show(entries)
        return
    for entry in entries:
        status = entry["status"] or "lost"
        typer.echo(f"{entry['number']:>6} {status:>4} {entry['method']:<6} {entry['path']}")


@app.command()
def fault(
    *,
    kind: Annotated[str, typer.Option(help="How requests fail; see the documentation.")],
    path: Annotated[str, typer.Option(help="Regular expression of the path.")] = ".*",
    method: Annotated[str | None, typer.Option(help="Only this verb.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many times.")] = 1,
    probability: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    seed: SeedOption = 0,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Schedule a fault."""
    rule = {"kind": kind, "path": path, "count": count, "probability": probability, "seed": seed}
    _show(_call(url, "POST", "/fault", body={**rule, **({"method": method} if method else {})}))


@app.command()
def clock(
    *,
    advance_s: Annotated[float, typer.Option(min=0, help="Seconds to jump forward.")] = 0.0,
    speed: Annotated[float | None, typer.Option(min=0, help="Times as fast as real.")] = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show or move the virtual clock."""
    if not advance_s and speed is None:
        _show(_call(url, "GET", "/clock"))
        return
    order = {"advance_s": advance_s, **({} if speed is None else {"speed": speed})}
    _show(_call(url, "POST", "/clock", body=order))


def _call(
    url: str,
    method: str,
    path: str,
    *,
    body: Mapping[str, object] | None = None,
    query: Mapping[str, str] | None = None,
) -> object:
    import httpx

    try:
        reply = httpx.request(
            method, f"{url.rstrip('/')}/_sandbox{path}", json=body, params=query, timeout=60
        )
    except httpx.HTTPError as error:
        typer.echo(f"No sandbox answers at {url}: {error}", err=True)
        raise typer.Exit(USAGE_EXIT) from None
    if reply.is_error:
        typer.echo(f"The sandbox refused ({reply.status_code}): {reply.text}", err=True)
        raise typer.Exit(USAGE_EXIT)
    return reply.json()


def _show(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
