"""`sfxero dead-letters`: what was given up on, and what a person makes of it."""

import getpass
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from sfxero.cli.entries import (
    EntityOption,
    IdArgument,
    JsonOption,
    LimitOption,
    RecordOption,
    RouteOption,
    TenantOption,
    entry_filter,
    show_entries,
    show_entry,
)
from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger, stop
from sfxero.model.ids import MOST_ROW_ID, RouteName
from sfxero.model.states import EntryState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sfxero.ledger.ledger import Ledger

app = typer.Typer(name="dead-letters", no_args_is_help=True, help="What was given up on.")

_IDS = typer.Argument(min=1, max=MOST_ROW_ID, help="Ids of dead letters.")
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides, if not you.")]


@app.command("list")
def list_(
    *,
    route: RouteOption = None,
    tenant: TenantOption = None,
    entity: EntityOption = None,
    record: RecordOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Discarded ones too.")] = False,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, the oldest first; ends with status 1 if any is open."""
    wanted = entry_filter(
        route=route,
        tenant=tenant,
        entity=entity,
        record=record,
        states={EntryState.DEAD},
        with_discarded=all_,
    )
    with opened_ledger() as ledger:
        show_entries(ledger, wanted, limit=limit, as_json=as_json)
        # Not of what is shown: the limit may leave out the open ones.
        is_any_open = ledger.outbox.count(replace(wanted, with_discarded=False)) > 0
    if is_any_open:
        raise typer.Exit(REFUSED_EXIT)


@app.command()
def show(entry_id: IdArgument, *, as_json: JsonOption = False) -> None:
    """Show one dead letter: its values, why it was refused, and what to do."""
    with opened_ledger() as ledger:
        show_entry(ledger, entry_id, as_json=as_json)


@app.command()
def replay(
    entry_ids: Annotated[list[int] | None, _IDS] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All that nobody has discarded.")] = False,
    route: RouteOption = None,
    by: ByOption = None,
    reason: Annotated[str | None, typer.Option(help="Kept in the audit log.")] = None,
) -> None:
    """Put dead letters back in the outbox; the next run sends them."""
    from sfxero.sync.replay import STANDS, put_back

    if bool(entry_ids) == all_:
        stop("Give ids of dead letters, or --all.")
    with opened_ledger() as ledger:
        ids = ledger.outbox.open_letters(RouteName(route) if route else None)
        if not all_:
            ids = _of_route(ledger, entry_ids or [], route)
        kept = ledger.outbox.not_replayable(ids)
        count = put_back(ledger.outbox, ids, actor=by or getpass.getuser(), reason=reason)
    for one, why in sorted(kept.items()):
        typer.echo(f"Entry {one}: {why}")
    if kept:
        typer.echo(STANDS)
    _tell("Put back", count, asked=len(set(ids)))


@app.command()
def discard(
    entry_ids: Annotated[list[int], _IDS],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    by: ByOption = None,
) -> None:
    """Say that these values shall never be sent; a change of the record is sent all the same."""
    with opened_ledger() as ledger:
        ids = _of_route(ledger, entry_ids, None)
        count = ledger.outbox.discard(ids, actor=by or getpass.getuser(), reason=reason)
    _tell("Discarded", count, asked=len(set(ids)))


def _of_route(ledger: "Ledger", entry_ids: "Sequence[int]", route: str | None) -> list[int]:
    """Refuse ids that do not exist, or are another route's."""
    routes = ledger.outbox.routes_of(entry_ids)
    strangers = sorted(
        one for one in entry_ids if one not in routes or route not in {None, routes[one]}
    )
    if strangers:
        where = f" of route {route}" if route else ""
        stop(f"There are no entries {', '.join(map(str, strangers))}{where}.")
    return sorted(set(entry_ids))


def _tell(did: str, count: int, *, asked: int) -> None:
    typer.echo(f"{did}: {count} of {asked}.")
    if count < asked:
        stop("The others are no dead letters, or were discarded before.", exit_code=REFUSED_EXIT)
