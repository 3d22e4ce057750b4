"""`sfxero mapping explain`: one record, field by field."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from sfxero.cli.ledger_access import REFUSED_EXIT, USAGE_EXIT, find_ledger, stop
from sfxero.cli.route_access import quiet_logs, route_named, usable
from sfxero.errors import SyncError
from sfxero.mapping.files import YamlFile
from sfxero.mapping.spec import RouteSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sfxero.ledger.ledger import Ledger
    from sfxero.orchestration.looking import Look
    from sfxero.sync.explain import Surroundings
    from sfxero.sync.explaining import Explanation, FieldStory, RecordStory

_NO_LEDGER = "The ledger cannot be read: other contacts and former invoices are not known."


def explain(
    record: Annotated[str, typer.Argument(help="Id of an account or opportunity.")],
    *,
    route: Annotated[str, typer.Option(help="The route's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show what one record becomes in Xero, and by which rules; status 1 if it is refused."""
    from sfxero.sync.explain import entity_of

    try:
        entity_of(record)
    except SyncError as error:
        stop(str(error), exit_code=USAGE_EXIT)
    try:
        with quiet_logs():
            explanation = _explained(record, *route_named(route))
    except SyncError as error:
        stop(str(error), exit_code=REFUSED_EXIT)
    if as_json:
        told = {**asdict(explanation), "is_refused": explanation.is_refused}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _show(explanation)
    raise typer.Exit(REFUSED_EXIT if explanation.is_refused else 0)


def _explained(record: str, spec: RouteSpec, file: YamlFile) -> "Explanation":
    from sfxero.orchestration.hooks.ledger import token_keys
    from sfxero.orchestration.looking import Look
    from sfxero.sync.explain import explain as explain_record

    with find_ledger(spec.ledger.connection, token_keys()) as found:
        ledger = usable(found)
        with Look(spec, ledger) as look:
            around = _surroundings(spec, look, ledger)
            told = explain_record(record, (spec, file), client=look.salesforce, around=around)
    return told if ledger else replace(told, notes=(_NO_LEDGER,))


def _surroundings(spec: RouteSpec, look: "Look", ledger: "Ledger | None") -> "Surroundings":
    """Read the organisation, the names in use and the suites."""
    from sfxero.quality.suites import load_suite
    from sfxero.settings import load_settings
    from sfxero.sync.explain import Surroundings
    from sfxero.sync.memory import Memory
    from sfxero.sync.preflight import read_facts
    from sfxero.sync.prepare import suite_columns
    from sfxero.sync.scope import ENTITY_OF
    from sfxero.xero.accounting import Accounting
    from sfxero.xero.tenants import choose_tenant

    tenant = choose_tenant(look.xero, look.wanted_tenant()).tenant_id
    look.serve(tenant)
    folder, columns = load_settings().expectations, suite_columns(spec)
    own = ledger.names.names_of(tenant) if ledger else {}
    return Surroundings(
        read_facts(spec, Accounting(look.xero)),
        Memory(ledger, tenant),
        owners=ledger.names.owners(tenant) if ledger else {},
        own_names={str(one): name for one, name in own.items()},
        suites={one: load_suite(folder / f"{one}.yaml", columns) for one in ENTITY_OF.values()},
    )


def _show(explanation: "Explanation") -> None:
    console = Console()
    for record in explanation.records:
        _show_record(console, record, file=Path(explanation.file).name)
    for note in explanation.notes:
        console.print(note)


def _show_record(console: Console, record: "RecordStory", *, file: str) -> None:
    why = f" by rule {record.rule}" if record.rule else ""
    console.print(f"{record.entity} {record.source_id}: {record.outcome}{why}", style="bold")
    for one in record.findings:
        what = f"{one.field or one.entity} = {one.value or 'empty'}"
        console.print(f"{one.severity} {one.rule}: {what}. {one.hint}", markup=False)
    head = [one for one in (record.condition, record.approval) if one is not None]
    console.print(_table([*head, *record.fields], file))
    for place, line in enumerate(record.lines, start=1):
        console.print(f"line {place}: {line.source_id or 'the whole opportunity'}", style="bold")
        console.print(_table(line.fields, file))


def _table(fields: "Sequence[FieldStory]", file: str) -> Table:
    from sfxero.sync.explaining import texts_in

    names = ("Xero field", "from Salesforce", "rule", "value")
    table = Table(*(Column(one, overflow="fold") for one in names))
    for one in fields:
        rules = [
            f"{rule.text}  ({file}:{rule.line})" if rule.line else rule.text for rule in one.rules
        ]
        cells = (one.target, "\n".join(texts_in(one)), "\n".join(rules), one.value or "-")
        table.add_row(*map(Text, cells))
    return table
