"""Accounts and their contacts: whether both still stand."""

from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import flag_column, flags, stamp_column, text_column
from sfxero.model.differences import DifferenceKind as Kind
from sfxero.proof.documents import STAMP, places_in, text
from sfxero.proof.found import Found, Sides

LINKED: Final = pa.schema([("source_id", pa.string()), ("target_id", pa.string())])
DIRECTORY: Final = pa.schema([("contact_id", pa.string()), ("status", pa.string())])


def check_contacts(
    accounts: pa.Table, links: pa.Table, directory: pa.Table, *, read_to: datetime | None = None
) -> Found:
    """Look for both ends of each link: `links` has `source_id` and `target_id`.

    `directory` has the organisation's contacts by `contact_id`, with their `status`. The sync has
    read the accounts up to `read_to`; of one that was merged since, it moves the link.
    """
    sources, targets = text(links["source_id"]), text(links["target_id"])
    nothing = pa.nulls(links.num_rows, pa.string())
    found = Found(
        {
            "key": sources,
            "source_id": sources,
            "target_id": targets,
            "number": nothing,
            "currency": nothing,
            "dated_on": pa.nulls(links.num_rows, pa.date32()),
        }
    )
    at = places_in(targets, text(directory["contact_id"]))
    status = text(directory["status"]).take(at)
    is_listed = flags(pc.is_valid(at))
    found.add(Kind.CONTACT_MISSING, ~is_listed, Sides(ledger=targets))
    archived = is_listed & ~flags(pc.equal(status, "ACTIVE"))
    found.add(Kind.CONTACT_ARCHIVED, archived, Sides(ledger=targets, xero=status))
    at = places_in(sources, text(text_column(accounts, "Id")))
    is_known = flags(pc.is_valid(at))
    found.add(Kind.ACCOUNT_MISSING, ~is_known, Sides(ledger=sources))
    places = at.drop_null().to_numpy(zero_copy_only=False)
    gone, unread = (np.zeros(links.num_rows, dtype=bool) for _ in range(2))
    gone[is_known] = flag_column(accounts, "IsDeleted")[places]
    unread[is_known] = _merged_since(accounts, read_to)[places]
    sides = Sides(ledger=sources)
    found.add(Kind.NOT_READ_YET, gone & unread, sides)
    found.add(Kind.ACCOUNT_DELETED, gone & ~unread, sides)
    return found


def _merged_since(accounts: pa.Table, moment: datetime | None) -> np.ndarray:
    if moment is None:
        return np.zeros(accounts.num_rows, dtype=bool)
    is_late = pc.greater_equal(stamp_column(accounts, "SystemModstamp"), pa.scalar(moment, STAMP))
    return flags(pc.and_(pc.is_valid(text_column(accounts, "MasterRecordId")), is_late))
