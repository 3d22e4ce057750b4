"""`sfxero conflicts`: fields that account and contact changed both, and a person's word on them."""

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from sfxero.cli.dead_letters import ByOption
from sfxero.cli.entries import JsonOption, RouteOption, moment, plain, print_json, print_table
from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger, stop
from sfxero.model.ids import MOST_ROW_ID, RouteName

if TYPE_CHECKING:
    from sfxero.ledger.merging import StoredConflict

app = typer.Typer(
    name="conflicts", no_args_is_help=True, help="Fields that both sides have changed."
)


@app.command("list")
def list_(*, route: RouteOption = None, as_json: JsonOption = False) -> None:
    """List conflicts with both values; ends with status 1 if one waits for a decision."""
    with opened_ledger() as ledger:
        found = ledger.merging.listing(RouteName(route) if route else None)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        _print(found)
    if any(one.decision is None for one in found):
        raise typer.Exit(REFUSED_EXIT)


@app.command()
def decide(
    conflict_ids: Annotated[
        list[int], typer.Argument(min=1, max=MOST_ROW_ID, help="Ids of conflicts.")
    ],
    *,
    side: Annotated[
        Literal["salesforce", "xero"], typer.Option("--for", help="Whose value counts.")
    ],
    by: ByOption = None,
) -> None:
    """Let one side's values count; the next run from Xero writes them to the other side."""
    wanted = sorted(set(conflict_ids))
    with opened_ledger() as ledger:
        count = ledger.merging.decide(wanted, side, actor=by or getpass.getuser())
    typer.echo(f"Decided: {count} of {len(wanted)}.")
    if count < len(wanted):
        stop("The others are no open conflicts.", exit_code=REFUSED_EXIT)


def _print(found: "list[StoredConflict]") -> None:
    from sfxero.mapping.shared_fields import shown

    table = Table("id", "route", "account", "contact", "field", "agreed", "salesforce", "xero",
                  "since", "decided")  # fmt: skip
    for one in found:
        told = one.conflict
        agreed = shown((told.agreed or {}).get("xero"))
        decided = f"{one.decision} by {one.decided_by}" if one.decision else ""
        table.add_row(
            str(one.conflict_id),
            told.route,
            told.source_id,
            told.target_id,
            told.field,
            *(plain(text or "") for text in (agreed, shown(told.salesforce), shown(told.xero))),
            moment(one.first_seen_at),
            plain(decided),
        )
    print_table(table, is_empty=not found)
