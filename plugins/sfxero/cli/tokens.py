"""`sfxero tokens`: the encryption of stored tokens."""

from typing import Annotated

import typer

from sfxero.cli.ledger_access import CONNECTION, opened_ledger

app = typer.Typer(name="tokens", no_args_is_help=True, help="The encryption of stored tokens.")


@app.command()
def rotate(
    *,
    ledger_conn_id: Annotated[
        str, typer.Option(help="The Airflow connection of the ledger.")
    ] = CONNECTION,
) -> None:
    """Encrypt all stored tokens with the newest key; older ones may be dropped afterwards."""
    from sfxero.orchestration.hooks.ledger import token_keys

    with opened_ledger(conn_id=ledger_conn_id, token_keys=token_keys()) as ledger:
        done = ledger.tokens.rotate()
        total = len(ledger.tokens.facts())
    typer.echo(f"{done} of {total} rows were encrypted anew; all have the newest key now.")


@app.callback()
def _group() -> None:
    """Keep `rotate` a command of its own, though it is the only one."""
