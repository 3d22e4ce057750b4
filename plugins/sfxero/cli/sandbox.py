"""`sfxero sandbox`: start the sandbox, and turn its knobs over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from sfxero.cli import sandbox_bookkeeper, sandbox_salesperson
from sfxero.cli.sandbox_calls import DEFAULT_URL, UrlOption, call, fields_of, show, stop

app = typer.Typer(name="sandbox", no_args_is_help=True, help="A local Salesforce and Xero.")
app.add_typer(sandbox_bookkeeper.app)
app.add_typer(sandbox_salesperson.app)

SeedOption = Annotated[int, typer.Option(help="The same seed gives the same rows.")]
AccountsOption = Annotated[int, typer.Option(min=0, help="Accounts to seed.")]
OpportunitiesOption = Annotated[int, typer.Option(min=0, help="Opportunities to seed.")]
CaFolderOption = Annotated[
    Path, typer.Option(help="Where the certificates lie, or are made.", file_okay=False)
]


@app.command()
def start(  # noqa: PLR0913 - each option is a parameter
    *,
    host: Annotated[str, typer.Option(help="Loopback address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8099,
    seed: SeedOption = 42,
    accounts: AccountsOption = 300,
    opportunities: OpportunitiesOption = 1200,
    daily_limit: Annotated[int, typer.Option(min=1, help="Xero calls per day.")] = 5000,
    https: Annotated[bool, typer.Option("--https", help="Serve HTTPS and a proxy too.")] = False,
    ca_folder: CaFolderOption = Path(".sandbox-ca"),
    https_port: Annotated[int, typer.Option(help="Port of HTTPS.")] = 8443,
    proxy_port: Annotated[int, typer.Option(help="Port of the proxy to it.")] = 8444,
    allow_non_loopback: Annotated[
        bool, typer.Option("--allow-non-loopback", help="Let other machines reach it.")
    ] = False,
) -> None:
    """Serve both services until interrupted."""
    # Imported here, so that the other commands do not load the server.
    from sfxero.sandbox.server import Https, SandboxSettings, build_sandbox, serve
    from sfxero.sandbox.xero.switches import Switches

    settings = SandboxSettings(
        seed=seed,
        accounts=accounts,
        opportunities=opportunities,
        switches=Switches(day_limit=daily_limit),
    )
    served_https = Https(ca_folder, https_port, proxy_port) if https else None
    try:
        serve(
            build_sandbox(settings),
            host=host,
            port=port,
            allow_non_loopback=allow_non_loopback,
            https=served_https,
        )
    except (OSError, ValueError) as error:
        stop(f"Cannot serve on {host}:{port}: {error}")


@app.command()
def reset(*, url: UrlOption = DEFAULT_URL) -> None:
    """Empty both services, the journal and the faults."""
    show(call(url, "POST", "/reset"))


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="A fixture file.", exists=True, dir_okay=False)],
    *,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Load rows of both services from a file."""
    show(call(url, "POST", "/load", content=file.read_bytes()))


@app.command()
def state(
    *,
    full: Annotated[bool, typer.Option("--full", help="All rows of Xero, not counts.")] = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show what both services hold."""
    show(call(url, "GET", "/state", query={"full": "1"} if full else None))


@app.command()
def switch(
    service: Annotated[str, typer.Argument(help="xero or salesforce.")],
    values: Annotated[list[str] | None, typer.Argument(help="name=value")] = None,
    *,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show or set a service's switches."""
    path = f"/{service}/switches"
    if values:
        show(call(url, "POST", path, body=fields_of(values)))
    else:
        show(call(url, "GET", path))


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
    show(call(url, "POST", "/seed", body=order))


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
    entries = call(url, "GET", "/journal", query=query)
    if as_json or not isinstance(entries, list):
        show(entries)
        return
    for entry in entries:
        status = entry["status"] or "lost"
        typer.echo(f"{entry['number']:>6} {status:>4} {entry['method']:<6} {entry['path']}")


@app.command()
def fault(  # noqa: PLR0913 - each option is a parameter
    kind: Annotated[str | None, typer.Argument(help="How requests fail.")] = None,
    *,
    path: Annotated[str | None, typer.Option(help="Regular expression of the path.")] = None,
    method: Annotated[str | None, typer.Option(help="Only this verb.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="How many times.")] = None,
    probability: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    seed: SeedOption = 0,
    options: Annotated[
        list[str] | None, typer.Option("--set", help="Any other option of the kind, name=value.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Drop all faults.")] = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Schedule a fault, or list what is scheduled."""
    if clear:
        show(call(url, "DELETE", "/fault"))
    elif kind is None:
        show(call(url, "GET", "/fault"))
    else:
        given = {"path": path, "method": method, "count": count}
        rule = {
            "kind": kind,
            "probability": probability,
            "seed": seed,
            **{name: value for name, value in given.items() if value is not None},
            **fields_of(options or ()),
        }
        show(call(url, "POST", "/fault", body=rule))


@app.command()
def clock(
    *,
    advance_s: Annotated[float, typer.Option(min=0, help="Seconds to jump forward.")] = 0.0,
    speed: Annotated[float | None, typer.Option(min=0, help="Times as fast as real.")] = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show or move the virtual clock."""
    if not advance_s and speed is None:
        show(call(url, "GET", "/clock"))
        return
    order = {"advance_s": advance_s, **({} if speed is None else {"speed": speed})}
    show(call(url, "POST", "/clock", body=order))
