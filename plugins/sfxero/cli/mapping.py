"""`sfxero mapping`: route files held against their model, their schema, and their own cases."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sfxero.cli.mapping_explain import explain
from sfxero.errors import MappingFileError, SyncError
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import RouteSpec
from sfxero.settings import load_settings

app = typer.Typer(name="mapping", no_args_is_help=True, help="Check and try out route files.")
app.command()(explain)

Files = Annotated[
    list[Path] | None, typer.Argument(help="Route files; all of the include folder, if none.")
]
Route = Annotated[str, typer.Option(help="The route's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command()
def validate(files: Files = None) -> None:
    """Read route files and name each mistake with its line; status 1 if there is one."""
    paths = files or sorted(load_settings().mappings.glob("*.yaml"))
    mistakes = 0
    for path in paths:
        try:
            spec = load_route(path)
        except MappingFileError as error:
            mistakes += 1
            typer.echo(str(error), err=True)
        else:
            typer.echo(f"{path}: route {spec.route}, mapping version {spec.mapping_version}")
    if not paths:
        typer.echo(f"no route files in {load_settings().mappings}", err=True)
    raise typer.Exit(1 if mistakes or not paths else 0)


@app.command()
def schema() -> None:
    """Print the JSON Schema of route files, for editors."""
    typer.echo(schema_text(), nl=False)


@app.command("test")
def run_tests(route: Route, *, as_json: AsJson = False) -> None:
    """Run the route's golden cases, `cases/<route>/*.yaml`; status 1 if one does not hold."""
    from sfxero.mapping.cases import run_cases

    settings = load_settings()
    folder = settings.include / "cases" / route
    try:
        results = list(run_cases(load_route(settings.mappings / f"{route}.yaml"), folder))
    except SyncError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if not results:
        typer.echo(f"no cases in {folder}", err=True)
        raise typer.Exit(2)
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "name": one.name,
                        "file": one.file,
                        "line": one.line,
                        "differences": one.differences,
                    }
                    for one in results
                ],
                indent=2,
            )
        )
    else:
        table = Table("case", "where", "differences")
        for one in results:
            words = "\n".join(one.differences) or "holds"
            table.add_row(one.name, f"{Path(one.file).name}:{one.line}", words)
        Console().print(table)
    raise typer.Exit(1 if any(one.differences for one in results) else 0)


def schema_text() -> str:
    """Return the JSON Schema as it is published beside the routes."""
    body = RouteSpec.model_json_schema(by_alias=True)
    body = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sfxero route"} | {
        key: value for key, value in body.items() if key != "title"
    }
    return json.dumps(body, indent=2) + "\n"
