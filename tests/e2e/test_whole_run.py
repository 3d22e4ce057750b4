"""A whole sync in real processes: three runs and a sweep over one org, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.world import (
    DAG_ID,
    DUE_DAYS,
    ROUTE,
    SHOW_ID,
    Books,
    Deployment,
    SandboxProcess,
    assert_once_each,
    is_write,
    running_sandbox,
)

NO_ACCOUNT = "Sold over the counter"
RULE_OF = {"no_account": "no_account", "no_lines": "no_lines", "amount_mismatch": "total_mismatch"}
"""The rule that must hold back what the sandbox itself calls bad."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@dataclass(frozen=True, slots=True)
class After:
    """What a run left behind, and the requests that it made."""

    books: Books
    requests: list[Any]
    quarantined: dict[str, set[str]]
    dispositions: list[tuple[Any, ...]]
    lost: list[tuple[Any, ...]]
    """Records that the run read and that ended nowhere."""
    tasks: dict[str, str]
    """How each task ended, by its id and map index."""

    @property
    def writes(self) -> list[str]:
        """The requests that changed, or tried to change, a record of either service."""
        return [f"{one['method']} {one['path']}" for one in self.requests if is_write(one)]


@dataclass(frozen=True, slots=True)
class Shown:
    """What opportunities show after a run from Xero to Salesforce, and the writes of two runs."""

    opportunities: dict[str, Any]
    paid: str
    lost: list[tuple[Any, ...]]
    writes: list[Any]
    quiet_writes: list[Any]


@dataclass(frozen=True, slots=True)
class Story:
    """One org, one set of books, one deployment between them."""

    sandbox: SandboxProcess
    deployment: Deployment

    def run(self, dag_id: str = DAG_ID) -> After:
        """Run a DAG, and look at all there is."""
        before = self.sandbox.last_number()
        self.deployment.run(dag_id)
        run_id = self.deployment.last_run()
        return After(
            books=Books.read(self.sandbox),
            requests=self.sandbox.get("/journal", after=before),
            quarantined=self.deployment.quarantined(),
            dispositions=self.deployment.dispositions(run_id),
            lost=self.deployment.lost_records(run_id),
            tasks=self.deployment.task_states(DAG_ID),
        )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    home = tmp_path_factory.mktemp("airflow")
    with running_sandbox(folder, accounts=40, opportunities=160) as sandbox:
        add_oddities(sandbox)
        yield Story(
            sandbox,
            Deployment.create(home, database=migrated_database, sandbox_url=sandbox.url),
        )


def add_oddities(sandbox: SandboxProcess) -> None:
    """Add a won opportunity without an account, and two customers of one name."""
    won = {"StageName": "Closed Won", "CloseDate": "2026-02-28"}
    entry = sandbox.rows("PricebookEntry")[0]
    accounts = [
        sandbox.post("/salesforce/Account", Name=name, AccountNumber=number)["Id"]
        for name, number in (("Twin Peaks Pty Ltd", "TP-1"), ("twin peaks  pty ltd", "TP-2"))
    ]
    for account_id in (None, *accounts):
        named = {} if account_id is None else {"AccountId": account_id}
        opportunity = sandbox.post("/salesforce/Opportunity", Name=NO_ACCOUNT, **named, **won)
        sandbox.post(
            "/salesforce/OpportunityLineItem",
            OpportunityId=opportunity["Id"],
            PricebookEntryId=entry["Id"],
            Quantity=3,
            UnitPrice="19.9950",
            Discount=12.5,
        )


@pytest.fixture(scope="module")
def first(story: Story) -> After:
    """The first run, which reads everything."""
    return story.run()


@pytest.fixture(scope="module")
def second(story: Story, first: After) -> After:
    """A run over unchanged data."""
    return story.run()


@pytest.fixture(scope="module")
def third(story: Story, second: After) -> After:
    """A run after one opportunity got another close date, and another was opened again."""
    story.sandbox.post(f"/salesforce/Opportunity/{changed(second)}", CloseDate="2026-03-31")
    story.sandbox.post(f"/salesforce/Opportunity/{reopened(second)}/reopen")
    return story.run()


@pytest.fixture(scope="module")
def swept(story: Story, third: After) -> After:
    """A sweep after a product went to another family, which moves no stamp of a line."""
    lines = {one["Id"]: one for one in third.books.lines}
    line = min(one for one in lines if lines[one]["OpportunityId"] == changed(third))
    product = lines[line]["Product2Id"]
    story.sandbox.post(f"/salesforce/Product2/{product}", Family="Freight")
    return story.run(f"sweep__{ROUTE}")


@pytest.fixture(scope="module")
def shown(story: Story, swept: After) -> Shown:
    """Two runs the other way, the first after a customer paid a part of an invoice."""
    paid = changed(swept)
    (invoice,) = swept.books.invoices_by_opportunity()[paid]
    story.sandbox.post(f"/xero/invoices/{invoice['invoice_id']}/pay", amount="10.01")
    before = story.sandbox.last_number()
    story.deployment.run(SHOW_ID)
    first = story.sandbox.writes(after=before)
    opportunities = {row["Id"]: row for row in story.sandbox.rows("Opportunity")}
    run_id, before = story.deployment.last_run(), story.sandbox.last_number()
    lost = story.deployment.lost_records(run_id)
    story.deployment.run(SHOW_ID)
    return Shown(opportunities, paid, lost, first, story.sandbox.writes(after=before))


def changed(before: After) -> str:
    """Choose the opportunity that somebody edits; it has its invoice already."""
    return min(before.books.good)


def reopened(before: After) -> str:
    """Choose the opportunity that somebody takes back; it has its invoice already."""
    return max(before.books.good)


def test_every_good_opportunity_has_one_invoice_and_no_other_has_any(first: After) -> None:
    assert len(first.books.good) > 50
    assert_once_each(first.books)


def test_invoices_say_what_the_opportunities_say(first: After) -> None:
    contact_of = {one["contact_id"]: one["texts"]["ContactNumber"] for one in first.books.contacts}
    for source_id, (invoice,) in first.books.invoices_by_opportunity().items():
        opportunity = first.books.opportunities[source_id]
        closed_on = date.fromisoformat(opportunity["CloseDate"])
        assert contact_of[invoice["contact_id"]] == opportunity["AccountId"]
        assert invoice["reference"] == opportunity["Opportunity_Number__c"]
        assert invoice["number"] == f"WON-{opportunity['Opportunity_Number__c']}"
        assert invoice["dated_on"] == closed_on.isoformat()
        assert invoice["due_on"] == (closed_on + timedelta(days=DUE_DAYS)).isoformat()
        assert (invoice["type"], invoice["status"]) == ("ACCREC", "AUTHORISED")
        assert (invoice["line_amount_types"], invoice["currency"]) == ("Exclusive", "AUD")


def test_the_lines_of_an_invoice_are_the_opportunitys_products(first: After) -> None:
    for source_id, (invoice,) in first.books.invoices_by_opportunity().items():
        lines = [line for line in first.books.lines if line["OpportunityId"] == source_id]
        wanted = [
            expected_line(line, family=first.books.families[line["Product2Id"]])
            for line in sorted(lines, key=lambda line: line["Id"])
        ]
        assert [sent_line(line) for line in invoice["lines"]] == wanted


def test_the_amount_is_the_invoices_total_before_tax_to_the_cent(first: After) -> None:
    for source_id, (invoice,) in first.books.invoices_by_opportunity().items():
        sub_total, tax, total = (
            Decimal(invoice[name]) for name in ("sub_total", "total_tax", "total")
        )
        assert sub_total == Decimal(first.books.opportunities[source_id]["Amount"])
        assert sub_total + tax == total
        assert sum(Decimal(line["tax_amount"]) for line in invoice["lines"]) == tax


def test_every_other_won_opportunity_is_named_with_its_rule(first: After) -> None:
    bad = {one: facts["reason"] for one, facts in first.books.won.items() if not facts["good"]}
    assert set(bad.values()) == set(RULE_OF)
    assert set(first.quarantined) == set(bad)
    for source_id, reason in bad.items():
        assert RULE_OF[reason] in first.quarantined[source_id]


def test_two_customers_of_one_name_become_two_contacts(first: After) -> None:
    names = {one["name"] for one in first.books.contacts if "twin" in one["name"].lower()}
    assert len(names) == 2
    assert any(name.endswith(("(TP-1)", "(TP-2)")) for name in names)


def test_every_record_that_was_read_has_ended_somewhere(first: After) -> None:
    ended = {(entity, source_id): how for entity, source_id, how in first.dispositions}
    assert first.lost == []
    assert set(ended.values()) <= {"in_step", "quarantined", "skipped"}
    for source_id, opportunity in first.books.opportunities.items():
        how = ended["opportunity", source_id]
        if source_id in first.books.good:
            assert how == "in_step"
        else:
            assert how == ("quarantined" if opportunity["IsWon"] else "skipped")


def test_a_large_result_is_read_by_several_tasks_and_a_small_one_by_one(
    first: After, second: After
) -> None:
    def readers(after: After) -> set[str]:
        return {one for one in after.tasks if one.startswith("extract.Opportunity.download/")}

    assert readers(first) == {f"extract.Opportunity.download/{index}" for index in (0, 1)}
    assert readers(second) == {"extract.Opportunity.download/0"}


def test_no_limit_of_xero_is_met(third: After, story: Story) -> None:
    requests = story.sandbox.get("/journal", service="xero")
    assert {one["status"] for one in requests} == {200}
    assert max(one["in_flight"] for one in requests) <= 5
    assert third.books.refused_by_limit == {}


def test_a_run_over_unchanged_data_writes_nothing(second: After) -> None:
    assert second.requests, "the run made no request at all"
    assert second.writes == []
    assert_once_each(second.books)


def test_one_changed_opportunity_is_exactly_one_write(second: After, third: After) -> None:
    assert third.writes == ["POST /api.xro/2.0/Invoices"]
    (invoice,) = third.books.invoices_by_opportunity()[changed(second)]
    assert (invoice["dated_on"], invoice["due_on"]) == ("2026-03-31", "2026-04-30")
    before = {one["number"]: one for one in second.books.invoices}
    after = {one["number"]: one for one in third.books.invoices}
    assert [one for one in after if after[one] != before[one]] == [invoice["number"]]


def test_an_opportunity_opened_again_is_named_and_its_invoice_left_alone(
    second: After, third: After
) -> None:
    source_id = reopened(second)
    assert third.quarantined[source_id] == {"invoiced_but_not_won"}
    kept = third.books.invoices_by_opportunity()[source_id]
    assert kept == second.books.invoices_by_opportunity()[source_id]


def test_a_sweep_edits_the_invoices_whose_lines_changed_without_a_stamp(
    third: After, swept: After
) -> None:
    assert {*swept.writes} == {"POST /api.xro/2.0/Invoices"}
    assert swept.lost == []
    by_opportunity = swept.books.invoices_by_opportunity()
    assert {len(found) for found in by_opportunity.values()} == {1}
    (invoice,) = by_opportunity[changed(third)]
    assert "260" in {line["account_code"] for line in map(sent_line, invoice["lines"])}


def test_each_opportunity_shows_its_invoice_and_what_is_owed(swept: After, shown: Shown) -> None:
    for source_id, (invoice,) in swept.books.invoices_by_opportunity().items():
        row = shown.opportunities[source_id]
        assert row["Xero_Invoice_Id__c"] == invoice["invoice_id"]
        assert row["Xero_Invoice_Number__c"] == invoice["number"]
        paid = Decimal("10.01") if source_id == shown.paid else Decimal(0)
        assert Decimal(row["Xero_Amount_Paid__c"]) == paid
        assert Decimal(row["Xero_Amount_Due__c"]) == Decimal(invoice["total"]) - paid
    assert shown.lost == []


def test_what_holds_an_opportunity_back_stands_on_it(swept: After, shown: Shown) -> None:
    told = {one: row["Xero_Sync_Error__c"] for one, row in shown.opportunities.items()}
    assert {one for one, text in told.items() if text} == set(swept.quarantined)
    for source_id, rules in swept.quarantined.items():
        assert all(rule in told[source_id] for rule in rules)


def test_showing_writes_to_salesforce_only_and_a_quiet_run_nothing(shown: Shown) -> None:
    assert {one["path"].rpartition("/composite")[2] for one in shown.writes} == {"/sobjects"}
    assert shown.quiet_writes == []


def expected_line(line: Any, *, family: str | None) -> dict[str, Any]:
    """Say by the route's own words what a product's line must be."""
    return {
        "description": (line["Description"] or line["Name"]).strip().replace("\u2028", "\n"),
        "quantity": Decimal(line["Quantity"]),
        "unit_amount": Decimal(line["UnitPrice"]),
        "discount_rate": Decimal(line["Discount"] or 0),
        "line_amount": Decimal(line["TotalPrice"]),
        "account_code": "260" if family == "Freight" else "200",
        "tax_type": "EXEMPTEXPORT" if family == "Export" else "OUTPUT",
    }


def sent_line(line: Any) -> dict[str, Any]:
    """Return a line of an invoice in the same form."""
    numbers = ("quantity", "unit_amount", "discount_rate", "line_amount")
    texts = ("description", "account_code", "tax_type")
    return {name: line[name] for name in texts} | {
        name: Decimal(line[name] or 0) for name in numbers
    }


def test_a_run_leaves_the_page_of_its_checks(story: Story, first: After) -> None:
    assert "check.suites/-1" in first.tasks
    pages = list((story.deployment.home / "sfxero" / "outputs").rglob("checks.html"))
    text = min(pages, key=lambda page: page.stat().st_mtime).read_text(encoding="utf-8")
    assert "close_date_out_of_range" in text
    assert not any(row["Name"] in text for row in story.sandbox.rows("Account"))
