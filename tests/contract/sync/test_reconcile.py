"""Both systems and the ledger compared: an untouched state is in step, each tampering is named."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.contract.sync.comparing import HOUR, Comparer
from tests.contract.sync.kit import TENANT, World, empty, standing_still
from tests.contract.sync.showing import Showing
from tests.contract.sync.tamperings import EXPLAINED, SHOWN, TAMPERINGS, Case

from sfxero.model.differences import KINDS, DifferenceKind
from sfxero.model.states import Entity
from sfxero.sandbox.server import Sandbox
from sfxero.sandbox.xero.scopes import DEFAULT_SCOPES
from sfxero.sync import books_reading, org_reading
from sfxero.sync.org_reading import OrgReading
from sfxero.sync.reconcile import Outcome
from sfxero.sync.status_prepare import prepare_statuses
from sfxero.xero.sales_books import SalesBooks

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, str]]:
    """A sandbox of their own: here invoices become overdue, and others' would, too."""
    with standing_still() as served:
        yield served


@pytest.fixture
def comparer(world: World) -> Comparer:
    return Comparer(world)


def test_an_untouched_state_is_in_step_to_the_cent(comparer: Comparer) -> None:
    comparer.invoiced("100", "23.45")
    comparer.invoiced("0.99")
    outcome = comparer.compare()
    assert outcome.stored == []
    assert outcome.verdict == "in step: 2 links, AUD 124.44 won, 124.44 invoiced; 0 explained"


@pytest.fixture(scope="module")
def tampered(
    served: tuple[Sandbox, str], empty_ledger: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Outcome, dict[str, str]]]:
    """One org in which everything happens at once, each to a record of its own."""
    world = _fresh_world(served, empty_ledger, tmp_path_factory)
    accounts = {name: world.account(f"Firm {name}") for name in TAMPERINGS}
    wins = {name: world.won(account, "100", "23.45") for name, account in accounts.items()}
    other = world.won(world.account("Bystander"), "50")
    world.sleep(HOUR)
    world.run()
    world.sleep(HOUR)
    by_url = {str(one.url).split("/")[-2]: one for one in world.invoices}
    keys = {}
    for name, (tamper, _) in TAMPERINGS.items():
        case = Case(world, wins[name], accounts[name], by_url[wins[name]], by_url[other])
        tamper(case)
        keys[name] = case.opportunity
    yield Comparer(world).compare(), keys
    world.close()


@pytest.fixture(scope="module")
def misshown(
    served: tuple[Sandbox, str], empty_ledger: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Outcome, dict[str, str]]]:
    """One org in which each opportunity shows something else that is wrong."""
    world = _fresh_world(served, empty_ledger, tmp_path_factory)
    today = world.books.today().isoformat()
    wins = {
        name: world.won(world.account(f"Firm {name}"), "100", CloseDate=today) for name in SHOWN
    }
    world.run()
    world.sleep(HOUR)
    Showing(world).run()
    world.sleep(HOUR)
    by_url = {str(one.url).split("/")[-2]: one for one in world.invoices}
    for name, (tamper, _) in SHOWN.items():
        invoice = by_url[wins[name]]
        tamper(Case(world, wins[name], "", invoice, invoice))
    yield Comparer(world).compare(), wins
    world.close()


def _fresh_world(
    served: tuple[Sandbox, str], empty_ledger: Path, tmp_path_factory: pytest.TempPathFactory
) -> World:
    sandbox, address = served
    empty(sandbox)
    folder = tmp_path_factory.mktemp("tampered")
    shutil.copy(empty_ledger, folder / "ledger.db")
    world = World(sandbox, address, folder, f"sqlite:///{folder / 'ledger.db'}")
    world.org_switch(job_delay_s=0)
    return world


def told(outcome: Outcome) -> dict[str, set[str]]:
    """What is said of each record, by its short id: kinds, with the field where there is one."""
    found = defaultdict(set)
    for one in outcome.stored:
        difference = one.difference
        name = str(difference.source_id or difference.key)[:15]
        found[name].add(f"{difference.kind} {difference.field}".strip())
    return found


@pytest.mark.parametrize("name", TAMPERINGS)
def test_each_tampering_is_found_and_named(
    tampered: tuple[Outcome, dict[str, str]], name: str
) -> None:
    outcome, keys = tampered
    assert told(outcome)[keys[name][:15]] == TAMPERINGS[name][1]


@pytest.mark.parametrize("name", SHOWN)
def test_whatever_an_opportunity_shows_wrong_is_found_and_named(
    misshown: tuple[Outcome, dict[str, str]], name: str
) -> None:
    outcome, keys = misshown
    assert told(outcome)[keys[name][:15]] == SHOWN[name][1]
    assert {one.difference.source_id for one in outcome.open} == set(keys.values())


def test_nothing_is_said_of_records_that_nobody_touched(
    tampered: tuple[Outcome, dict[str, str]],
) -> None:
    outcome, keys = tampered
    others = set(told(outcome)) - {key[:15] for key in keys.values()}
    # Another link leads to the bystander's invoice.
    assert [told(outcome)[one] for one in others] == [{"link_shared"}]


def test_what_is_on_its_way_or_refused_by_a_rule_does_not_fail_the_run(
    tampered: tuple[Outcome, dict[str, str]],
) -> None:
    outcome, keys = tampered
    explained = {keys[f"explained: {name}"] for name in EXPLAINED}
    assert not explained & {one.difference.key for one in outcome.open}
    assert outcome.verdict.startswith(f"FAILED: {len(outcome.open)} differences: ")


def test_the_named_differences_make_up_the_gap_between_both_sides_to_the_cent(
    tampered: tuple[Outcome, dict[str, str]],
) -> None:
    sums = tampered[0].proof.sums
    gap = {one: sums.invoiced[one] - sums.won[one] for one in sums.won}
    bridged: dict[str, Decimal] = defaultdict(Decimal)
    for step in sums.bridges:
        bridged[step.currency] += step.amount
    assert gap == bridged
    assert gap["AUD"] != 0
    assert sums.unexplained() == []


def test_what_is_cured_is_resolved_and_what_stays_grows_older(comparer: Comparer) -> None:
    first, second = comparer.invoiced("100"), comparer.invoiced("60")
    world = comparer.world
    for one in (first, second):
        world.control("POST", f"/salesforce/Opportunity/{one}/reopen")
    found = comparer.compare()
    world.control("POST", f"/salesforce/Opportunity/{first}/win")
    world.run()
    again = comparer.compare()
    assert [one.difference.key for one in again.open] == [second]
    assert again.resolved == 1
    seen = {one.difference.key: one.first_seen_at for one in found.stored}
    assert again.open[0].first_seen_at == seen[second] < again.open[0].last_seen_at


def test_a_draft_is_no_day_overdue(comparer: Comparer) -> None:
    world = comparer.world
    world.respec(invoices={"status": "DRAFT"})
    comparer.invoiced("100", CloseDate="2026-01-10")
    assert comparer.compare().proof.receivables["days_overdue"].to_pylist() == [0]
    comparer.world.change_invoice(world.invoices[0], status="AUTHORISED")
    assert comparer.compare().proof.receivables["days_overdue"].to_pylist()[0] > 0


def test_an_accepted_difference_passes_until_it_says_something_else(comparer: Comparer) -> None:
    opportunity = comparer.invoiced("100")
    (invoice,) = comparer.world.invoices
    comparer.world.change_invoice(invoice, reference="by hand")
    (found,) = comparer.compare().open
    differences = comparer.world.ledger.differences
    differences.accept([found.difference_id], actor="Ann", reason="agreed on the phone")
    accepted = comparer.compare()
    assert accepted.open == []
    assert accepted.verdict.endswith("0 explained, 1 accepted")
    comparer.world.change_invoice(invoice, reference="by another hand")
    (other,) = comparer.compare().open
    assert (other.difference.key, other.accepted_by) == (opportunity, None)


def test_an_accepted_edit_of_the_lines_does_not_accept_the_next_one(comparer: Comparer) -> None:
    opportunity = comparer.invoiced("100")
    (invoice,) = comparer.world.invoices
    case = Case(comparer.world, opportunity, "", invoice, invoice)
    case.edit_line(AccountCode="260")
    (found,) = comparer.compare().open
    comparer.world.ledger.differences.accept([found.difference_id], actor="Ann", reason="agreed")
    assert comparer.compare().open == []
    case.edit_line(AccountCode="270")
    (other,) = comparer.compare().open
    assert (other.difference.field, other.accepted_by) == ("LineItems", None)


def test_a_period_is_compared_alone_and_resolves_nothing_of_another(comparer: Comparer) -> None:
    march = comparer.invoiced("100", CloseDate="2026-03-10")
    april = comparer.invoiced("70", CloseDate="2026-04-10")
    for one in (march, april):
        comparer.world.control("POST", f"/salesforce/Opportunity/{one}/reopen")
    whole = comparer.compare()
    of_april = comparer.compare((date(2026, 4, 1), date(2026, 4, 30)))
    assert {one.difference.key for one in whole.open} == {march, april}
    assert of_april.proof.links == 1
    assert {one.difference.key for one in of_april.open} == {march, april}
    assert of_april.resolved == 0


def test_a_second_invoice_is_one_in_a_period_that_its_opportunity_is_not_in_too(
    comparer: Comparer,
) -> None:
    opportunity = comparer.invoiced("100", CloseDate="2026-03-10")
    (invoice,) = comparer.world.invoices
    second = Case(comparer.world, opportunity, "", invoice, invoice)
    second.enter(InvoiceNumber="INV-77", Url=invoice.url, Date="2026-04-10")
    (found,) = comparer.compare().open
    store = comparer.world.ledger.differences
    store.accept([found.difference_id], actor="Ann", reason="agreed on the phone")

    assert comparer.kinds((date(2026, 4, 1), date(2026, 4, 30))) == []
    assert comparer.kinds() == []


def test_amounts_of_other_currencies_are_not_held_against_each_other(comparer: Comparer) -> None:
    opportunity = comparer.invoiced("100")
    (invoice,) = comparer.world.invoices
    case = Case(comparer.world, opportunity, "", invoice, invoice)
    case.edit_line(UnitAmount=Decimal(65))
    case.become(currency_code="USD")
    found = {one.difference.kind: one.difference.amount for one in comparer.compare().open}
    assert found == {DifferenceKind.CURRENCY_DIFFERS: None}


def test_a_record_that_left_the_period_is_looked_up_before_it_is_called_missing(
    comparer: Comparer,
) -> None:
    opportunity = comparer.invoiced("100", CloseDate="2026-03-10")
    comparer.world.sandbox.org.records.tables["Opportunity"][opportunity].update(
        CloseDate=date(2026, 5, 1)
    )
    march = comparer.compare((date(2026, 3, 1), date(2026, 3, 31)))
    assert [str(one.difference.kind) for one in march.open] == ["opportunity_changed"]


def test_an_invoice_that_is_dated_out_of_the_period_is_looked_up_however_many_there_are(
    comparer: Comparer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_reading, "_MOST_LOOKED_UP", 1)
    for _ in range(2):
        comparer.invoiced("100", CloseDate="2026-03-10")
    for one in comparer.world.invoices:
        comparer.world.change_invoice(one, dated_on=date(2026, 5, 1))
    march = comparer.compare((date(2026, 3, 1), date(2026, 3, 31)))
    assert [one.difference.kind for one in march.open] == [DifferenceKind.EDITED_IN_XERO] * 2


@pytest.mark.parametrize(
    ("part", "reading"),
    [("windows", "watermark"), ("outbox", "standing"), ("links", "all"), ("names", "directory")],
)
def test_an_entry_that_is_settled_while_the_ledger_is_read_is_no_difference(
    comparer: Comparer, monkeypatch: pytest.MonkeyPatch, part: str, reading: str
) -> None:
    world = comparer.world
    comparer.invoiced("100")
    fresh = world.won(world.account("Fresh"), "31")
    world.sleep(HOUR)
    world.run(publishes=False)
    world.publish(Entity.CONTACT)
    settle_before(monkeypatch, getattr(world.ledger, part), reading, world)

    outcome = comparer.compare()

    assert world.link(fresh, Entity.INVOICE)
    assert outcome.open == []


def settle_before(monkeypatch: pytest.MonkeyPatch, part: Any, reading: str, world: World) -> None:
    """Let the first call of a reading of the ledger find an invoice that was settled just now."""
    read = getattr(part, reading)

    def settled_then_read(*args: Any, **values: Any) -> Any:
        monkeypatch.setattr(part, reading, read)
        world.publish(Entity.INVOICE)
        return read(*args, **values)

    monkeypatch.setattr(part, reading, settled_then_read)


def test_to_wait_again_for_what_is_staged_finds_nothing_to_wait_for(
    comparer: Comparer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = comparer.world
    comparer.invoiced("100")
    monkeypatch.setattr(org_reading, "_REST_ROWS", 0)
    org = OrgReading(world.scope("reconcile-again"), world.salesforce)
    org.submit()
    while not org.is_done():
        world.sleep(5)
    counts = org.read()
    assert org.is_done()
    assert org.read() == counts


def test_what_the_route_allows_is_read_again_and_sent(comparer: Comparer) -> None:
    world = comparer.world
    comparer.invoiced("100")
    world.respec(reconcile={"repair": {"not_invoiced": "resend"}})
    unseen = world.won(world.account("Unseen"), "31")
    record = world.sandbox.org.records.tables["Opportunity"][unseen]
    record["SystemModstamp"] = world.clock.now() - timedelta(days=30)
    assert comparer.kinds() == ["not_invoiced"]
    world.run()
    assert comparer.kinds() == []
    assert world.link(unseen, Entity.INVOICE)


def test_every_kind_has_its_words() -> None:
    assert list(KINDS) == list(DifferenceKind)


def test_more_invoices_than_xero_lists_at_once_are_read_in_ranges_of_dates(
    comparer: Comparer,
) -> None:
    world = comparer.world
    account = world.account()
    for month in range(1, 7):
        world.won(account, "10", CloseDate=f"2026-0{month}-10")
    comparer.invoiced("5", account=account)
    world.switch(largest_list=2)
    outcome = comparer.compare()
    assert (outcome.open, outcome.proof.invoices) == ([], 7)


@pytest.fixture
def reporting(comparer: Comparer) -> Comparer:
    """An app that may read reports, and two who owe, of whom one is asked for each night."""
    comparer.invoiced("100")
    comparer.invoiced("900")
    world = comparer.world
    scopes = [*DEFAULT_SCOPES, "accounting.reports.aged.read"]
    app = {"client_id": "reporting", "client_secret": "sandbox-xero-secret"}
    world.control("POST", "/xero/apps", {**app, "scopes": scopes})
    world.accounting = world.new_accounting(app="reporting")
    return comparer


def test_xeros_aged_receivables_are_compared_for_those_who_owe_most(reporting: Comparer) -> None:
    reporting.world.respec(reconcile={"aged_contacts": 2})
    in_step = reporting.compare()
    assert [str(one.listed) for one in in_step.aged] == ["990.0000", "110.0000"]
    assert in_step.open == []


def misreport(monkeypatch: pytest.MonkeyPatch, by: Decimal) -> None:
    """Let Xero's reports say more of each document than its invoices do."""
    read = SalesBooks.aged_receivables

    def misread(*args: Any, **values: Any) -> dict[str, Decimal]:
        return {one: due + by for one, due in read(*args, **values).items()}

    monkeypatch.setattr(SalesBooks, "aged_receivables", misread)


def test_a_report_that_said_otherwise_stands_until_it_is_asked_for_again_and_agrees(
    reporting: Comparer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, may_read = reporting.world, reporting.world.accounting
    world.respec(reconcile={"aged_contacts": 2})
    with monkeypatch.context() as patch:
        misreport(patch, Decimal("0.01"))
        assert reporting.kinds() == ["aged_differs"] * 2
    assert reporting.kinds((date(2026, 11, 1), date(2026, 11, 30))) == ["aged_differs"] * 2
    world.accounting = world.new_accounting()
    assert reporting.kinds() == ["aged_differs"] * 2

    world.accounting = may_read
    world.respec(reconcile={"aged_contacts": 1})
    # Who owes nothing any more is asked again, too.
    world.pay(world.invoices[0])
    assert reporting.kinds() == ["aged_differs"]
    assert reporting.kinds() == []


def test_what_is_paid_between_the_list_and_the_report_is_no_difference(
    reporting: Comparer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = reporting.world
    world.respec(reconcile={"aged_contacts": 2})
    settle = world.ledger.links.all

    def pay_before(*args: Any, **values: Any) -> Any:
        monkeypatch.setattr(world.ledger.links, "all", settle)
        world.pay(world.invoices[0])
        return settle(*args, **values)

    monkeypatch.setattr(world.ledger.links, "all", pay_before)
    assert reporting.compare().open == []


def test_without_the_scope_of_the_report_the_rest_is_compared(comparer: Comparer) -> None:
    comparer.invoiced("100")
    outcome = comparer.compare()
    assert (outcome.aged, outcome.open) == ([], [])
    assert "accounting.reports.aged.read" in str(outcome.aged_trouble)


@pytest.fixture
def showing(comparer: Comparer) -> Showing:
    """Both syncs, and a part paid invoice that its opportunity shows."""
    showing = Showing(comparer.world)
    comparer.invoiced("100")
    showing.hands.pay(comparer.world.invoices[0].invoice_id, Decimal(30))
    comparer.world.sleep(HOUR)
    showing.run()
    comparer.world.sleep(HOUR)
    return showing


def test_what_opportunities_show_is_compared_with_what_xero_holds(
    comparer: Comparer, showing: Showing
) -> None:
    assert comparer.compare().stored == []
    (link,) = comparer.world.ledger.links.all(TENANT, Entity.INVOICE)
    wrong = {"Xero_Amount_Paid__c": Decimal(29), "Xero_Amount_Due__c": Decimal("80.01"),
             "Xero_Amount_Credited__c": Decimal(1), "Xero_Invoice_Status__c": "PAID"}  # fmt: skip
    comparer.world.edit("Opportunity", link.source_id, **wrong)
    found = {one.difference.kind: one.difference for one in comparer.compare().open}
    assert {str(kind): (one.salesforce, one.xero) for kind, one in found.items()} == {
        "paid_shown_differs": ("29.00", "30.00"),
        "due_shown_differs": ("80.01", "80.00"),
        "credited_shown_differs": ("1.00", "0.00"),
        "shown_differs": ("PAID", "AUTHORISED"),
    }
    assert found[DifferenceKind.DUE_SHOWN_DIFFERS].amount == Decimal("-0.01")


def test_a_payment_that_the_sync_has_not_read_yet_is_explained(
    comparer: Comparer, showing: Showing
) -> None:
    showing.hands.pay(comparer.world.invoices[0].invoice_id, Decimal(80))
    outcome = comparer.compare()
    assert {str(one.difference.kind) for one in outcome.stored} == {"not_read_yet"}
    assert outcome.open == []


def test_what_became_overdue_since_the_sync_looked_is_explained_and_only_until_it_looks(
    comparer: Comparer, showing: Showing
) -> None:
    world = comparer.world
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    assert invoice.due_on is not None
    world.sleep((invoice.due_on - world.books.today()) / timedelta(seconds=1) + 24 * HOUR)
    late = {(one.difference.kind, one.difference.field) for one in comparer.compare().stored}
    assert late == {(DifferenceKind.NOT_READ_YET, "payment_status")}

    showing.run()
    assert comparer.compare().stored == []

    record = world.sandbox.org.records.tables["Opportunity"][opportunity]
    record["Xero_Payment_Status__c"] = "Unpaid"
    (wrong,) = comparer.compare().open
    assert wrong.difference.kind is DifferenceKind.PAYMENT_STATUS_SHOWN_DIFFERS
    assert (wrong.difference.salesforce, wrong.difference.xero) == ("Unpaid", "Overdue")


def test_what_is_shown_wrong_is_shown_again_once_where_the_route_allows_it(
    comparer: Comparer, showing: Showing
) -> None:
    world = comparer.world
    (link,) = world.ledger.links.all(TENANT, Entity.INVOICE)
    record = world.sandbox.org.records.tables["Opportunity"]
    record[link.source_id]["Xero_Payment_Status__c"] = "Paid"
    record[link.source_id]["Xero_Amount_Paid__c"] = Decimal(110)
    assert len(comparer.compare().open) == 2
    showing.run()
    assert showing.amounts(link.source_id)[:2] == ("Paid", "110.00")

    world.respec(reconcile={"repair": {"shown": "resend"}})
    showing.run()

    # Another test of this module lets the days pass.
    is_overdue = world.books.today() > world.invoices[0].due_on
    status = "Overdue" if is_overdue else "Part paid"
    assert showing.amounts(link.source_id) == (status, "30.00", "80.00", "0.00")
    world.sleep(HOUR)
    world.forget_calls()
    showing.run()
    assert showing.org_writes() == []
    assert comparer.compare().stored == []


def test_a_payment_that_is_shown_while_the_books_are_read_is_no_difference(
    comparer: Comparer, showing: Showing
) -> None:
    showing.hands.pay(comparer.world.invoices[0].invoice_id, Decimal(80))

    def shown() -> None:
        comparer.world.sleep(HOUR)
        showing.run()

    assert comparer.compare(meanwhile=shown).open == []
    assert comparer.compare().stored == []


def test_what_waited_to_be_shown_and_is_shown_while_the_books_are_read_is_no_difference(
    comparer: Comparer, showing: Showing
) -> None:
    showing.hands.pay(comparer.world.invoices[0].invoice_id, Decimal(80))
    comparer.world.sleep(HOUR)
    scope = showing.begin("read-and-planned")
    showing.read(scope)
    prepare_statuses(scope)
    comparer.world.sleep(HOUR)
    assert comparer.compare(meanwhile=showing.publish).open == []
    assert comparer.compare().stored == []


def test_without_a_sync_from_xero_nobody_expects_opportunities_to_show_anything(
    comparer: Comparer,
) -> None:
    comparer.invoiced("100")
    comparer.world.pay(comparer.world.invoices[0])
    assert comparer.compare().stored == []


def test_an_invoice_that_the_ledger_forgot_is_found_again_and_not_sent_twice(
    comparer: Comparer,
) -> None:
    world = comparer.world
    opportunity = comparer.invoiced("100")
    world.respec(reconcile={"repair": {"link_missing": "resend"}})
    (invoice,) = world.invoices
    Case(world, opportunity, "", invoice, invoice).drop_link()
    assert comparer.kinds() == ["link_missing"]
    world.run()
    assert comparer.kinds() == []
    assert [one.invoice_id for one in world.invoices] == [invoice.invoice_id]
