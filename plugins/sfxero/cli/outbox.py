"""`sfxero outbox`: what is, was or is not to be sent to Xero."""

import getpass
from typing import Annotated

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
from sfxero.model.ids import MOST_ROW_ID
from sfxero.model.states import ACTIVE, WAITING, EntryState

app = typer.Typer(name="outbox", no_args_is_help=True, help="What is to be sent to Xero.")

StateOption = Annotated[
    list[EntryState] | None,
    typer.Option(help="Only in this state; may be given several times. What waits or is under way,"
                 " if not given."),
]  # fmt: skip


IdsArgument = Annotated[
    list[int], typer.Argument(min=1, max=MOST_ROW_ID, help="Ids of entries that wait for approval.")
]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides, if not you.")]


@app.command("list")
def list_(
    *,
    route: RouteOption = None,
    tenant: TenantOption = None,
    entity: EntityOption = None,
    record: RecordOption = None,
    state: StateOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List entries in the order in which they go; discarded ones are left out."""
    wanted = entry_filter(
        route=route, tenant=tenant, entity=entity, record=record, states=state or WAITING | ACTIVE
    )
    with opened_ledger() as ledger:
        show_entries(ledger, wanted, limit=limit, as_json=as_json)


@app.command()
def show(entry_id: IdArgument, *, as_json: JsonOption = False) -> None:
    """Show one entry: its values, its requests and what became of them."""
    with opened_ledger() as ledger:
        show_entry(ledger, entry_id, as_json=as_json)


@app.command()
def approve(
    entry_ids: IdsArgument,
    *,
    reason: Annotated[str | None, typer.Option(help="Kept in the audit log.")] = None,
    by: ByOption = None,
    after_all: Annotated[
        bool, typer.Option("--after-all", help="Those, too, that were refused.")
    ] = False,
) -> None:
    """Let entries go that wait for approval."""
    with opened_ledger() as ledger:
        count = ledger.outbox.approve(
            entry_ids, actor=by or getpass.getuser(), reason=reason, after_all=after_all
        )
    _tell("Approved", count, asked=len(set(entry_ids)))


@app.command()
def refuse(
    entry_ids: IdsArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    by: ByOption = None,
) -> None:
    """Say that entries that wait for approval shall never be sent; a change is asked about anew."""
    with opened_ledger() as ledger:
        count = ledger.outbox.refuse(entry_ids, actor=by or getpass.getuser(), reason=reason)
    _tell("Refused", count, asked=len(set(entry_ids)))


def _tell(did: str, count: int, *, asked: int) -> None:
    typer.echo(f"{did}: {count} of {asked}.")
    if count < asked:
        stop("The others do not wait for approval.", exit_code=REFUSED_EXIT)
