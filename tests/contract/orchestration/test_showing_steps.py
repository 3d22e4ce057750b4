"""The tasks from Xero to Salesforce against the served sandbox, one after the other."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from tests.contract.orchestration.conftest import ROOT

from sfxero.errors import ConfigurationError, TerminalError
from sfxero.ledger import Ledger
from sfxero.model.ids import RouteName, RunId, SourceId, TargetId, TenantId
from sfxero.model.outbox import PlannedEntry, Settlement, SourceVersion
from sfxero.model.states import Entity
from sfxero.orchestration import publishing, showing
from sfxero.orchestration.verdicts import show_gate
from sfxero.sandbox.server import Sandbox
from sfxero.sandbox.xero.hands import Hands
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID
from sfxero.sandbox.xero.models import Invoice

TENANT = TenantId(SANDBOX_TENANT_ID)
DONE = {"start": "success", "read": "success", "publish.opportunities": "success"}

pytestmark = pytest.mark.contract


def opportunity_of(sandbox: Sandbox) -> SourceId:
    return SourceId(min(sandbox.org.records.tables["Opportunity"]))


@pytest.fixture
def invoice(sandbox: Sandbox, ledger: Ledger) -> Invoice:
    """An invoice of 5.00 in Xero that the ledger links with an opportunity."""
    hands = Hands(sandbox.xero.books)
    contact = hands.write_contact({"Name": "Acme"})
    line = {"Description": "x", "Quantity": 1, "UnitAmount": 5, "AccountCode": "200"}
    made = hands.write_invoice(
        {
            "Type": "ACCREC",
            "Contact": {"ContactID": contact.contact_id},
            "LineItems": [line],
            "LineAmountTypes": "NoTax",
            "Status": "AUTHORISED",
            "DueDate": "2099-12-31",
        }
    )
    now = sandbox.clock.now()
    wish = PlannedEntry(
        route=RouteName("demo"),
        tenant=TENANT,
        entity=Entity.INVOICE,
        source_id=opportunity_of(sandbox),
        payload="{}",
        content_hash="x",
        version=SourceVersion(stamp_at=now, read_at=now),
        mapping_version="m",
    )
    list(ledger.outbox.plan(RunId("r"), [wish]))
    (entry,) = ledger.outbox.claim(TENANT, Entity.INVOICE, owner="w", limit=1, lease_s=60)
    said = Settlement(entry.entry_id, TargetId(made.invoice_id), made.number, "{}")
    ledger.outbox.settle([said], owner="w")
    return made


def start(run_id: str, *, by_hand: bool = False) -> showing.Run:
    return showing.start("demo", run_id=run_id, full_refresh=False, by_hand=by_hand, actor="a")


def run(run_id: str, *, by_hand: bool = False) -> dict[str, Any]:
    begun = start(run_id, by_hand=by_hand)
    showing.read(begun)
    showing.prepare(begun)
    showing.show(begun)
    return show_gate("demo", begun, run_id=run_id, task_states=DONE)


def status(sandbox: Sandbox) -> Any:
    row = sandbox.org.records.tables["Opportunity"][opportunity_of(sandbox)]
    return row["Xero_Payment_Status__c"]


def test_a_run_shows_a_payment_and_the_next_is_not_due_yet(
    sandbox: Sandbox, ledger: Ledger, invoice: Invoice
) -> None:
    told = run("r1")
    assert told["verdict"] == "passed: 1 in_step"
    assert status(sandbox) == "Unpaid"
    Hands(sandbox.xero.books).pay(invoice.invoice_id)

    with pytest.raises(AirflowSkipException, match="not time to read"):
        start("r2")
    with pytest.raises(AirflowSkipException, match="not time to read"):
        show_gate("demo", None, run_id="r2", task_states={"start": "skipped"})
    assert run("r3", by_hand=True)["verdict"] == "passed: 1 in_step"

    assert status(sandbox) == "Paid"
    begun = ledger.runs.begun(RunId("demo/show/r2"))
    assert begun is not None
    assert begun.state == "succeeded"


def test_a_batch_that_salesforce_refuses_as_a_whole_fails_the_task_and_the_gate(
    sandbox: Sandbox, ledger: Ledger, invoice: Invoice
) -> None:
    refused = {opportunity_of(sandbox): "Not on a Sunday"}
    sandbox.org.change_switches({"refused_records": refused})
    begun = start("r1")
    showing.read(begun)
    showing.prepare(begun)

    with pytest.raises(TerminalError, match=r"took no record of 1 batches.*Not on a Sunday"):
        showing.show(begun)
    with pytest.raises(Exception, match="dead letter"):
        show_gate("demo", begun, run_id="r1", task_states=DONE)


def test_a_kind_of_record_that_cannot_be_written_stops_no_other(
    sandbox: Sandbox,
    ledger: Ledger,
    invoice: Invoice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(ROOT / "include", tmp_path / "include")
    with (tmp_path / "include/mappings/demo.yaml").open("a") as route:
        route.write("\nmirror: {enabled: true}\n")
    monkeypatch.setenv("SFXERO_INCLUDE", str(tmp_path / "include"))
    sandbox.org.change_switches({"hidden_fields": ["Opportunity.Xero_Amount_Due__c"]})
    begun = start("r1")
    showing.read(begun)
    showing.prepare(begun)

    with pytest.raises(ConfigurationError, match="Xero_Amount_Due__c is missing or hidden"):
        showing.show(begun)

    (mirrored,) = sandbox.org.records.tables["Xero_Invoice__c"].values()
    assert mirrored["Xero_Id__c"] == invoice.invoice_id


def test_the_drain_sends_what_a_run_left(
    sandbox: Sandbox, ledger: Ledger, invoice: Invoice
) -> None:
    begun = start("r1")
    showing.read(begun)
    showing.prepare(begun)

    drained = publishing.look("demo", run_id="d1", actor="a")
    showing.show(drained)

    assert (drained["tenant"], drained["org"]) == ("", begun["org"])
    assert publishing.publish(drained, "contact", lane=0) == {"nothing waits for": "xero"}
    assert status(sandbox) == "Unpaid"
    with pytest.raises(AirflowSkipException):
        publishing.look("demo", run_id="d2", actor="a")


def test_a_token_that_may_not_read_payments_is_named_at_once(
    sandbox: Sandbox, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(os.environ["AIRFLOW_CONN_XERO_DEMO"])
    scopes = "accounting.contacts accounting.invoices accounting.settings.read"
    connection["extra"] = {"scopes": scopes}
    monkeypatch.setenv("AIRFLOW_CONN_XERO_DEMO", json.dumps(connection))

    with pytest.raises(ConfigurationError, match=r"accounting\.payments\.read"):
        start("r1")
