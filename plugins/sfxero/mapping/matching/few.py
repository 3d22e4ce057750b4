"""Matching of a few contacts: which accounts of some that were looked up each could be."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sfxero.mapping.matching.matching import Match, match
from sfxero.mapping.matching.sides import accounts_of, table_of
from sfxero.mapping.spec import RouteSpec

if TYPE_CHECKING:
    import pandas as pd


def resembling(
    frame: "pd.DataFrame", spec: RouteSpec, contacts: Sequence[Mapping[str, Any]]
) -> dict[str, list[Match]]:
    """Return by contact the accounts of the frame that it could be, those that could be it.

    Each contact is looked at by itself, so that no other one takes its account away. What the
    mapping refuses is an account all the same.
    """
    accounts = accounts_of(frame, spec)
    table = accounts.table
    if accounts.refused:
        table = pa.concat_tables([table, table_of(_as_they_are(frame, spec, accounts.refused))])
    found: dict[str, list[Match]] = {}
    for contact in contacts:
        rows = match(table, table_of([contact])).rows
        near = [one for one in rows if one.contact_id is not None]
        if near:
            found[str(contact["ContactID"])] = sorted(near, key=_best_first)
    return found


def _best_first(one: Match) -> tuple[int, str]:
    return -one.score, one.account_id


def _as_they_are(
    frame: "pd.DataFrame", spec: RouteSpec, ids: Mapping[Any, str]
) -> list[dict[str, Any]]:
    """Return accounts in Xero's shape by what their own fields hold, valid or not."""
    rules = {
        "Name": spec.contacts.name,
        "TaxNumber": spec.contacts.tax_number,
        "EmailAddress": spec.contacts.email,
    }
    sources = {
        name: [one for one in rule.read_fields if one in frame.columns]
        for name, rule in rules.items()
        if rule is not None
    }
    return [
        {
            "ContactID": row["Id"],
            **{name: _first(row, fields) for name, fields in sources.items()},
        }
        for row in frame[frame["Id"].isin(list(ids))].to_dict("records")
    ]


def _first(row: Mapping[Any, Any], fields: Sequence[str]) -> str | None:
    texts = (row[name] for name in fields)
    return next((one for one in texts if isinstance(one, str) and one.strip()), None)
