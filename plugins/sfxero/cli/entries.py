"""How entries of the outbox are shown: a table for people, JSON for machines."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from sfxero.cli.ledger_access import stop
from sfxero.model.ids import MOST_ROW_ID, RouteName, SourceId, TenantId, to_18
from sfxero.model.states import Entity, EntryState

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.ledger.outbox_reading import EntryDetail, EntryFilter, EntryLine

RouteOption = Annotated[str | None, typer.Option(help="Only of this route.")]
TenantOption = Annotated[str | None, typer.Option(help="Only for this Xero organisation, by id.")]
EntityOption = Annotated[Entity | None, typer.Option(help="Only of this kind.")]
RecordOption = Annotated[
    str | None, typer.Option("--record", help="Only of this Salesforce record, by id.")
]
LimitOption = Annotated[int, typer.Option(min=1, max=MOST_ROW_ID, help="How many to show at most.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]
IdArgument = Annotated[int, typer.Argument(min=1, max=MOST_ROW_ID, help="The entry's id.")]

_SHORT_ID: Final = 15
_UNSAFE: Final = {code: None for code in (*range(32), *range(127, 160)) if code != 10}


def entry_filter(
    *,
    route: str | None,
    tenant: str | None,
    entity: Entity | None,
    record: str | None,
    states: Iterable[EntryState],
    with_discarded: bool = False,
) -> "EntryFilter":
    """Return what a list is asked for, from its options."""
    from sfxero.ledger.outbox_reading import EntryFilter

    return EntryFilter(
        route=RouteName(route) if route else None,
        tenant=TenantId(tenant) if tenant else None,
        entity=entity,
        states=frozenset(states),
        source_id=record_named(record) if record else None,
        with_discarded=with_discarded,
    )


def record_named(given: str) -> SourceId:
    """Return a record's id as the ledger has it; Salesforce's own pages show 15 characters."""
    return to_18(given) if len(given) == _SHORT_ID else SourceId(given)


def show_entries(
    ledger: "Ledger", wanted: "EntryFilter", *, limit: int, as_json: bool
) -> "Sequence[EntryLine]":
    """Print a list, and how much of it is shown; returns what was shown."""
    lines = ledger.outbox.listing(wanted, limit=limit)
    if as_json:
        print_json(lines)
        return lines
    table = Table("id", "route", "entity", "record", "state", "tries", "changed", "why")
    for one in lines:
        table.add_row(
            str(one.entry_id),
            one.route,
            one.entity,
            one.source_id,
            _state(one),
            str(one.tries),
            moment(one.changed_at),
            plain(one.message or one.reason or ""),
        )
    print_table(table, is_empty=not lines)
    total = ledger.outbox.count(wanted)
    if total > len(lines):
        typer.echo(f"{len(lines)} of {total} are shown; --limit shows more.")
    return lines


def show_entry(ledger: "Ledger", entry_id: int, *, as_json: bool) -> None:
    """Print all there is of one entry."""
    detail = ledger.outbox.detail(entry_id)
    if detail is None:
        stop(f"There is no entry {entry_id}.")
    if as_json:
        print_json(detail)
        return
    _print_facts(f"entry {entry_id}", _facts(detail))
    _print_facts("values to be sent", _flat(detail.payload))
    if detail.attempts:
        table = Table("attempt", "did", "sent", "outcome", "status", "key", title="requests")
        for one in detail.attempts:
            table.add_row(
                str(one.attempt_id),
                one.operation,
                moment(one.sent_at),
                one.outcome or "not known",
                str(one.status or ""),
                one.idempotency_key,
            )
        print_table(table, is_empty=False)


def print_json(value: object) -> None:
    """Print for machines; amounts and moments as text, exact."""
    typer.echo(json.dumps(value, default=_jsonable, indent=2))


def print_table(table: Table, *, is_empty: bool) -> None:
    """Print for people; where the output is no screen, lines are not cut to its width."""
    if is_empty:
        typer.echo("There are none.")
        return
    for column in table.columns:
        column.overflow = "fold"
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(table)


def moment(value: datetime | None) -> str:
    """Write a moment as people read it."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def plain(text: object) -> str:
    """Return text of a service or a record without what steers a terminal, or rich."""
    from rich.markup import escape

    return escape(str(text).translate(_UNSAFE))


def _state(line: "EntryLine") -> str:
    return f"{line.state}, discarded" if line.discarded_at else str(line.state)


def _facts(detail: "EntryDetail") -> Iterator[tuple[str, object]]:
    line, link = detail.line, detail.link
    parent = detail.parent_source_id and f"{detail.parent_entity} {detail.parent_source_id}"
    told = {
        "route": line.route,
        "Xero organisation": line.tenant,
        "record": f"{line.entity} of {line.source_id}",
        "state": _state(line),
        "planned": f"{moment(line.planned_at)} by run {detail.run_id}",
        "mapping": detail.mapping_version,
        "needs": parent,
        "tries": line.tries,
        "changed": moment(line.changed_at),
        "not before": moment(line.not_before_at),
        "held by": detail.owner and f"{detail.owner} until {moment(detail.lease_until_at)}",
        "reason": line.reason,
        "error": line.error_class,
        "message": line.message,
        "hint": line.hint,
        "died in": line.died_run_id,
        "discarded": line.discarded_at
        and f"{moment(line.discarded_at)} by {line.discarded_by or 'nobody named'}",
        "in Xero": link and f"{link.target_number or ''} {link.target_id}".strip(),
        "in step since": moment(link.settled_at) if link else None,
    }
    return ((name, value) for name, value in told.items() if value not in {None, ""})


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, object]]:
    """Name each value by its way through the document."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for number, one in enumerate(value, 1):
            yield from _flat(one, f"{name}[{number}]")
    else:
        yield name, value


def _print_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, value in facts:
        table.add_row(plain(name), plain(value))
    print_table(table, is_empty=False)


def _jsonable(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)
