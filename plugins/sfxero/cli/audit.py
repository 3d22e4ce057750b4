"""`sfxero audit`: check the audit log, hand it over, erase a person's values from it."""

import getpass
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfxero.cli.entries import record_named
from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger, stop
from sfxero.model.ids import RouteName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sfxero.ledger.ledger import Ledger
    from sfxero.model.audit import AuditEvent, ChainReport, Head
    from sfxero.model.ids import SourceId

app = typer.Typer(name="audit", no_args_is_help=True, help="The log of every write.")

_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
RouteOption = Annotated[str | None, typer.Option(help="One route; all of them, if not given.")]


@app.command()
def verify(
    *,
    route: RouteOption = None,
    head: Annotated[
        str | None, typer.Option(help="A head noted earlier, SEQ:HASH: the chain must hold it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check that nothing was changed or removed, and that nothing is missing."""
    known = _head(head)
    if known is not None and route is None:
        stop("Give the --route that the head is of.")
    with opened_ledger() as ledger:
        reports = [ledger.audit.verify(one, known=known) for one in _routes(ledger, route)]
    if as_json:
        typer.echo(json.dumps([_summary(report) for report in reports], indent=2))
    else:
        typer.echo(
            "\n".join(line for one in reports for line in _lines(one)) or "Nothing is logged."
        )
    if not all(report.is_valid for report in reports):
        raise typer.Exit(REFUSED_EXIT)


@app.command()
def export(
    *,
    route: RouteOption = None,
    record: Annotated[str | None, typer.Option(help="Salesforce id of one record.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, help="First moment, in UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, help="First moment that is left out.")
    ] = None,
) -> None:
    """Print events as JSON lines, and the heads of their chains on the error stream."""
    with opened_ledger() as ledger:
        for one in _routes(ledger, route):
            head = ledger.audit.head(one)
            events = ledger.audit.export(
                one,
                since=_utc(since),
                until=_utc(until),
                source_id=record_named(record) if record else None,
            )
            for event in events:
                typer.echo(_line(event))
            typer.echo(f"{one}: head {head}", err=True)


@app.command()
def erase(
    *,
    record: Annotated[list[str], typer.Option(help="Salesforce id; may be given several times.")],
    reason: Annotated[str, typer.Option(help="Why; kept for good, so name no person in it.")],
    route: RouteOption = None,
    actor: Annotated[str | None, typer.Option("--by", help="Who erases, if not you.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase the values of records from the log, for good; its chain stays valid."""
    with opened_ledger() as ledger:
        audit = ledger.audit
        counts = {
            (one, source_id): audit.count_erasable(one, source_id)
            for one in _routes(ledger, route)
            for source_id in map(record_named, record)
        }
        total = sum(counts.values())
        if not total:
            stop("The log holds no values of these records.")
        if not yes:
            typer.confirm(f"Erase the values of {total} events, for good?", abort=True)
        who = actor or getpass.getuser()
        erased = sum(
            audit.erase(one, source_id, actor=who, reason=reason)
            for (one, source_id), count in counts.items()
            if count
        )
    typer.echo(f"Erased the values of {erased} events. The ledger's other tables are as they were.")
    _name_those_without(counts)


def _name_those_without(counts: "Mapping[tuple[RouteName, SourceId], int]") -> None:
    """End with a status if a record had nothing to erase: its id may be a slip of the pen."""
    found = {source_id for (_, source_id), count in counts.items() if count}
    others = sorted({source_id for _, source_id in counts} - found)
    if others:
        stop(f"The log holds no values of {', '.join(others)}.", exit_code=REFUSED_EXIT)


def _routes(ledger: "Ledger", given: str | None) -> list[RouteName]:
    known = ledger.audit.routes()
    if given is None:
        return known
    if given not in known:
        stop(f"Nothing is logged of a route {given!r}; there are: {', '.join(known) or 'none'}.")
    return [RouteName(given)]


def _head(text: str | None) -> "Head | None":
    from sfxero.model.audit import Head

    if text is None:
        return None
    try:
        return Head.from_text(text)
    except ValueError:
        stop("A head is SEQ:HASH, as `sfxero audit verify` prints it.")


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _line(event: "AuditEvent") -> str:
    """Return the texts that were hashed, to the letter, with their hash and salt."""
    from sfxero.ledger.audit_hashing import event_text, values_text

    parts = [f'"event":{event_text(event.fields)}', f'"event_hash":"{event.event_hash}"']
    if event.values is not None:
        parts += [f'"salt":"{event.salt}"', f'"values":{values_text(event.values)}']
    return f"{{{','.join(parts)}}}"


def _lines(report: "ChainReport") -> list[str]:
    verdict = "intact" if report.is_valid else "NOT INTACT"
    counts = f"{report.events} events, {report.erased} of them erased"
    lines = [f"{report.route}: {verdict}, {counts}, head {report.head}"]
    if report.broken is not None:
        lines.append(f"{report.route}: event {report.broken.seq}: {report.broken.message}")
    if report.unlogged_count:
        lines.append(f"{report.route}: {report.unlogged_count} gaps against the outbox")
        lines += [f"{report.route}: entry {one.entry_id}: {one.message}" for one in report.unlogged]
    return lines


def _summary(report: "ChainReport") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(report),
        "head": None if report.head is None else str(report.head),
        "is_valid": report.is_valid,
        "checked_at": report.checked_at.isoformat(),
    }
