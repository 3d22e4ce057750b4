"""Typed calls of the accounting API: settings, look-ups, lists and batch writes."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sfxero.errors import RequestRejected, UnexpectedResponse
from sfxero.model.ids import TargetId
from sfxero.model.states import Entity, Operation
from sfxero.xero.changes import Changes
from sfxero.xero.client import XeroClient
from sfxero.xero.date_ranges import ALL_CHANGES, SALES, ChangeRange, DateRange, in_ranges
from sfxero.xero.dates import parse_xero_date
from sfxero.xero.elements import PLURALS, ElementResult, allocated, emailed, parse_elements
from sfxero.xero.organisation import (
    Account,
    Organisation,
    TaxRate,
    TrackingCategory,
    account_of,
    optional,
    organisation_of,
    required,
    tax_rate_of,
    tracking_category_of,
)
from sfxero.xero.paging import FetchPage, Page, Row, numbered_rows, page_of, seek_rows

INVOICES: Final = "Invoices"
CONTACTS: Final = "Contacts"
_METHODS: Final = {
    Operation.CREATE: "PUT",
    Operation.UPDATE: "POST",
    Operation.VOID: "POST",
    Operation.CREDIT: "PUT",
    Operation.ALLOCATE: "PUT",
}
_LIST_CHUNK: Final = 40
_WHERE_CHUNK: Final = 20
_LONGEST_LIST: Final = 1500
_QUERY_PARSE: Final = "16"
_CLOCK_SKEW: Final = timedelta(hours=1)
"""How far a worker's clock may be ahead: rows too many cost less than a second invoice."""


@dataclass(frozen=True, slots=True)
class ContactSummary:
    """What a summary list says of a contact; `merged_to` names the contact it was merged into."""

    contact_id: TargetId
    name: str
    contact_number: str | None
    account_number: str | None
    status: str | None
    merged_to: TargetId | None
    updated_at: datetime | None


class Accounting:
    """The accounting API of the client's tenant."""

    def __init__(self, client: XeroClient) -> None:
        """The client takes the permits and renews the token."""
        self._client = client
        self._notes_at_once = _WHERE_CHUNK

    def organisation(self) -> Organisation:
        """Return the organisation's own facts."""
        rows = self._settings("Organisation", "Organisations")
        if len(rows) != 1:
            raise UnexpectedResponse(f"Xero sent {len(rows)} organisations, not one")
        return organisation_of(rows[0])

    def accounts(self) -> list[Account]:
        """Return the chart of accounts, archived ones too."""
        return [account_of(row) for row in self._settings("Accounts", "Accounts")]

    def tax_rates(self) -> list[TaxRate]:
        """Return the tax rates, deleted ones too."""
        return [tax_rate_of(row) for row in self._settings("TaxRates", "TaxRates")]

    def currencies(self) -> list[str]:
        """Return the codes of the currencies that the organisation may use."""
        return [required(row, "Code") for row in self._settings("Currencies", "Currencies")]

    def item_codes(self) -> list[str]:
        """Return the codes of all items."""
        return [required(row, "Code") for row in self._settings("Items", "Items")]

    def tracking_categories(self) -> list[TrackingCategory]:
        """Return the tracking categories, archived ones too."""
        rows = self._settings("TrackingCategories", "TrackingCategories")
        return [tracking_category_of(row) for row in rows]

    def branding_themes(self) -> dict[str, str]:
        """Return the ids of the branding themes by name."""
        rows = self._settings("BrandingThemes", "BrandingThemes")
        return {required(row, "Name"): required(row, "BrandingThemeID") for row in rows}

    def contacts(
        self, *, modified_since: datetime | None = None, include_archived: bool = True
    ) -> Iterator[ContactSummary]:
        """Yield contacts, oldest change first; one that changes meanwhile comes again."""
        archived = "true" if include_archived else "false"
        params: dict[str, str | int] = {
            "pageSize": 1000,
            "summaryOnly": "true",
            "includeArchived": archived,
        }

        def read(times: ChangeRange) -> Iterator[Row]:
            fetch = self._pages(CONTACTS, {**params, **times.where()})
            return seek_rows(fetch, id_field="ContactID", since=modified_since)

        for row in in_ranges(read, ALL_CHANGES):
            yield _summary(row)

    def count_contacts(self) -> int:
        """Return how many active contacts there are; one call."""
        page = self._pages("Contacts", {"pageSize": 1, "summaryOnly": "true"})(1, None)
        return page.page_count or len(page.rows)

    def contacts_in_full(self) -> Iterator[Row]:
        """Yield every contact once, with all it has, archived ones too; a thousand to a call.

        By id, none can move up meanwhile and be missed, since contacts are never deleted; a new
        one moves others down, so that they come again. More than Xero lists at once come by the
        times of their last changes.
        """
        fetch_of = self._contact_pages()

        def read(times: ChangeRange) -> Iterator[Row]:
            fetch = fetch_of(times)
            if times.is_whole:
                return numbered_rows(fetch)
            return seek_rows(fetch, id_field="ContactID", since=None)

        seen: set[object] = set()
        for row in in_ranges(read, ALL_CHANGES):
            contact_id = row.get("ContactID")
            if contact_id not in seen:
                seen.add(contact_id)
                yield row

    def contacts_by_id(self, ids: Sequence[TargetId], *, permit_taken: bool = False) -> list[Row]:
        """Return contacts by id, archived ones too; a taken permit is used for the first call."""
        found: list[Row] = []
        for chunk in _chunks(ids, most=_LIST_CHUNK):
            wanted: dict[str, str | int] = {"IDs": ",".join(chunk), "includeArchived": "true"}
            fetch = self._pages("Contacts", {**wanted, "pageSize": 100}, permit_taken=permit_taken)
            found += numbered_rows(fetch)
            permit_taken = False
        return found

    def contacts_by_number(self, numbers: Sequence[str]) -> list[Row]:
        """Return all contacts, archived ones too, that carry one of the numbers."""
        found: list[Row] = []
        for chunk in _chunks(numbers, most=_WHERE_CHUNK):
            try:
                found += self._contacts_where(chunk)
            except RequestRejected as error:
                # OR over ContactNumber is not among the forms that Xero lists as supported.
                if error.code != _QUERY_PARSE or len(chunk) == 1:
                    raise
                for number in chunk:
                    found += self._contacts_where([number])
        return found

    def invoices_by_number(self, numbers: Sequence[str]) -> list[Row]:
        """Return the sales invoices of any status that carry one of the numbers."""
        found: list[Row] = []
        for chunk in _chunks([n for n in numbers if "," not in n], most=_LIST_CHUNK):
            found += self._invoices({"InvoiceNumbers": ",".join(chunk)})
        for number in dict.fromkeys(n for n in numbers if "," in n):
            found += self._invoices({"where": _equals("InvoiceNumber", number)})
        # Numbers of bills are the suppliers' and may repeat ours.
        return [row for row in found if row.get("Type") != "ACCPAY"]

    def credit_notes_by_number(self, numbers: Sequence[str]) -> dict[str, Row | None]:
        """Return by number, for as many as one call tells of, the customers' credit notes in full.

        Of any status; None where there is none. Numbers that are missing are to be asked for anew.
        """
        chunk = next(_chunks(numbers, most=self._notes_at_once), [])
        try:
            found = self._credit_notes_where(chunk) if chunk else []
        except RequestRejected as error:
            # OR over CreditNoteNumber is not among the forms that Xero lists as supported.
            if error.code != _QUERY_PARSE or len(chunk) == 1:
                raise
            self._notes_at_once = 1
            return self.credit_notes_by_number(numbers)
        # Numbers of suppliers' credit notes are theirs and may repeat ours.
        ours = [row for row in found if row.get("Type") == "ACCRECCREDIT"]
        by_number = {str(row.get("CreditNoteNumber")).casefold(): row for row in ours}
        return {number: by_number.get(number.casefold()) for number in chunk}

    def invoices_by_id(self, ids: Sequence[TargetId], *, permit_taken: bool = False) -> list[Row]:
        """Return invoices by id, of any status; a taken permit is used for the first call."""
        found: list[Row] = []
        for chunk in _chunks(ids, most=_LIST_CHUNK):
            found += self._invoices({"IDs": ",".join(chunk)}, permit_taken=permit_taken)
            permit_taken = False
        return found

    def invoices_created_by_app_since(self, when: datetime) -> Iterator[Row]:
        """Yield this app's invoices of any status that were created or changed since `when`."""
        fetch = self._pages("Invoices", {"createdByMyApp": "true", "pageSize": 1000, "unitdp": 4})
        return seek_rows(fetch, id_field="InvoiceID", since=when - _CLOCK_SKEW)

    def changes(
        self, plural: str, *, since: datetime | None, with_details: bool = False
    ) -> Changes:
        """Return a reading of what changed since a moment, of any status; bills are left out.

        The details are those of invoices: their lines and payments.
        """
        clauses = [SALES] if plural == INVOICES else []
        is_dated = plural != CONTACTS
        fetch_of = self._pages_by_dates(plural, *clauses) if is_dated else self._contact_pages()
        with_details = with_details and plural == INVOICES
        return Changes(plural, fetch_of, since=since, with_details=with_details)

    def open_invoices(self, *, with_details: bool = False) -> Changes:
        """Return a reading of the sales invoices that are approved and not paid."""
        fetch_of = self._pages_by_dates(INVOICES, SALES, 'Status=="AUTHORISED"')
        return Changes(INVOICES, fetch_of, since=None, with_details=with_details)

    def take_permit(self) -> None:
        """Wait for the right to make one call."""
        self._client.take_permit()

    def write_batch(
        self,
        entity: Entity,
        operation: Operation,
        *,
        body: bytes,
        idempotency_key: str,
        permit_taken: bool = False,
    ) -> list[ElementResult]:
        """Send one batch; a create by PUT, so that a clash is an error and no silent overwrite."""
        if entity is Entity.INVOICE_EMAIL:
            return [self._email(body, idempotency_key=idempotency_key, permit_taken=permit_taken)]
        if operation is Operation.ALLOCATE:
            return [
                self._allocate(body, idempotency_key=idempotency_key, permit_taken=permit_taken)
            ]
        # Without summarizeErrors=false a 400 hides which elements went through.
        params: dict[str, str | int] = {"summarizeErrors": "false"}
        if operation is Operation.CREDIT:
            entity = Entity.CREDIT_NOTE
        if entity is not Entity.CONTACT:
            params["unitdp"] = 4
        reply = self._client.call(
            _METHODS[operation],
            PLURALS[entity],
            params=params,
            content=body,
            idempotency_key=idempotency_key,
            is_write=True,
            permit_taken=permit_taken,
        )
        return parse_elements(entity, reply.body)

    def _email(self, body: bytes, *, idempotency_key: str, permit_taken: bool) -> ElementResult:
        """Let Xero e-mail the invoice that the body names; the answer is empty."""
        invoice_id = TargetId(json.loads(body)["InvoiceID"])
        self._client.call(
            "POST",
            f"{PLURALS[Entity.INVOICE]}/{invoice_id}/Email",
            # The specification requires a body and says nothing of what is in it (emailInvoice).
            content=b"{}",
            idempotency_key=idempotency_key,
            is_write=True,
            permit_taken=permit_taken,
        )
        return emailed(invoice_id)

    def _allocate(self, body: bytes, *, idempotency_key: str, permit_taken: bool) -> ElementResult:
        """Use a credit note for an invoice; the body's one element names both."""
        (element,) = json.loads(body)["Allocations"]
        note_id = TargetId(element["CreditNote"]["CreditNoteID"])
        reply = self._client.call(
            _METHODS[Operation.ALLOCATE],
            f"{PLURALS[Entity.CREDIT_NOTE]}/{note_id}/Allocations",
            params={"summarizeErrors": "false"},
            content=body,
            idempotency_key=idempotency_key,
            is_write=True,
            permit_taken=permit_taken,
        )
        return allocated(note_id, reply.body)

    def _settings(self, path: str, plural: str) -> list[Row]:
        return page_of(self._client.call("GET", path).body, plural).rows

    def _contacts_where(self, numbers: Sequence[str]) -> Iterable[Row]:
        where = " OR ".join(_equals("ContactNumber", number) for number in numbers)
        fetch = self._pages(
            "Contacts", {"where": where, "includeArchived": "true", "pageSize": 100}
        )
        return numbered_rows(fetch)

    def _credit_notes_where(self, numbers: Sequence[str]) -> list[Row]:
        where = " OR ".join(_equals("CreditNoteNumber", number) for number in numbers)
        params: dict[str, str | int] = {"where": where, "pageSize": 100, "unitdp": 4}
        return list(numbered_rows(self._pages("CreditNotes", params)))

    def _invoices(
        self, params: Mapping[str, str | int], *, permit_taken: bool = False
    ) -> Iterable[Row]:
        wanted = {**params, "pageSize": 100, "unitdp": 4}
        return numbered_rows(self._pages("Invoices", wanted, permit_taken=permit_taken))

    def _pages_by_dates(self, plural: str, *clauses: str) -> Callable[[DateRange], FetchPage]:
        params: dict[str, str | int] = {"pageSize": 1000}
        if plural == INVOICES:
            params["unitdp"] = 4  # else the prices of lines come rounded
        return lambda dates: self._pages(plural, {**dates.where(*clauses), **params})

    def _contact_pages(self) -> Callable[[ChangeRange], FetchPage]:
        """Ask for all contacts by id, and for a part of them by the time of the last change."""
        params: dict[str, str | int] = {"pageSize": 1000, "includeArchived": "true"}

        def fetch_of(times: ChangeRange) -> FetchPage:
            order = {"order": "ContactID"} if times.is_whole else {}
            return self._pages(CONTACTS, {**times.where(), **params, **order})

        return fetch_of

    def _pages(
        self, plural: str, params: Mapping[str, str | int], *, permit_taken: bool = False
    ) -> FetchPage:
        permits = [permit_taken]

        def fetch(page_number: int, since: datetime | None) -> Page:
            reply = self._client.call(
                "GET",
                plural,
                params={**params, "page": page_number},
                if_modified_since=since,
                permit_taken=bool(permits and permits.pop()),
            )
            return page_of(reply.body, plural)

        return fetch


def _summary(row: Mapping[str, Any]) -> ContactSummary:
    merged_to, updated = optional(row, "MergedToContactID"), optional(row, "UpdatedDateUTC")
    return ContactSummary(
        contact_id=TargetId(required(row, "ContactID")),
        name=optional(row, "Name") or "",
        contact_number=optional(row, "ContactNumber"),
        account_number=optional(row, "AccountNumber"),
        status=optional(row, "ContactStatus"),
        merged_to=None if merged_to is None else TargetId(merged_to),
        updated_at=None if updated is None else parse_xero_date(updated),
    )


def _equals(field: str, value: str) -> str:
    """Return a `where` clause; quotes are doubled, and a backslash cannot be said at all."""
    if "\\" in value:
        raise ValueError(f"{field} with a backslash cannot be searched for")
    doubled = value.replace('"', '""')
    return f'{field}=="{doubled}"'


def _chunks(values: Iterable[str], *, most: int) -> Iterator[list[str]]:
    """Yield distinct values in lists that fit into an address, by count and by length."""
    chunk: list[str] = []
    for value in dict.fromkeys(values):
        if chunk and (len(chunk) == most or sum(map(len, chunk)) + len(value) > _LONGEST_LIST):
            yield chunk
            chunk = []
        chunk.append(value)
    if chunk:
        yield chunk
