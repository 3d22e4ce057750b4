"""One comparison, from what was read to its differences, sums and mart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import flags
from sfxero.mapping.organisation import View
from sfxero.model.differences import Difference
from sfxero.proof.contacts import check_contacts
from sfxero.proof.documents import places_in, text
from sfxero.proof.found import Found
from sfxero.proof.pair_checks import Moments, PairChecks
from sfxero.proof.pairs import Pairs, ThreeSides
from sfxero.proof.receivables import receivables
from sfxero.proof.shown import check_shown
from sfxero.proof.strays import check_alone, stray_invoices
from sfxero.proof.sums import Sums, sum_up

if TYPE_CHECKING:
    from sfxero.mapping.spec import RouteSpec


@dataclass(frozen=True, slots=True)
class People:
    """Accounts of the org, their links, and the organisation's contacts."""

    accounts: pa.Table
    links: pa.Table
    directory: pa.Table


@dataclass(frozen=True, slots=True)
class Proof:
    """What a comparison found."""

    differences: Sequence[Difference]
    sums: Sums
    receivables: pa.Table
    links: int
    opportunities: int
    invoices: int
    names: Mapping[str, str]
    """Of opportunities with a difference: account and name."""
    is_taxed_in: bool
    """Whether the opportunity's amount is the invoice's total, tax included."""


def prove(
    books: ThreeSides, people: People, spec: "RouteSpec", *, moments: Moments, view: View
) -> Proof:
    """Compare everything; each record that does not agree on all sides gets a named difference.

    `view` is from where the organisation is looked at: today, and its short code.
    """
    pairs = Pairs(books, line_amount_types=spec.invoices.line_amount_types)
    found = Found(_ids(pairs))
    checks = PairChecks(
        pairs,
        found,
        moments,
        moves_locked_dates=spec.invoices.lock_dates == "first_open_day",
        voids_reopened=spec.invoices.on_reopen != "list",
        tolerance=spec.invoices.rounding.tolerance,
    )
    checks.run()
    strays = stray_invoices(books, spec)
    of_strays = check_alone(pairs, checks, strays)
    if moments.books_read_to is not None:
        meanwhile = pa.array(books.shown_meanwhile, pa.string())
        moving = checks.moving | flags(pc.is_in(pairs.ids, meanwhile))
        check_shown(pairs, found, moving=moving, moments=moments, view=view)
    of_people = check_contacts(
        people.accounts, people.links, people.directory, read_to=moments.accounts_read_to
    )
    sums = sum_up(pairs, found, strays, of_strays)
    return Proof(
        differences=[*found.rows, *of_strays.rows, *of_people.rows, *sums.unexplained()],
        sums=sums,
        receivables=receivables(pairs, people.accounts, as_of=view.today_on),
        links=books.links.num_rows,
        opportunities=int(pairs.flag("s_scoped").sum()),
        invoices=books.invoices.num_rows,
        names=_names(pairs, found.named | _are_in(pairs.ids, strays), people.accounts),
        is_taxed_in=spec.invoices.line_amount_types == "Inclusive",
    )


def _names(pairs: Pairs, named: np.ndarray, accounts: pa.Table) -> dict[str, str]:
    kept = pa.array(named)
    owners = pairs["s_account_id"].filter(kept)
    of_account = text(accounts["Name"]).take(places_in(owners, text(accounts["Id"])))
    rows = zip(
        pairs.ids.filter(kept).to_pylist(),
        of_account.to_pylist(),
        pairs["s_name"].filter(kept).to_pylist(),
        strict=True,
    )
    return {one: ": ".join(filter(None, names)) for one, *names in rows}


def _are_in(ids: pa.Array, strays: pa.Table) -> np.ndarray:
    return flags(pc.is_in(ids, text(strays["source_id"])))


def _ids(pairs: Pairs) -> dict[str, pa.Array]:
    return {
        "key": pairs["id"],
        "source_id": pairs["id"],
        "target_id": pc.coalesce(pairs["x_id"], pairs["l_id"]),
        "number": pc.coalesce(pairs["x_number"], pairs["l_number"], pairs["s_number"]),
        "currency": pc.coalesce(pairs["x_currency"], pairs["s_currency"]),
        "dated_on": pc.coalesce(pairs["s_closed_on"], pairs["x_dated_on"]),
    }
