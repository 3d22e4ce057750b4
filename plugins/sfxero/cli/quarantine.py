"""`sfxero quarantine`: what waits there, and what a person lets pass."""

import getpass
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from sfxero.cli.entries import JsonOption, plain, print_table
from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger, stop
from sfxero.cli.route_access import route_named
from sfxero.errors import SyncError
from sfxero.model.ids import RouteName, SourceId, to_18

if TYPE_CHECKING:
    from sfxero.mapping.spec import RouteSpec

app = typer.Typer(name="quarantine", no_args_is_help=True, help="What rules hold back.")

Route = Annotated[str, typer.Option(help="The route's name.")]


@app.command("list")
def list_(*, route: Route, as_json: JsonOption = False) -> None:
    """List what is in quarantine, by record; ends with status 1 if anything is."""
    with opened_ledger() as ledger:
        found = ledger.quarantine.listing(RouteName(route))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str, indent=2))
    else:
        table = Table("record", "rule", "field", "value", "since", "cure")
        for one in found:
            since = f"{one.first_seen_at:%Y-%m-%d %H:%M}"
            record = f"{one.entity} {one.source_id}"
            texts = (one.rule, one.field or "-", one.value or "empty", since, one.hint)
            table.add_row(record, *map(plain, texts))
        print_table(table, is_empty=not found)
    raise typer.Exit(REFUSED_EXIT if found else 0)


@app.command()
def release(
    record: Annotated[str, typer.Argument(help="Id of the record.")],
    *,
    route: Route,
    rule: Annotated[str, typer.Option(help="The rule that it breaks: of a suite, or of a match.")],
    reason: Annotated[str, typer.Option(help="Why it may pass; kept in the ledger.")],
    by: Annotated[str | None, typer.Option("--by", help="Who decides, if not you.")] = None,
) -> None:
    """Let a record pass a rule, as long as the value is the one that was refused.

    It may be a rule of an expectation suite, or looks_like_account of a contact in Xero.
    """
    from sfxero.ledger.releases import Release
    from sfxero.sync.new_accounts import LOOKS_LIKE

    try:
        source_id = SourceId(record.lower()) if rule == LOOKS_LIKE else to_18(record)
        known = _rules_of_suites(route_named(route)[0]) | {LOOKS_LIKE}
    except ValueError:
        stop(f"'{record}' is no id of Salesforce: it has 15 or 18 characters.")
    except SyncError as error:
        stop(str(error), exit_code=REFUSED_EXIT)
    if rule not in known:
        stop(
            f"{rule} is no rule of a suite: what the mapping refuses has no document to send. "
            f"What can be released: {', '.join(sorted(known))}."
        )
    with opened_ledger() as ledger:
        decided = Release(by or getpass.getuser(), reason)
        values = ledger.releases.release(RouteName(route), source_id, rule, decided)
    if not values:
        stop(f"{source_id} is not in quarantine by {rule}.", exit_code=REFUSED_EXIT)
    told = ", ".join(one or "empty" for one in values)
    typer.echo(f"Released: {rule} of {source_id} at {told}. The next run looks at it again.")


def _rules_of_suites(spec: "RouteSpec") -> set[str]:
    from sfxero.quality.suites import load_suite
    from sfxero.settings import load_settings
    from sfxero.sync.prepare import suite_columns
    from sfxero.sync.scope import ENTITY_OF

    folder, columns = load_settings().expectations, suite_columns(spec)
    suites = (load_suite(folder / f"{one}.yaml", columns) for one in ENTITY_OF.values())
    return {one.rule for suite in suites for one in suite.expectations}
