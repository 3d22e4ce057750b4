"""Which opportunity an invoice names: by the address it holds, else by its number."""

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.template import split_template
from sfxero.proof.documents import places_in, text

if TYPE_CHECKING:
    from sfxero.mapping.spec import RouteSpec

_ID: Final = r"(?:^|[^A-Za-z0-9])(?P<id>006[A-Za-z0-9]{12})(?:[A-Za-z0-9]{3})?(?:[^A-Za-z0-9]|$)"
_SHORTEST: Final = 2
"""A number's fixed part that is shorter says nothing of whose it is."""


def short_ids(ids: pa.Array) -> pa.Array:
    """Return ids in their 15 characters, which addresses may hold as well."""
    return pc.utf8_slice_codeunits(ids, 0, 15)


def named_by_url(urls: pa.Array) -> pa.Array:
    """Return the short id of the opportunity that each address holds, empty for none."""
    found = pc.extract_regex(urls, _ID)
    # Where nothing matches, the struct is empty and its field is not.
    return pc.if_else(pc.is_valid(found), text(found.field("id")), pa.scalar(None, pa.string()))


def named_by_number(numbers: pa.Array, opportunities: pa.Table) -> pa.Array:
    """Return the short id of the opportunity whose number it is; Xero ignores their case."""
    known = pc.utf8_lower(text(opportunities["number"]))
    places = places_in(pc.utf8_lower(numbers), known)
    return short_ids(text(opportunities["id"]).take(places))


def has_our_number(numbers: pa.Array, spec: "RouteSpec") -> pa.Array:
    """Say which numbers begin and end as those that the route makes; none if that says nothing."""
    parts = split_template(spec.invoices.number or "")
    head, tail = parts[0][0], parts[-1][0]
    if len(head) + len(tail) < _SHORTEST:
        return pa.repeat(pa.scalar(False), len(numbers))
    begins = pc.starts_with(numbers, head, ignore_case=True)
    return pc.fill_null(pc.and_(begins, pc.ends_with(numbers, tail, ignore_case=True)), False)
