"""The accounting endpoints: their scopes, verbs and parts (xero-api, 1.4 and 3.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import NotFound
from sfxero.sandbox.xero.neighbours import email_invoice, read_online_invoice
from sfxero.sandbox.xero.reads import read_contacts, read_invoices
from sfxero.sandbox.xero.reads_money import (
    read_batch_payments,
    read_credit_notes,
    read_history,
    read_overpayments,
    read_payments,
    read_prepayments,
)
from sfxero.sandbox.xero.reads_settings import (
    read_accounts,
    read_currencies,
    read_items,
    read_organisation,
    read_organisation_part,
    read_tax_rates,
    read_themes,
    read_tracking,
)
from sfxero.sandbox.xero.replies import Reply
from sfxero.sandbox.xero.reports import read_aged_receivables, read_trial_balance
from sfxero.sandbox.xero.writes import write_contacts, write_credit_notes, write_invoices
from sfxero.sandbox.xero.writes_money import (
    add_notes,
    delete_allocation,
    write_allocations,
    write_bank_transactions,
    write_batch_payments,
    write_payments,
)

Answer: TypeAlias = Callable[[Call], Reply]
Verbs: TypeAlias = Mapping[str, Answer]

_HISTORY: Mapping[str, Verbs] = {"History": {"GET": read_history, "PUT": add_notes}}
_BROAD = "accounting.transactions"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One resource: its scopes and what answers each verb, alone, with an id, or below an id."""

    scopes: tuple[str, ...]
    broad: str
    verbs: Verbs = field(default_factory=dict)
    verbs_by_id: Verbs = field(default_factory=dict)
    parts: Mapping[str, Verbs] = field(default_factory=dict)
    parts_by_id: Mapping[str, Verbs] = field(default_factory=dict)

    def allowed_scopes(self, method: str, *, broad: bool) -> tuple[str, ...]:
        """Reading is also allowed by the `.read` twin."""
        names = (*self.scopes, self.broad) if broad else self.scopes
        if method != "GET":
            return names
        return (*names, *(f"{name}.read" for name in names if not name.endswith(".read")))

    def verbs_at(self, *, identifier: str | None, part: str | None, part_id: str | None) -> Verbs:
        """What may be done at a path; a part that does not exist is not found."""
        if part is None:
            return self.verbs if identifier is None else self.verbs_by_id
        found = (self.parts if part_id is None else self.parts_by_id).get(part)
        if found is None:
            raise NotFound
        return found


def _settings(answer: Answer, *, by_id: bool = True) -> Endpoint:
    verbs = {"GET": answer}
    scope = "accounting.settings"
    return Endpoint((scope,), scope, verbs, verbs if by_id else {})


def _report(name: str) -> tuple[str, ...]:
    return (f"accounting.reports.{name}.read",)


def _credits(scope: str, read: Answer, write: Answer | None = None) -> Endpoint:
    by_list: Verbs = {"GET": read} if write is None else {"GET": read, "PUT": write, "POST": write}
    by_id: Verbs = {"GET": read} if write is None else {"GET": read, "POST": write}
    return Endpoint(
        (scope,),
        _BROAD,
        by_list,
        by_id,
        {**_HISTORY, "Allocations": {"PUT": write_allocations}},
        {"Allocations": {"DELETE": delete_allocation}},
    )


ENDPOINTS: Mapping[str, Endpoint] = {
    "Organisation": Endpoint(
        ("accounting.settings",),
        "accounting.settings",
        {"GET": read_organisation},
        {"GET": read_organisation_part},
    ),
    "Accounts": _settings(read_accounts),
    "TaxRates": _settings(read_tax_rates),
    "Currencies": _settings(read_currencies, by_id=False),
    "TrackingCategories": _settings(read_tracking),
    "BrandingThemes": _settings(read_themes),
    "Items": Endpoint(
        ("accounting.settings", "accounting.invoices"),
        _BROAD,
        {"GET": read_items},
        {"GET": read_items},
    ),
    "Contacts": Endpoint(
        ("accounting.contacts",),
        "accounting.contacts",
        {"GET": read_contacts, "PUT": write_contacts, "POST": write_contacts},
        {"GET": read_contacts, "POST": write_contacts},
        _HISTORY,
    ),
    "Invoices": Endpoint(
        ("accounting.invoices",),
        _BROAD,
        {"GET": read_invoices, "PUT": write_invoices, "POST": write_invoices},
        {"GET": read_invoices, "POST": write_invoices},
        {
            **_HISTORY,
            "OnlineInvoice": {"GET": read_online_invoice},
            "Email": {"POST": email_invoice},
        },
    ),
    "CreditNotes": _credits("accounting.invoices", read_credit_notes, write_credit_notes),
    "Overpayments": _credits("accounting.payments", read_overpayments),
    "Prepayments": _credits("accounting.payments", read_prepayments),
    "Payments": Endpoint(
        ("accounting.payments",),
        _BROAD,
        {"GET": read_payments, "PUT": write_payments, "POST": write_payments},
        {"GET": read_payments, "POST": write_payments},
        _HISTORY,
    ),
    "BatchPayments": Endpoint(
        ("accounting.payments",),
        _BROAD,
        {"GET": read_batch_payments, "PUT": write_batch_payments, "POST": write_batch_payments},
        {"GET": read_batch_payments, "POST": write_batch_payments},
        _HISTORY,
    ),
    "BankTransactions": Endpoint(
        ("accounting.banktransactions",),
        _BROAD,
        {"PUT": write_bank_transactions, "POST": write_bank_transactions},
    ),
    "Reports/AgedReceivablesByContact": Endpoint(
        _report("aged"), "accounting.reports", {"GET": read_aged_receivables}
    ),
    "Reports/TrialBalance": Endpoint(
        _report("trialbalance"), "accounting.reports", {"GET": read_trial_balance}
    ),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A path below `/api.xro/2.0/`, taken apart."""

    resource: str
    endpoint: Endpoint | None
    identifier: str | None = None
    part: str | None = None
    part_id: str | None = None


def place_of(path: str) -> Place:
    """Take a path apart; an unknown or too deep one has no endpoint."""
    words = path.strip("/").split("/")
    if words[0] == "Reports" and len(words) > 1:
        words = ["/".join(words[:2]), *words[2:]]
    resource, *rest = words
    endpoint = ENDPOINTS.get(resource)
    if len(rest) > 3 or "" in rest:
        endpoint = None
    identifier, part, part_id = [*rest[:3], None, None, None][:3]
    return Place(resource, endpoint, identifier, part, part_id)
