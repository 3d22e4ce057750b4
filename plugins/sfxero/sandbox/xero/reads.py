"""Reads of contacts, invoices and settings."""

from collections.abc import Iterable
from datetime import timedelta

from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import NotFound
from sfxero.sandbox.xero.fields import guid_or_none
from sfxero.sandbox.xero.listing import (
    CONTACTS,
    INVOICES,
    is_paged,
    modified_since,
    select,
    wanted_ids,
)
from sfxero.sandbox.xero.models import Contact, Invoice
from sfxero.sandbox.xero.rendering import (
    account_json,
    contact_json,
    invoice_json,
    organisation_json,
    summary_json,
    tax_rate_json,
)
from sfxero.sandbox.xero.replies import Json, Reply
from sfxero.sandbox.xero.settings_seed import SEEDED_AT


def read_contacts(call: Call) -> Reply:
    """A list, or one by id or ContactNumber."""
    if call.identifier is not None:
        return call.answer("Contacts", [contact_json(call.books, _contact(call), detail=True)])
    ids, paged, summary = wanted_ids(call), is_paged(call), call.asks("summaryOnly")
    with_archived = call.asks("includeArchived")
    records = [
        one
        for one in call.books.contacts.values()
        if (with_archived or one.status != "ARCHIVED") and (ids is None or one.contact_id in ids)
    ]
    page = select(call, records, CONTACTS, paged=paged)
    rows = [contact_json(call.books, one, detail=paged, summary=summary) for one in page.rows]
    return call.answer("Contacts", rows, page.pagination)


def read_invoices(call: Call) -> Reply:
    """A list, or one by id or number; unpaged lists come without lines."""
    books = call.books
    if call.identifier is not None:
        row = invoice_json(
            books,
            _invoice(call),
            four_decimals=call.four_decimals,
            lines=True,
            whole_contact=True,
        )
        return call.answer("Invoices", [row])
    paged = is_paged(call)
    page = select(call, _chosen(call), INVOICES, paged=paged)
    if call.asks("summaryOnly"):
        return call.answer(
            "Invoices", [summary_json(books, one) for one in page.rows], page.pagination
        )
    rows = [
        invoice_json(books, one, four_decimals=call.four_decimals, lines=paged, whole_contact=False)
        for one in page.rows
    ]
    return call.answer("Invoices", rows, page.pagination)


def read_organisation(call: Call) -> Reply:
    """The one organisation."""
    if call.identifier is not None:
        raise NotFound
    return call.answer("Organisations", [organisation_json(call.books, call.tenant_id)])


def read_accounts(call: Call) -> Reply:
    """The chart of accounts."""
    accounts = call.books.accounts.values()
    if call.identifier is not None:
        wanted = {call.identifier.lower(), call.identifier}
        found = [one for one in accounts if one.account_id in wanted or one.code in wanted]
        return call.answer("Accounts", _one_of([account_json(one) for one in found]))
    return call.answer("Accounts", _since(call, [account_json(one) for one in accounts]))


def read_tax_rates(call: Call) -> Reply:
    """The tax table."""
    rates = call.books.tax_rates
    if call.identifier is not None:
        found = [rates[call.identifier]] if call.identifier in rates else []
        return call.answer("TaxRates", _one_of([tax_rate_json(one) for one in found]))
    return call.answer("TaxRates", [tax_rate_json(one) for one in rates.values()])


def read_currencies(call: Call) -> Reply:
    """The enabled currencies."""
    if call.identifier is not None:
        raise NotFound
    rows: list[Json] = [
        {"Code": code, "Description": name} for code, (name, _) in call.books.currencies.items()
    ]
    return call.answer("Currencies", rows)


def _since(call: Call, rows: list[Json]) -> list[Json]:
    """Settings never change here, so a later `If-Modified-Since` finds none."""
    since = modified_since(call)
    return [] if since is not None and since > SEEDED_AT + timedelta(seconds=1) else rows


def _one_of(rows: list[Json]) -> list[Json]:
    if not rows:
        raise NotFound
    return rows


def _contact(call: Call) -> Contact:
    key = call.identifier or ""
    found = call.books.contacts.get(guid_or_none(key) or "") or call.books.numbered(key)
    if found is None:
        raise NotFound
    return found


def _invoice(call: Call) -> Invoice:
    key = call.identifier or ""
    found = call.books.invoices.get(guid_or_none(key) or "") or call.books.any_invoice(key)
    if found is None:
        raise NotFound
    return found


def _chosen(call: Call) -> Iterable[Invoice]:
    ids, contact_ids = wanted_ids(call), wanted_ids(call, "ContactIDs")
    numbers, statuses = call.comma_list("InvoiceNumbers"), call.comma_list("Statuses")
    mine = call.bearer.app.client_id if call.asks("createdByMyApp") else None
    for one in call.books.invoices.values():
        if (
            (ids is None or one.invoice_id in ids)
            and (contact_ids is None or one.contact_id in contact_ids)
            and (numbers is None or one.number in numbers)
            and (statuses is None or one.status in statuses)
            and (mine is None or one.created_by == mine)
        ):
            yield one
