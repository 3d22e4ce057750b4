"""Records that stand alone: won and not invoiced, or an invoice of ours that no link knows."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import flags
from sfxero.model.differences import DifferenceKind as Kind
from sfxero.proof.documents import amount_column, one_piece, places_in, text
from sfxero.proof.found import Found, Sides
from sfxero.proof.owners import has_our_number, named_by_number, named_by_url, short_ids
from sfxero.proof.pair_checks import PairChecks
from sfxero.proof.pairs import LIVE, Pairs, ThreeSides, minus

if TYPE_CHECKING:
    from sfxero.mapping.spec import RouteSpec


def stray_invoices(books: ThreeSides, spec: "RouteSpec") -> pa.Table:
    """Return live invoices of ours without a link, each with the `owner` that it names, if any.

    The owner is a short id; `source_id` is the whole one where the opportunity is known.
    """
    invoices = books.invoices
    unlinked = pc.invert(pc.is_in(invoices["id"], text(books.links["id"])))
    live = pc.is_in(invoices["status"], LIVE)
    alone = invoices.filter(pc.and_(unlinked, live)).combine_chunks()
    numbers = text(alone["number"])
    owner = pc.coalesce(
        named_by_url(text(alone["url"])), named_by_number(numbers, books.opportunities)
    )
    ids = text(books.opportunities["id"])
    whole = pc.coalesce(ids.take(places_in(owner, short_ids(ids))), owner)
    ours = pc.or_(pc.is_valid(owner), has_our_number(numbers, spec))
    amounts = alone[amount_column(spec.invoices.line_amount_types)]
    return (
        alone.append_column("owner", owner)
        .append_column("source_id", whole)
        .append_column("amount", amounts)
        .filter(ours)
    ).combine_chunks()


def check_alone(pairs: Pairs, checks: PairChecks, strays: pa.Table) -> Found:
    """Name what has no counterpart; returns the differences of the stray invoices."""
    owners = text(strays["owner"])
    places = places_in(short_ids(pairs.ids), owners)
    has_stray = flags(pc.is_valid(places))
    unlinked = pairs.flag("s_scoped") & ~pairs.has("l_id")
    claimed = unlinked & has_stray
    theirs = one_piece(strays["amount"]).take(places)
    gap = minus(theirs, pairs["s_amount"])
    sides = Sides(salesforce=pairs["s_amount"], xero=theirs, amount=gap)
    checks.explain(claimed, Kind.LINK_MISSING, sides)
    lacking = Sides(salesforce=pairs["s_amount"], ledger=pairs["reason"], amount=gap)
    checks.explain(unlinked & ~has_stray, Kind.NOT_INVOICED, lacking)
    found = Found(_ids(strays))
    adopted = np.zeros(strays.num_rows, dtype=bool)
    adopted[places.filter(pa.array(claimed)).to_numpy(zero_copy_only=False).astype(int)] = True
    found.claim(Kind.LINK_MISSING, adopted)
    elsewhere = flags(pc.is_in(owners, short_ids(pairs.ids).filter(pa.array(checks.elsewhere))))
    found.claim(Kind.LINK_ELSEWHERE, elsewhere)
    sides = Sides(xero=text(strays["number"]), amount=one_piece(strays["amount"]))
    # What another invoice has taken the place of since the books were read.
    moving = flags(pc.is_in(owners, short_ids(pairs.ids).filter(pa.array(checks.moving))))
    found.add(Kind.CHANGED_WHILE_READING, moving & ~found.named, sides)
    alone = ~found.named
    invoiced = (pairs.has("l_id") & pairs.is_invoiced) | claimed
    doubled = flags(pc.is_in(owners, short_ids(pairs.ids).filter(pa.array(invoiced))))
    found.add(Kind.DUPLICATE_INVOICE, doubled & alone, sides)
    found.add(Kind.INVOICE_WITHOUT_OPPORTUNITY, ~doubled & alone, sides)
    return found


def _ids(strays: pa.Table) -> dict[str, pa.Array]:
    return {
        "key": text(strays["id"]),
        "source_id": text(strays["source_id"]),
        "target_id": text(strays["id"]),
        "number": text(strays["number"]),
        "currency": text(strays["currency"]),
        "dated_on": one_piece(strays["dated_on"]),
    }
