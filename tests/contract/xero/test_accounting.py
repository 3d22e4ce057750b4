"""The Xero client against the sandbox, over a socket."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sfxero.clock import FakeClock
from sfxero.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    RequestRejected,
)
from sfxero.model.ids import TargetId, TenantId
from sfxero.model.states import Entity, Operation
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import Grant, LimitPolicy, Observed
from sfxero.sandbox.faults import FaultKind, FaultRule
from sfxero.sandbox.server import Sandbox
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID
from sfxero.xero.accounting import Accounting
from sfxero.xero.client import XeroClient
from sfxero.xero.elements import ElementResult, match_elements
from sfxero.xero.failures import Refusal, classify
from sfxero.xero.snapshots import snapshot
from sfxero.xero.tenants import choose_tenant

pytestmark = pytest.mark.contract


def put(
    accounting: Accounting, entity: Entity, *elements: dict[str, Any], key: str = "k1"
) -> list[ElementResult]:
    plural = "Contacts" if entity is Entity.CONTACT else "Invoices"
    return accounting.write_batch(
        entity,
        Operation.CREATE,
        body=json.dumps({plural: list(elements)}).encode(),
        idempotency_key=key,
    )


def contact_of(accounting: Accounting, number: str = "001A", name: str = "Acme") -> TargetId:
    (result,) = put(
        accounting, Entity.CONTACT, {"Name": name, "ContactNumber": number}, key=f"contact-{number}"
    )
    assert result.target_id is not None
    return result.target_id


def invoice(contact_id: str, number: str, **changes: Any) -> dict[str, Any]:
    line = {
        "Description": "Widget",
        "Quantity": 3,
        "UnitAmount": 1.2345,
        "AccountCode": "200",
        "TaxType": "OUTPUT",
    }
    return {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact_id},
        "InvoiceNumber": number,
        "Status": "AUTHORISED",
        "Date": "2026-03-31",
        "DueDate": "2026-04-14",
        "LineAmountTypes": "Exclusive",
        "LineItems": [line],
        "Url": f"https://org.test/lightning/r/Opportunity/{number}/view",
        **changes,
    }


def test_the_only_organisation_is_found(new_client: Callable[..., XeroClient]) -> None:
    tenant = choose_tenant(new_client(tenant_id=None), None)

    assert tenant.tenant_id == SANDBOX_TENANT_ID


def test_settings_are_read(accounting: Accounting) -> None:
    assert accounting.organisation().base_currency == "AUD"
    assert "AUD" in accounting.currencies()
    assert any(one.code == "200" and one.is_active for one in accounting.accounts())
    rates = {rate.tax_type: rate.effective_rate for rate in accounting.tax_rates()}
    assert (rates["OUTPUT"], rates["EXEMPTEXPORT"]) == (Decimal(10), Decimal(0))


def test_a_contact_is_created_once_and_found_by_its_number(accounting: Accounting) -> None:
    contact_id = contact_of(accounting, number='00"1')

    found = accounting.contacts_by_number(['00"1', "other"])

    assert [row["ContactID"] for row in found] == [contact_id]


def test_a_batch_tells_each_element_its_own_fate(accounting: Accounting) -> None:
    contact_of(accounting)
    numbers = ["001B", "001C", "001D"]

    results = put(
        accounting,
        Entity.CONTACT,
        {"Name": "Acme", "ContactNumber": "001B"},
        {"Name": "Other", "ContactNumber": "001C"},
        {"Name": "", "ContactNumber": "001D"},
    )

    taken, created, nameless = match_elements(numbers, results)
    assert taken is not None
    assert (taken.ok, classify(taken.errors)) == (False, Refusal.NAME_TAKEN)
    assert created is not None
    assert created.ok
    assert nameless is not None
    assert nameless.errors


def test_a_taken_number_is_recognised(accounting: Accounting) -> None:
    contact_id = contact_of(accounting)
    put(accounting, Entity.INVOICE, invoice(contact_id, "SF-1"), key="first")

    (contact,) = put(accounting, Entity.CONTACT, {"Name": "New", "ContactNumber": "001A"}, key="2")
    (second,) = put(accounting, Entity.INVOICE, invoice(contact_id, "SF-1"), key="3")

    assert classify(contact.errors) is Refusal.CONTACT_NUMBER_TAKEN
    assert classify(second.errors) is Refusal.INVOICE_NUMBER_TAKEN


def test_an_invoice_keeps_four_decimals_and_comes_back_the_same(accounting: Accounting) -> None:
    contact_id = contact_of(accounting)

    (created,) = put(accounting, Entity.INVOICE, invoice(contact_id, "SF-1"))

    (read,) = accounting.invoices_by_number(["SF-1"])
    kept = json.loads(snapshot(Entity.INVOICE, read))
    assert kept["LineItems"][0]["UnitAmount"] == "1.2345"
    assert (kept["SubTotal"], kept["TotalTax"], kept["Total"]) == ("3.7", "0.37", "4.07")
    assert snapshot(Entity.INVOICE, created.element) == snapshot(Entity.INVOICE, read)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"Total": 99.0}, Refusal.TOTAL_MISMATCH),
        ({"CurrencyCode": "JPY"}, Refusal.CURRENCY_NOT_ENABLED),
        ({"LineItems": []}, Refusal.LINES_MISSING),
    ],
)
def test_refusals_of_invoices_are_recognised(
    accounting: Accounting, change: dict[str, Any], refusal: Refusal
) -> None:
    (result,) = put(accounting, Entity.INVOICE, invoice(contact_of(accounting), "SF-1", **change))

    assert not result.ok
    assert classify(result.errors) is refusal


def test_an_update_is_matched_by_its_id(accounting: Accounting) -> None:
    contact_id = contact_of(accounting)
    body = json.dumps({"Contacts": [{"ContactID": contact_id, "Name": "Acme Pty"}]}).encode()

    results = accounting.write_batch(
        Entity.CONTACT, Operation.UPDATE, body=body, idempotency_key="up"
    )

    (matched,) = match_elements(["not sent"], results, sent_ids=[contact_id])
    assert matched is not None
    assert (matched.ok, matched.element["Name"]) == (True, "Acme Pty")


def test_the_same_key_and_bytes_create_once(accounting: Accounting) -> None:
    body = {"Name": "Acme", "ContactNumber": "001A"}

    first = put(accounting, Entity.CONTACT, body, key="same")
    again = put(accounting, Entity.CONTACT, body, key="same")

    assert [one.target_id for one in first] == [one.target_id for one in again]
    assert len(list(accounting.contacts())) == 1


def test_another_body_under_a_used_key_is_refused_by_name(accounting: Accounting) -> None:
    put(accounting, Entity.CONTACT, {"Name": "Acme"}, key="same")

    with pytest.raises(RequestRejected) as caught:
        put(accounting, Entity.CONTACT, {"Name": "Other"}, key="same")

    assert caught.value.code == "IdempotencyKeyReused"


def test_all_contacts_are_listed_over_several_pages(accounting: Accounting) -> None:
    for batch in range(3):
        elements = [
            {"Name": f"Contact {batch}-{number}", "ContactNumber": f"{batch}-{number}"}
            for number in range(500)
        ]
        put(accounting, Entity.CONTACT, *elements, key=f"batch-{batch}")

    listed = list(accounting.contacts())

    assert len({one.contact_id for one in listed}) == len(listed) == 1500


def test_own_invoices_of_any_status_are_found_by_time_and_by_id(
    accounting: Accounting, sandbox: Sandbox
) -> None:
    started = sandbox.clock.now()
    contact_id = contact_of(accounting)
    (created,) = put(accounting, Entity.INVOICE, invoice(contact_id, "SF-1"))
    assert created.target_id is not None
    void = json.dumps({"Invoices": [{"InvoiceID": created.target_id, "Status": "VOIDED"}]})
    accounting.write_batch(
        Entity.INVOICE, Operation.UPDATE, body=void.encode(), idempotency_key="void"
    )

    made = list(accounting.invoices_created_by_app_since(started))

    assert [(row["InvoiceID"], row["Status"]) for row in made] == [(created.target_id, "VOIDED")]
    assert len(accounting.invoices_by_id([created.target_id])) == 1
    assert list(accounting.invoices_created_by_app_since(started + timedelta(hours=2))) == []


def test_wrong_credentials_are_told_apart_from_a_missing_scope_and_tenant(
    new_client: Callable[..., XeroClient],
) -> None:
    with pytest.raises(AuthenticationFailed):
        Accounting(new_client(client_secret="wrong")).organisation()
    with pytest.raises(AuthenticationFailed) as unknown_scope:
        Accounting(new_client(scopes="accounting.nonsense")).organisation()
    with pytest.raises(PermissionDenied) as scope:
        Accounting(new_client(scopes="accounting.contacts")).organisation()
    with pytest.raises(PermissionDenied) as tenant:
        Accounting(new_client(tenant_id=TenantId("0" * 8))).organisation()

    assert unknown_scope.value.code == "invalid_scope"
    assert (scope.value.status, tenant.value.status) == (401, 403)


class Quota:
    """Lets every call go, and keeps what the service said."""

    def __init__(self) -> None:
        self.observed: list[Observed] = []
        self.blocks: list[str] = []

    def take(self, tenant: TenantId, policy: LimitPolicy, **_: object) -> Grant:
        assert (tenant, policy.minute) == (SANDBOX_TENANT_ID, 60)
        return Grant(0.0)

    def standing(self, *_: object, **__: object) -> Grant:
        return Grant(0.0)

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        assert tenant == SANDBOX_TENANT_ID
        self.observed.append(observed)

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        assert tenant == SANDBOX_TENANT_ID
        assert 0 < seconds <= 62
        self.blocks.append(problem)


def test_what_is_left_and_what_was_refused_reach_the_limiter(
    sandbox: Sandbox, new_client: Callable[..., XeroClient]
) -> None:
    sandbox.xero.set_switches({"minute_limit": 2})
    quota, clock = Quota(), FakeClock(datetime.now(UTC))
    limiter = Limiter(quota, LimitPolicy(), tenant=TenantId(SANDBOX_TENANT_ID), sleeper=clock)
    accounting = Accounting(new_client(limiter=limiter))
    accounting.currencies()
    accounting.currencies()

    with pytest.raises(RateLimited):
        put(accounting, Entity.CONTACT, {"Name": "Acme"})

    assert [one.minute_remaining for one in quota.observed] == [1, 0]
    assert quota.blocks == ["minute"]


@pytest.mark.parametrize("path", ["/Contacts$", "/Accounts$"])
def test_a_list_whose_body_is_missing_is_read_again(
    accounting: Accounting, sandbox: Sandbox, path: str
) -> None:
    contact_of(accounting)
    expected = (len(list(accounting.contacts())), len(accounting.accounts()))
    sandbox.faults.arm(FaultRule(kind=FaultKind.EMPTY_BODY, path=path, method="GET"))

    assert (len(list(accounting.contacts())), len(accounting.accounts())) == expected


def test_a_write_whose_reply_has_no_body_is_in_doubt(
    accounting: Accounting, sandbox: Sandbox
) -> None:
    sandbox.faults.arm(FaultRule(kind=FaultKind.EMPTY_BODY, path="/Contacts$"))

    with pytest.raises(OutcomeUnknown):
        contact_of(accounting)


def list_at_most(sandbox: Sandbox, rows: int) -> None:
    books = sandbox.xero.books
    books.switches = replace(books.switches, largest_list=rows)


@pytest.mark.parametrize("seconds", [1, 86_400 * 40])
def test_more_contacts_than_xero_lists_at_once_are_read_by_their_last_changes(
    accounting: Accounting, sandbox: Sandbox, seconds: float
) -> None:
    ids = set()
    for place in range(6):
        ids.add(contact_of(accounting, number=f"00{place}", name=f"Number {place}"))
        sandbox.clock.advance(seconds)
    everyone = {one.contact_id for one in accounting.contacts()}
    list_at_most(sandbox, 2)

    assert {one.contact_id for one in accounting.contacts()} == everyone
    rows = [row["ContactID"] for row in accounting.contacts_in_full()]
    assert (len(rows), set(rows)) == (len(everyone), everyone)
    changed = accounting.changes("Contacts", since=None)
    assert {one["Id"] for one in changed.records()} == everyone
    assert ids <= everyone


def test_contacts_of_one_second_that_are_too_many_are_a_refusal(
    accounting: Accounting, sandbox: Sandbox
) -> None:
    for place in range(3):
        contact_of(accounting, number=f"00{place}", name=f"Number {place}")
    list_at_most(sandbox, 0)

    with pytest.raises(RequestRejected, match="too many"):
        list(accounting.contacts())
