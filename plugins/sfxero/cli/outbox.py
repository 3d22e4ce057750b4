"""`sfxero outbox`: what is, was or is not to be sent to Xero."""

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
from sfxero.cli.ledger_access import opened_ledger
from sfxero.model.states import ACTIVE, WAITING, EntryState

app = typer.Typer(name="outbox", no_args_is_help=True, help="What is to be sent to Xero.")

StateOption = Annotated[
    list[EntryState] | None,
    typer.Option(help="Only in this state; may be given several times. What waits or is under way,"
                 " if not given."),
]  # fmt: skip


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
