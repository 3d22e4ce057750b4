"""`sfxero alerts`: troubles that outlast a run."""

from typing import Annotated

import typer
from rich.table import Table

from sfxero.cli.entries import JsonOption, moment, plain, print_json, print_table
from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger

app = typer.Typer(name="alerts", no_args_is_help=True, help="What a person has to know.")


@app.callback()
def group() -> None:
    """Keep `list` a command of its own, though it is the only one."""


@app.command("list")
def list_(
    *,
    all_: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List troubles, the newest first; ends with status 1 if any is open."""
    with opened_ledger() as ledger:
        found = ledger.alerts.list(with_closed=all_)
    if as_json:
        print_json(found)
    else:
        table = Table("kind", "of", "opened", "last seen", "times", "closed", "what", "what to do")
        for one in found:
            table.add_row(
                one.kind,
                plain(one.subject),
                moment(one.opened_at),
                moment(one.last_seen_at),
                str(one.times_seen),
                moment(one.closed_at),
                plain(one.message),
                plain(one.hint),
            )
        print_table(table, is_empty=not found)
    if any(one.closed_at is None for one in found):
        raise typer.Exit(REFUSED_EXIT)
