"""`sfxero`: the commands, one module per group."""

from typing import Annotated

import typer

from sfxero.cli import (
    alerts,
    audit,
    conflicts,
    dead_letters,
    doctor,
    links,
    mapping,
    match,
    outbox,
    pools,
    quarantine,
    reconcile,
    sandbox,
    tokens,
    xero,
)

app = typer.Typer(name="sfxero", no_args_is_help=True, help="Salesforce and Xero in step.")
app.add_typer(sandbox.app)
app.add_typer(audit.app)
app.add_typer(mapping.app)
app.add_typer(match.app)
app.add_typer(links.app)
app.add_typer(xero.app)
app.add_typer(tokens.app)
app.add_typer(outbox.app)
app.add_typer(dead_letters.app)
app.add_typer(conflicts.app)
app.add_typer(quarantine.app)
app.add_typer(alerts.app)
app.add_typer(reconcile.app)
app.command(name="pools")(pools.pools)
app.command(name="doctor")(doctor.doctor)
app.command(name="reconcile")(reconcile.reconcile)


@app.command()
def demo(
    *,
    wait: Annotated[int, typer.Option(help="0: end after the table, with a status.")] = 1,
) -> None:
    """Start the sandbox and Airflow, run one whole sync, and show what happened."""
    from sfxero.cli.demo.command import run_demo

    raise typer.Exit(run_demo(stays_up=wait != 0))


if __name__ == "__main__":
    app()
