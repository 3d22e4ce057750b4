"""`sfxero match`: which Xero contacts stand for which accounts already, before the first write."""

import getpass
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sfxero.cli.ledger_access import REFUSED_EXIT, stop
from sfxero.cli.opened_route import Opened, opened_route
from sfxero.model.ids import RouteName
from sfxero.model.states import Entity

app = typer.Typer(name="match", help="Link accounts with contacts that Xero has already.")

RouteOption = Annotated[str, typer.Option(help="The route's name.")]
FileArgument = Annotated[Path, typer.Argument(help="The review file, answered.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides, if not you.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.callback(invoke_without_command=True)
def match(
    context: typer.Context,
    *,
    route: Annotated[str | None, typer.Option(help="The route's name.")] = None,
    output: Annotated[
        Path, typer.Option(file_okay=False, help="The folder for the review files.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Read accounts and contacts, and write a review file as CSV and HTML; nothing else."""
    if context.invoked_subcommand is not None:
        return
    if route is None:
        stop("Give the route: sfxero match --route NAME")
    with opened_route(route) as opened:
        told = _propose(opened, output)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(
        f"{told['accounts']} accounts, {told['contacts']} contacts; {told['linked']} are linked.\n"
        f"accept {told['accept']}, review {told['review']}, none {told['none']}; "
        f"{told['suggestions']} groups look like one record.\n"
        f"To look at: {told['html']}\nTo answer, then `sfxero match apply`: {told['csv']}"
    )
    if told["kept"]:
        typer.echo(f"The file that was there before is kept: {told['kept']}")


@app.command("apply")
def apply_(file: FileArgument, *, route: RouteOption, by: ByOption = None) -> None:
    """Link what the file accepts, in the ledger only; one bad row, and nothing is linked."""
    from sfxero.sync.matching.applying import check
    from sfxero.sync.matching.review_file import read_csv
    from sfxero.xero.accounting import Accounting

    with opened_route(route) as (spec, tenant, ledger, look):
        checked = check(
            read_csv(file),
            tenant,
            ledger=ledger,
            salesforce=look.salesforce,
            accounting=Accounting(look.xero),
        )
        for one in checked.mistakes:
            typer.echo(f"{file}:{one.line}: {one.message}. {one.hint}", err=True)
        if checked.mistakes:
            stop(
                f"{len(checked.mistakes)} rows cannot be applied: nothing was linked.",
                exit_code=REFUSED_EXIT,
            )
        count = ledger.linking.link(
            RouteName(spec.route),
            tenant,
            Entity.CONTACT,
            checked.pairs,
            actor=by or getpass.getuser(),
        )
    already = len(checked.pairs) - count
    typer.echo(f"Linked {count} accounts; {already} were linked before. Nothing was sent.")


@app.command()
def undo(
    file: FileArgument,
    *,
    route: RouteOption,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    by: ByOption = None,
) -> None:
    """Part again what the file accepts and is linked so; the records stay as they are."""
    from sfxero.sync.matching.applying import accepted_pairs
    from sfxero.sync.matching.review_file import read_csv

    with opened_route(route) as (spec, tenant, ledger, _):
        pairs = accepted_pairs(read_csv(file))
        parted = ledger.linking.unlink(
            RouteName(spec.route),
            tenant,
            Entity.CONTACT,
            pairs,
            actor=by or getpass.getuser(),
            reason=reason,
        )
    typer.echo(f"Parted {len(parted)} of {len(pairs)}. Nothing was sent.")


def _propose(opened: Opened, output: Path) -> dict[str, Any]:
    from sfxero.sync.matching.proposing import propose
    from sfxero.sync.matching.review_file import write_csv, write_html
    from sfxero.xero.accounting import Accounting

    spec, tenant, ledger, look = opened
    proposal = propose(
        spec,
        tenant,
        ledger=ledger,
        salesforce=look.salesforce,
        accounting=Accounting(look.xero),
    )
    output.mkdir(parents=True, exist_ok=True)
    csv_path, html_path = (output / f"match-{spec.route}.{kind}" for kind in ("csv", "html"))
    kept = write_csv(proposal, csv_path)
    write_html(proposal, html_path)
    return {
        "route": spec.route,
        "tenant": tenant,
        "accounts": proposal.accounts,
        "contacts": proposal.contacts,
        "linked": proposal.linked,
        **{name: proposal.count(name) for name in ("accept", "review", "none")},
        "suggestions": len(proposal.suggestions),
        "csv": str(csv_path),
        "kept": None if kept is None else str(kept),
        "html": str(html_path),
    }
