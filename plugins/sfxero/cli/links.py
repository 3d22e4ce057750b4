"""`sfxero links`: which account is linked with which contact, how that came, and undoing it."""

import getpass
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfxero.cli.ledger_access import stop
from sfxero.cli.opened_route import Opened, opened_route
from sfxero.model.ids import RouteName, SourceId, TargetId, to_18
from sfxero.model.states import Entity

if TYPE_CHECKING:
    from sfxero.ledger.link_changes import LinkChange

app = typer.Typer(name="links", help="Links of accounts and leads with contacts, over time.")

RouteOption = Annotated[str, typer.Option(help="The route's name.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides, if not you.")]
ReasonOption = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


@app.command()
def show(
    record: Annotated[
        str | None, typer.Argument(help="Id of an account or a lead; without one, all changes.")
    ] = None,
    *,
    route: RouteOption,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show a record's contact and what became of its link, or all changes of links."""
    source_id = None if record is None else _record_id(record)
    with opened_route(route) as opened:
        told = _told(opened, source_id)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    for one in told["links"]:
        shared = f", shared with {', '.join(one['shared_with'])}" if one["shared_with"] else ""
        typer.echo(f"{one['record']} -> contact {one['contact']} ({one['status']}{shared})")
    for one in told["changes"]:
        undone = f", undone by {one['undone_by']}" if one["undone_by"] else ""
        typer.echo(
            f"{one['change']}  {one['at']}  {one['rule']}: {one['record_before']} -> "
            f"{one['contact_before']} became {one['record_after']} -> {one['contact_after']}"
            f" by {one['by']}{undone}"
        )
    if not told["links"] and not told["changes"]:
        typer.echo("Nothing to show: no such link, and no change of one.")


@app.command()
def follow(
    record: Annotated[str, typer.Argument(help="Id of an account or a lead.")],
    contact: Annotated[str, typer.Argument(help="ContactID of an active Xero contact.")],
    *,
    route: RouteOption,
    reason: ReasonOption,
    by: ByOption = None,
) -> None:
    """Let a record's link lead to another contact, in the ledger only; the next run compares."""
    from sfxero.ledger.link_moves import LinkEnds
    from sfxero.sync.identity import by_hand
    from sfxero.xero.accounting import Accounting

    wished = LinkEnds(_record_id(record), TargetId(contact.lower()))
    with opened_route(route) as (spec, tenant, ledger, look):
        before = by_hand.follow(
            ledger,
            RouteName(spec.route),
            tenant,
            wished,
            salesforce=look.salesforce,
            accounting=Accounting(look.xero),
            actor=by or getpass.getuser(),
            reason=reason,
        )
    was = f"contact {before.target_id}" if before.target_id else "no contact"
    typer.echo(f"{wished.source_id} -> contact {wished.target_id}; was {was}. Nothing was sent.")


@app.command()
def undo(
    change: Annotated[int, typer.Argument(help="The change, as `sfxero links show` numbers it.")],
    *,
    route: RouteOption,
    reason: ReasonOption,
    by: ByOption = None,
) -> None:
    """Take a change of a link back, in the ledger only; the next run compares."""
    from sfxero.sync.identity import by_hand
    from sfxero.xero.accounting import Accounting

    with opened_route(route) as (_, tenant, ledger, look):
        made = by_hand.undo(
            ledger,
            tenant,
            change,
            accounting=Accounting(look.xero),
            actor=by or getpass.getuser(),
            reason=reason,
        )
    typer.echo(f"Change {change} is undone by {made.change_id}. Nothing was sent.")


def _record_id(text: str) -> SourceId:
    try:
        return to_18(text)
    except ValueError as error:
        stop(str(error))


def _told(opened: Opened, source_id: SourceId | None) -> dict[str, Any]:
    """Return the record's link, or those that are not plain, and the changes."""
    _, tenant, ledger, _ = opened
    shared = ledger.links.shared(tenant, Entity.CONTACT)
    astray = ledger.links.astray(tenant)
    wanted = {one for sharers in shared.values() for one in sharers} | astray.keys()
    ids = sorted(wanted) if source_id is None else [source_id]
    links = ledger.links.get_many(tenant, Entity.CONTACT, ids)
    standing = ledger.names.standing(tenant, [one.target_id for one in links.values()])
    changes = ledger.link_changes.listing(tenant, Entity.CONTACT, source_id)
    return {
        "links": [
            {
                "record": one,
                "contact": link.target_id,
                "status": at.status if (at := standing.get(link.target_id)) else "not listed yet",
                "shared_with": [each for each in shared.get(link.target_id, ()) if each != one],
            }
            for one, link in links.items()
        ],
        "changes": [_change(one) for one in changes],
    }


def _change(one: "LinkChange") -> dict[str, Any]:
    return {
        "change": one.change_id,
        "at": one.made_at.isoformat(timespec="seconds"),
        "rule": one.rule,
        "record_before": one.before.source_id,
        "contact_before": one.before.target_id,
        "record_after": one.after.source_id,
        "contact_after": one.after.target_id,
        "by": one.actor,
        "run": one.run_id,
        "note": one.note,
        "undone_by": one.undone_by,
    }
