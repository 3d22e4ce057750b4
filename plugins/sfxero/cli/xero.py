"""`sfxero xero`: give consent for a connection, and see what it reaches."""

import json
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfxero.cli.callback import Answer, Callback
from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger, stop
from sfxero.errors import SyncError

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.ledger.tokens import TokenFacts
    from sfxero.orchestration.hooks.xero_app import XeroApp
    from sfxero.xero.consent import ConsentRequest
    from sfxero.xero.tenants import Tenant

app = typer.Typer(name="xero", no_args_is_help=True, help="The consent to read and write in Xero.")

ConnIdOption = Annotated[str, typer.Option(help="The Airflow connection of type xero.")]
_NONE_NEEDED = (
    "Connection {conn_id} is a Custom Connection (client credentials): it needs no consent here. "
    "It is authorised once, in Xero."
)


@app.command()
def connect(
    *,
    conn_id: ConnIdOption = "xero_default",
    port: Annotated[int, typer.Option(help="Of the redirect address on localhost.")] = 8085,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print it.")] = False,
    timeout_s: Annotated[int, typer.Option(min=1, help="How long to wait for the answer.")] = 300,
) -> None:
    """Let a user agree in the browser, and store the tokens, encrypted, in the ledger."""
    with _opened(conn_id, creates=True) as (xero_app, ledger):
        if ledger is None:
            typer.echo(_NONE_NEEDED.format(conn_id=conn_id))
            return
        from sfxero.orchestration.consents import ask_for, take_answer

        with _listening(port) as callback:
            request = ask_for(xero_app, ledger, redirect_uri=callback.address)
            answer = _answer_of(request, callback, opens=not no_browser, timeout_s=timeout_s)
        organisations = take_answer(xero_app, ledger, request=request, answer=answer)
        _tell_connected(conn_id, organisations)


@app.command()
def status(
    *,
    conn_id: ConnIdOption = "xero_default",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show a connection's organisations and scopes, and when its consent runs out."""
    with _opened(conn_id) as (xero_app, ledger):
        if ledger is None:
            facts, words = None, [_NONE_NEEDED.format(conn_id=conn_id)]
        else:
            from sfxero.orchestration.consents import facts_of

            facts = facts_of(xero_app, ledger)
            words = _lines(conn_id, facts)
        if as_json:
            typer.echo(json.dumps(_as_json(xero_app, facts), default=str, indent=2))
        else:
            typer.echo("\n".join(words))
        if ledger is not None and (facts is None or facts.state != "good"):
            raise typer.Exit(REFUSED_EXIT)


@contextmanager
def _opened(conn_id: str, *, creates: bool = False) -> Iterator[tuple["XeroApp", "Ledger | None"]]:
    """Yield the app, and the ledger of its tokens if it needs any."""
    from sfxero.orchestration.consents import app_named
    from sfxero.orchestration.hooks.ledger import token_keys

    try:
        xero_app = app_named(conn_id)
        if not xero_app.needs_consent:
            yield xero_app, None
            return
        with opened_ledger(
            creates=creates, conn_id=xero_app.ledger_conn_id, token_keys=token_keys()
        ) as ledger:
            yield xero_app, ledger
    except SyncError as error:
        stop(str(error), exit_code=REFUSED_EXIT)


def _listening(port: int) -> Callback:
    try:
        return Callback(port)
    except OSError as error:
        stop(
            f"Port {port} of localhost cannot be had ({error.strerror}). Take another by --port, "
            "and add its address to the redirect URIs of the Xero app."
        )


def _answer_of(
    request: "ConsentRequest", callback: Callback, *, opens: bool, timeout_s: int
) -> Answer:
    typer.echo(f"The Xero app must have the redirect URI {callback.address}")
    typer.echo(f"Allow access here, within {timeout_s} s:\n{request.address}")
    if opens:
        webbrowser.open(request.address)
    answer = callback.wait(timeout_s)
    if answer is None:
        stop("No answer came in time. Run this again.", exit_code=REFUSED_EXIT)
    return answer


def _tell_connected(conn_id: str, organisations: Sequence["Tenant"]) -> None:
    typer.echo(f"Connection {conn_id} is connected to:")
    for one in organisations:
        typer.echo(f"  {one.tenant_id}  {one.name}")
    if len(organisations) > 1:
        typer.echo("Name one of them as tenant ID, in the connection or the route.")


def _lines(conn_id: str, facts: "TokenFacts | None") -> list[str]:
    if facts is None:
        connect = f"Run `sfxero xero connect --conn-id {conn_id}`."
        return [f"Nobody has consented to connection {conn_id} as it is now. {connect}"]
    return [
        f"connection     {facts.connection}",
        f"state          {facts.state}",
        *(f"organisation   {tenant_id}  {name}" for tenant_id, name in facts.tenants.items()),
        f"scopes         {' '.join(facts.scopes)}",
        f"renewed        {facts.issued_at:%Y-%m-%d %H:%M} UTC",
        f"consent ends   {facts.refresh_until_at:%Y-%m-%d %H:%M} UTC, unless renewed before",
        f"key            {facts.key_id}",
    ]


def _as_json(xero_app: "XeroApp", facts: "TokenFacts | None") -> dict[str, Any]:
    stored = {} if facts is None else asdict(facts)
    return {"connection": xero_app.conn_id, "flow": xero_app.flow, **stored}
