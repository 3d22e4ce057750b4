"""What the demo's sync did, by the sandbox's own state and the ledger, and if all is well."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console
from rich.table import Table

from sfxero.model.findings import Severity
from sfxero.model.ids import RouteName, RunId

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Both sides compared; nothing in `faults` means that all is well."""

    contacts: int
    invoices: int
    quarantined: Mapping[str, int]
    warned: Mapping[str, int]
    calls: int
    writes: int
    limited: int
    salesforce_total: Decimal
    xero_total: Decimal
    payments: int
    xero_paid: Decimal
    salesforce_paid: Decimal
    faults: tuple[str, ...]


def read_outcome(sandbox_url: str, ledger: "Ledger", *, route: str, run_id: str) -> Outcome:
    """Read both services' state through the sandbox's control plane, and the run's findings."""
    with httpx.Client(base_url=f"{sandbox_url}/_sandbox", timeout=60) as http:
        state = http.get("/state", params={"full": 1}).raise_for_status().json()["xero"]
        truth = http.get("/salesforce/truth").raise_for_status().json()
        deals = http.get("/salesforce/Opportunity").raise_for_status().json()
        journal = http.get("/journal", params={"service": "xero"}).raise_for_status().json()
    ledger_run = RunId(f"{route}/{run_id}")
    quarantined = ledger.quarantine.counts_by_rule(ledger_run)
    named = {str(row.source_id) for row in ledger.quarantine.listing(RouteName(route))}
    good = {one: facts for one, facts in truth.items() if facts["good"]}
    invoices = state["invoice_rows"]
    limited = sum(one["status"] == 429 for one in journal)
    faults = [*_faults(good, invoices), *_shown_faults(deals, invoices)]
    unnamed = sorted(set(truth) - set(good) - named)
    faults += [f"opportunity {one} was neither invoiced nor named" for one in unnamed]
    if limited:
        faults.append(f"{limited} calls were refused by a limit")
    return Outcome(
        contacts=len(state["contact_rows"]),
        invoices=len(invoices),
        quarantined=quarantined,
        warned=ledger.quarantine.counts_by_rule(ledger_run, severity=Severity.WARN),
        calls=sum(one["path"].startswith("/api.xro/") for one in journal),
        writes=sum(one["method"] in {"PUT", "POST"} and "xro" in one["path"] for one in journal),
        limited=limited,
        salesforce_total=sum((Decimal(one["amount"]) for one in good.values()), Decimal(0)),
        xero_total=sum((Decimal(one["sub_total"]) for one in invoices), Decimal(0)),
        payments=len(state["payment_rows"]),
        xero_paid=sum((Decimal(one["amount_paid"]) for one in invoices), Decimal(0)),
        salesforce_paid=sum(map(_paid, deals), Decimal(0)),
        faults=tuple(faults),
    )


def show(outcome: Outcome, console: Console, *, state: str) -> None:
    """Print the table."""
    table = Table(title="What happened", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("run", state)
    table.add_row("contacts in Xero", f"{outcome.contacts:,}")
    table.add_row("invoices in Xero", f"{outcome.invoices:,}")
    for rule, count in sorted(outcome.quarantined.items()):
        table.add_row(f"quarantined: {rule}", f"{count:,}")
    for rule, count in sorted(outcome.warned.items()):
        table.add_row(f"warned: {rule}", f"{count:,}")
    table.add_row("Xero calls, of these writes", f"{outcome.calls:,}, {outcome.writes:,}")
    table.add_row("calls refused with 429", f"{outcome.limited:,}")
    table.add_row("won and valid in Salesforce", f"AUD {outcome.salesforce_total:,.2f}")
    table.add_row("invoiced in Xero, before tax", f"AUD {outcome.xero_total:,.2f}")
    table.add_row("difference", f"AUD {outcome.xero_total - outcome.salesforce_total:,.2f}")
    table.add_row(f"paid in Xero, by {outcome.payments} payments", f"AUD {outcome.xero_paid:,.2f}")
    table.add_row("paid, as opportunities show", f"AUD {outcome.salesforce_paid:,.2f}")
    console.print(table)
    for fault in outcome.faults[:20]:
        console.print(f"[red]not well:[/red] {fault}")


def _faults(good: Mapping[str, Mapping[str, Any]], invoices: Rows) -> list[str]:
    """Hold every invoice against its opportunity, as the sandbox itself knows both."""
    by_opportunity: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for invoice in invoices:
        by_opportunity[str(invoice["url"]).split("/")[-2]].append(invoice)
    faults = [
        f"invoice {one['number']} belongs to no valid opportunity"
        for source_id, found in by_opportunity.items()
        if source_id not in good
        for one in found
    ]
    counts = Counter({source_id: len(found) for source_id, found in by_opportunity.items()})
    for source_id, facts in good.items():
        if counts[source_id] != 1:
            faults.append(f"opportunity {facts['number']} has {counts[source_id]} invoices, not 1")
            continue
        invoice = by_opportunity[source_id][0]
        if Decimal(invoice["sub_total"]) != Decimal(facts["amount"]):
            faults.append(f"invoice {invoice['number']} is over another amount")
    return faults


def _shown_faults(deals: Rows, invoices: Rows) -> list[str]:
    """Hold what opportunities show as paid against their invoices, by the invoice's id."""
    shown = {one["Xero_Invoice_Id__c"]: one for one in deals if one["Xero_Invoice_Id__c"]}
    faults = []
    for invoice in invoices:
        deal, paid = shown.get(invoice["invoice_id"]), Decimal(invoice["amount_paid"])
        if deal is None:
            faults.append(f"invoice {invoice['number']} is shown on no opportunity")
        elif _paid(deal) != paid:
            faults.append(f"invoice {invoice['number']} is shown with another amount paid")
    return faults


def _paid(deal: Mapping[str, Any]) -> Decimal:
    return Decimal(str(deal["Xero_Amount_Paid__c"] or 0))
