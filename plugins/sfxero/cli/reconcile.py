"""`sfxero reconcile` and `sfxero differences`: compare both systems, and what was found."""

import getpass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from sfxero.cli.entries import JsonOption, LimitOption, plain, print_json, print_table
from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger
from sfxero.cli.route_access import quiet_logs, route_named
from sfxero.model.differences import KINDS, DifferenceKind
from sfxero.model.ids import MOST_ROW_ID, RouteName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sfxero.ledger.differences import StoredDifference
    from sfxero.orchestration.reconciling import Reconciled

app = typer.Typer(
    name="differences", no_args_is_help=True, help="What reconciliations found and still stands."
)

RouteOption = Annotated[str, typer.Option(help="The route's name.")]


def reconcile(
    *,
    route: RouteOption,
    first: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Compare Salesforce, ledger and Xero now; status 1 on differences without explanation."""
    from sfxero.orchestration.hooks.ledger import token_keys
    from sfxero.orchestration.reconciling import reconcile_now

    spec, _ = route_named(route)
    connection, keys = spec.ledger.connection, token_keys()
    with quiet_logs(), opened_ledger(conn_id=connection, token_keys=keys) as ledger:
        done = reconcile_now(spec, ledger, actor=getpass.getuser(), days=(first, last))
    if as_json:
        print_json({**done.told(), "differences": done.outcome.stored})
    else:
        _show(done, limit=limit)
    raise typer.Exit(REFUSED_EXIT if done.outcome.open else 0)


@app.command(name="list")
def list_differences(
    *,
    route: RouteOption,
    kind: Annotated[DifferenceKind | None, typer.Option(help="Only of this kind.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List what stands open, the oldest first."""
    with opened_ledger() as ledger:
        stored = ledger.differences.listing(RouteName(route), kind=kind)
    if as_json:
        print_json(stored)
    else:
        _show_differences(stored, limit=limit)


@app.command()
def accept(
    ids: Annotated[list[int], typer.Argument(min=1, max=MOST_ROW_ID, help="Ids of differences.")],
    *,
    reason: Annotated[str, typer.Option(help="Why they may stay.")],
) -> None:
    """Let differences stay as they are; one that says something else later is open again."""
    with opened_ledger() as ledger:
        count = ledger.differences.accept(ids, actor=getpass.getuser(), reason=reason)
    typer.echo(f"{count} of {len(ids)} accepted.")
    raise typer.Exit(0 if count == len(set(ids)) else REFUSED_EXIT)


def _show(done: "Reconciled", *, limit: int) -> None:
    _show_sums(done.outcome.proof.sums)
    if done.outcome.stored:
        _show_differences(done.outcome.stored, limit=limit)
    typer.echo(done.outcome.verdict)
    typer.echo(f"Report: {done.report}")


def _show_sums(sums: Any) -> None:
    table = Table("currency", "won in Salesforce", "step", "invoiced in Xero", title="The proof")
    for currency in sorted({*sums.won, *sums.invoiced} - {""}):
        table.add_row(currency, f"{sums.won.get(currency, 0):,.2f}", "", "")
        for step in sums.bridges:
            if step.currency == currency:
                title = f"{KINDS[step.kind].title} ({step.records})"
                table.add_row("", "", f"{step.amount:+,.2f}  {title}", "")
        table.add_row("", "", "", f"{sums.invoiced.get(currency, 0):,.2f}")
    print_table(table, is_empty=not sums.won)


def _show_differences(stored: "Iterable[StoredDifference]", *, limit: int) -> None:
    names = ("id", "what", "record", "invoice", "Salesforce", "agreed", "Xero", "by", "since")
    rows = list(stored)
    table = Table(*names, title="Differences")
    for one in rows[:limit]:
        found = one.difference
        what = f"{found.kind} {found.field}".strip()
        table.add_row(
            str(one.difference_id),
            f"{what} (accepted)" if one.accepted_at else what,
            plain(found.source_id or found.key),
            plain(found.number or ""),
            plain(found.salesforce or ""),
            plain(found.ledger or ""),
            plain(found.xero or ""),
            "" if found.amount is None else f"{found.amount:+,.2f}",
            _day(one.first_seen_at),
        )
    print_table(table, is_empty=not rows)
    if len(rows) > limit:
        typer.echo(f"{limit} of {len(rows)} are shown; --limit shows more.")


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
