"""`sfxero sandbox salesperson`: what people do inside Salesforce."""

import json
from typing import Annotated

import typer

from sfxero.cli.sandbox_calls import DEFAULT_URL, UrlOption, call, pick, show, stop

app = typer.Typer(
    name="salesperson", no_args_is_help=True, help="What people do inside Salesforce."
)

OpportunityArgument = Annotated[str, typer.Argument(help="Opportunity's name, number or id.")]
RecordArgument = Annotated[str, typer.Argument(help="Name or id of the record.")]
ObjectOption = Annotated[str, typer.Option("--object", help="Which kind of record.")]


@app.command()
def win(opportunity: OpportunityArgument, *, url: UrlOption = DEFAULT_URL) -> None:
    """Close an opportunity as won."""
    _on_opportunity(url, opportunity, "win")


@app.command()
def reopen(opportunity: OpportunityArgument, *, url: UrlOption = DEFAULT_URL) -> None:
    """Take a closed opportunity back into negotiation."""
    _on_opportunity(url, opportunity, "reopen")


@app.command()
def clone(opportunity: OpportunityArgument, *, url: UrlOption = DEFAULT_URL) -> None:
    """Copy an opportunity with its lines."""
    _on_opportunity(url, opportunity, "clone")


@app.command(name="edit-lines")
def edit_lines(
    opportunity: OpportunityArgument,
    *,
    edits: Annotated[
        str,
        typer.Option("--json", help='{"change": {id: fields}, "remove": [ids], "add": [lines]}'),
    ],
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Change, remove and add lines of an opportunity."""
    try:
        body = json.loads(edits)
    except ValueError as error:
        stop(f"The edits are not JSON: {error}")
    _on_opportunity(url, opportunity, "lines", body)


@app.command()
def rename(
    record: RecordArgument,
    name: Annotated[str, typer.Argument(help="The new name.")],
    *,
    kind: ObjectOption = "Account",
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Give a record another name."""
    key = _record_id(url, kind, record)
    show(call(url, "POST", f"/salesforce/{kind}/{key}/rename", body={"name": name}))


@app.command()
def merge(
    winner: RecordArgument,
    losers: Annotated[list[str], typer.Argument(help="Names or ids of the ones that go.")],
    *,
    kind: ObjectOption = "Account",
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Merge records into the first one."""
    ids = [_record_id(url, kind, each) for each in losers]
    key = _record_id(url, kind, winner)
    show(call(url, "POST", f"/salesforce/{kind}/{key}/merge", body={"loser_ids": ids}))


@app.command()
def delete(
    record: RecordArgument, *, kind: ObjectOption = "Account", url: UrlOption = DEFAULT_URL
) -> None:
    """Put a record into the recycle bin."""
    show(call(url, "POST", f"/salesforce/{kind}/{_record_id(url, kind, record)}/delete"))


def _on_opportunity(url: str, opportunity: str, action: str, body: object = None) -> None:
    key = _record_id(url, "Opportunity", opportunity)
    show(call(url, "POST", f"/salesforce/Opportunity/{key}/{action}", body=body))


def _record_id(url: str, kind: str, given: str) -> str:
    rows = call(url, "GET", f"/salesforce/{kind}")
    live = [row for row in rows if not row.get("IsDeleted")]
    return pick(live, given, by=("Id", "Name", "Opportunity_Number__c"), what=f"{kind} records")
