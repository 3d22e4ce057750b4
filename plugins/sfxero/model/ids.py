"""Identifiers that must not be mistaken for one another."""

from collections.abc import Mapping
from typing import NewType, TypeVar

RouteName = NewType("RouteName", str)
TenantId = NewType("TenantId", str)
RunId = NewType("RunId", str)
SourceId = NewType("SourceId", str)
"""An id in the system a record comes from; Salesforce ids in their 18 characters."""
TargetId = NewType("TargetId", str)
"""An id in the system a record is written to."""

_Id = TypeVar("_Id", bound=str)
_LEADS = "00Q"
MOST_ROW_ID = 2**63 - 1
"""Of rows in the ledger: what both databases can hold, and be asked for."""
_SUFFIX_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def is_lead(source_id: str) -> bool:
    """Say whether an id is that of a lead."""
    return source_id.startswith(_LEADS)


def to_18(salesforce_id: str) -> SourceId:
    """Return the 18-character form of a Salesforce id; the suffix encodes the case of each letter.

    Raises ValueError for anything but 15 or 18 characters.
    """
    if len(salesforce_id) == 18:
        return SourceId(salesforce_id)
    if len(salesforce_id) != 15:
        raise ValueError(f"a Salesforce id has 15 or 18 characters, not {len(salesforce_id)}")
    suffix = ""
    for start in range(0, 15, 5):
        part = salesforce_id[start : start + 5]
        bits = sum(1 << place for place, letter in enumerate(part) if letter.isupper())
        suffix += _SUFFIX_LETTERS[bits]
    return SourceId(salesforce_id + suffix)


def chain_end(start: _Id, links: Mapping[_Id, _Id]) -> _Id:
    """Return where a chain ends; one that goes in a circle ends before it comes back."""
    at, seen = start, {start}
    while (after := links.get(at)) is not None and after not in seen:
        seen.add(after)
        at = after
    return at
