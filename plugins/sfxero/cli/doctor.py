"""`sfxero doctor`: whether a route could run, and what is in its way."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from sfxero.cli.ledger_access import REFUSED_EXIT, find_ledger
from sfxero.cli.route_access import quiet_logs, route_named, usable
from sfxero.errors import ConfigurationError, MappingFileError

if TYPE_CHECKING:
    from sfxero.sync.checking import Report

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def doctor(
    *,
    route: Annotated[str, typer.Option(help="The route's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check connections, scopes, fields and codes of a route; status 1 if one fails."""
    with quiet_logs():
        report = _examined(route)
    if as_json:
        told = {**asdict(report), "has_failed": report.has_failed}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _show(report)
    raise typer.Exit(REFUSED_EXIT if report.has_failed else 0)


def _examined(name: str) -> "Report":
    from sfxero.orchestration.hooks.ledger import token_keys
    from sfxero.orchestration.looking import Look
    from sfxero.sync.doctor import examine, refused_file, without_ledger

    try:
        spec, file = route_named(name)
    except MappingFileError as error:
        return refused_file(name, error)
    try:
        found = find_ledger(spec.ledger.connection, token_keys())
    except ConfigurationError as error:
        return without_ledger((spec, file), error)
    with found as ledger, Look(spec, usable(ledger)) as look:
        return examine(
            (spec, file), ledger=ledger, salesforce=lambda: look.salesforce, xero=lambda: look
        )


def _show(report: "Report") -> None:
    names = ("check", "verdict", "what", "where")
    table = Table(*(Column(one, overflow="fold") for one in names))
    file = Path(report.file).name
    for one in report.checks:
        words = f"{one.message}. {one.hint}" if one.hint else one.message
        place = f"{file}:{one.line}" if one.line else ""
        verdict = Text(one.verdict, style=_STYLES[one.verdict])
        table.add_row(one.name, verdict, Text(words), place)
    Console().print(table)
