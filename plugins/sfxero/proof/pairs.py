"""Opportunities, links and invoices side by side: one row for each opportunity that any knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import (
    clean_text,
    date_column,
    fill_template,
    flag_column,
    flags,
    number_column,
    stamp_column,
    text_column,
)
from sfxero.mapping.comparing import meets
from sfxero.mapping.exchange import read_exchange
from sfxero.mapping.money_rules import RateTable
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.refusals import Findings
from sfxero.mapping.status_fields import STATUS_FIELDS
from sfxero.mapping.totals import quotients
from sfxero.model.states import Entity
from sfxero.proof.documents import MONEY, amount_column, one_piece, places_in, text

if TYPE_CHECKING:
    from sfxero.mapping.spec import RouteSpec

LIVE: Final = pa.array(["DRAFT", "SUBMITTED", "AUTHORISED", "PAID"])
_KINDS: Final = {one.key: one.kind for one in STATUS_FIELDS}


def opportunity_table(
    staged: pa.Table,
    spec: "RouteSpec",
    *,
    organisation: OrganisationFacts,
    org_rates: RateTable,
    shown: Mapping[str, str],
) -> pa.Table:
    """Return the org's opportunities as columns; `shown` names its status fields by their keys.

    What the route converts is told as its invoice is: in the organisation's currency.
    """
    invoices = spec.invoices
    won = flag_column(staged, "IsWon") & ~flag_column(staged, "IsDeleted")
    scoped = won if invoices.when is None else won & meets(invoices.when, staged)
    currencies, amounts, converted = _amounts(staged, spec, organisation, org_rates)
    columns = {
        "id": text(text_column(staged, "Id")),
        "name": text(text_column(staged, "Name")),
        "account_id": text(clean_text(staged, invoices.account)),
        "amount": amounts,
        "currency": currencies,
        "converted": converted,
        "closed_on": date_column(staged, invoices.date),
        "number": _numbers(staged, invoices.number),
        "deleted": pa.array(flag_column(staged, "IsDeleted")),
        "won": pa.array(won),
        "scoped": pa.array(scoped),
        "stamp_at": stamp_column(staged, "SystemModstamp"),
    }
    for key, name in shown.items():
        columns[f"shown_{key}"] = _shown(staged, name, kind=_KINDS[key])
    return pa.table(columns)


@dataclass(frozen=True, slots=True)
class ThreeSides:
    """What was read: opportunities, links and invoices as columns, and what stands for records."""

    opportunities: pa.Table
    links: pa.Table
    invoices: pa.Table
    standing: Mapping[str, str]
    """By opportunity, the state of its live entry, `quarantined` or `discarded`."""
    reasons: Mapping[str, str]
    """By opportunity, the rule or message that says why."""
    contacts: Mapping[str, str]
    """By account, its contact."""
    showing: Mapping[str, str]
    """By opportunity, the state of what waits to be shown on it."""
    shown_meanwhile: Sequence[str]
    """Opportunities that were shown something while the sides were read."""
    sent: Sequence[str] = ()
    """Opportunities of which something was sent to Xero, and its answer is not booked."""
    credited: Mapping[str, Decimal] = field(default_factory=dict)
    """By invoice, what our credit notes took off the amount that its opportunity has now."""
    noted: Mapping[str, Decimal] = field(default_factory=dict)
    """The same with tax, as it is allocated."""
    begun: Mapping[str, str] = field(default_factory=dict)
    """By opportunity, the number of a credit note that was begun and is not booked."""
    merged: Mapping[str, str] = field(default_factory=dict)
    """By contact that was merged, the one that survived: its invoices went there by themselves."""


class Pairs:
    """The joined rows, read by column: `s_` of Salesforce, `l_` of the ledger, `x_` of Xero."""

    def __init__(self, books: ThreeSides, *, line_amount_types: str) -> None:
        """Join on the opportunity's id, and on the link's invoice."""
        org, links = books.opportunities, books.links
        ids = pc.unique(pa.concat_arrays([text(org["id"]), text(links["source_id"])]))
        parts = {
            "s": _looked_up(ids, org, "id"),
            "l": _looked_up(ids, links, "source_id"),
        }
        parts["x"] = _looked_up(text(parts["l"]["id"]), books.invoices, "id")
        self._columns: dict[str, pa.Array] = {
            f"{side}_{name}": one_piece(table[name])
            for side, table in parts.items()
            for name in table.column_names
        }
        self._columns["id"] = ids
        total = amount_column(line_amount_types)
        # What the ledger credited itself: a person's own credit notes are none of it.
        self._columns["has_notes"] = pc.is_in(
            self["x_id"], pa.array(list(books.credited), pa.string())
        )
        for side in ("l", "x"):
            amounts, ids_of_side = self[f"{side}_{total}"], self[f"{side}_id"]
            self._columns[f"{side}_amount"] = _less(amounts, ids_of_side, books.credited)
        self._columns["notes"] = _mapped_amounts(self["x_id"], books.noted)
        self._columns["begun"] = _mapped(ids, books.begun)
        survivors = _mapped(self["l_contact_id"], books.merged)
        self._columns["l_contact_id"] = pc.coalesce(survivors, self["l_contact_id"])
        self._columns["s_contact_id"] = _mapped(self["s_account_id"], books.contacts)
        self._columns["showing"] = _mapped(ids, books.showing)
        self._columns["state"] = _mapped(ids, books.standing)
        # Beside it, something newer may wait, which is the state then.
        self._columns["sent"] = pc.is_in(ids, pa.array(books.sent, pa.string()))
        self._columns["reason"] = _mapped(ids, books.reasons)

    @property
    def ids(self) -> pa.Array:
        """The opportunities' ids."""
        return self["id"]

    def __len__(self) -> int:
        """Count the opportunities."""
        return len(self.ids)

    def __getitem__(self, name: str) -> pa.Array:
        """Return a column."""
        return self._columns[name]

    def __contains__(self, name: str) -> bool:
        """Say whether there is such a column."""
        return name in self._columns

    def flag(self, name: str) -> np.ndarray:
        """Return a column of booleans; missing counts as false."""
        return flags(self[name])

    def has(self, name: str) -> np.ndarray:
        """Say which rows have a value."""
        return flags(pc.is_valid(self[name]))

    def is_in(self, name: str, values: Any) -> np.ndarray:
        """Say which rows have one of the values."""
        return flags(pc.is_in(self[name], pa.array(values)))

    def differs(self, left: str, right: str) -> np.ndarray:
        """Say where two columns differ; both empty is alike, one empty is not."""
        return differing(self[left], self[right])

    @property
    def is_invoiced(self) -> np.ndarray:
        """Which rows have a link whose invoice stands in Xero."""
        return flags(pc.is_in(self["x_status"], LIVE))


def differing(left: pa.Array, right: pa.Array) -> np.ndarray:
    """Say where two columns differ; both empty is alike, one empty is not."""
    unequal = pc.fill_null(pc.not_equal(left, right), False)
    return flags(pc.or_(unequal, pc.xor(pc.is_null(left), pc.is_null(right))))


def minus(left: pa.Array, right: pa.Array) -> pa.Array:
    """Return left less right, an empty value counting as nothing."""
    nothing = pa.scalar(0, MONEY)
    return pc.cast(pc.subtract(pc.fill_null(left, nothing), pc.fill_null(right, nothing)), MONEY)


def _looked_up(keys: pa.Array, table: pa.Table, key: str) -> pa.Table:
    return table.combine_chunks().take(places_in(keys, text(table[key])))


def _less(amounts: pa.Array, invoice_ids: pa.Array, credited: Mapping[str, Decimal]) -> pa.Array:
    """Take off what credit notes of ours were made for: invoice and notes are one sale."""
    if not credited:
        return amounts
    off = _mapped_amounts(invoice_ids, credited)
    return pc.if_else(pc.is_valid(off), minus(amounts, off), amounts)


def _mapped_amounts(keys: pa.Array, values: Mapping[str, Decimal]) -> pa.Array:
    taken = pa.array(list(values.values()), MONEY)
    return taken.take(places_in(keys, pa.array(list(values), pa.string())))


def _mapped(keys: pa.Array, values: Mapping[str, str]) -> pa.Array:
    known = pa.array(list(values), pa.string())
    taken = pa.array(list(values.values()), pa.string())
    return taken.take(places_in(keys, known))


def _amounts(
    staged: pa.Table, spec: "RouteSpec", organisation: OrganisationFacts, org_rates: RateTable
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return each opportunity's currency and amount, and whether they are converted."""
    invoices = spec.invoices
    exchange = read_exchange(
        staged,
        date_column(staged, invoices.date),
        invoices,
        organisation,
        Findings(Entity.OPPORTUNITY, text_column(staged, "Id")),
        org_rates=org_rates,
    )
    amounts = _money(staged, invoices.amount)
    is_converted = pc.is_valid(exchange.divisors)
    own = pc.cast(quotients(amounts, exchange.divisors, places=2), MONEY)
    base = pa.scalar(organisation.base_currency, pa.string())
    currencies = pc.fill_null(text(exchange.currencies), base)
    if invoices.exchange.not_enabled == "refuse" and invoices.currency is not None:
        currencies = pc.fill_null(text(clean_text(staged, invoices.currency)), base)
        return currencies, amounts, pa.repeat(pa.scalar(False), staged.num_rows)
    return currencies, pc.if_else(is_converted, own, amounts), is_converted


def _shown(staged: pa.Table, name: str, *, kind: str) -> pa.Array:
    if kind == "currency":
        return _money(staged, name)
    return date_column(staged, name) if kind == "date" else text(clean_text(staged, name))


def _numbers(staged: pa.Table, template: str | None) -> pa.Array:
    if template is None:
        return pa.nulls(staged.num_rows, pa.string())
    return text(fill_template(staged, template))


def _money(staged: pa.Table, path: str) -> pa.Array:
    return pc.cast(pc.round(number_column(staged, path), ndigits=4), MONEY)
