"""Pairing: an account that was made of a contact is linked with it as soon as it is there."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, or_

from sfxero.ledger.audit_trail import Doer, Fact, Subject
from sfxero.ledger.engine import Database, among, put
from sfxero.ledger.linking import link_rows, told
from sfxero.ledger.merging import mark_due
from sfxero.ledger.planning import one_planner_at_a_time
from sfxero.ledger.tables import links
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import SourceId, TenantId
from sfxero.model.outbox import FOLLOWED, Settlement
from sfxero.model.states import Entity

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any reading of the account, so that what a run wishes for it is newer."""
_RULE: Final = "new_in_xero"


def pair_contacts(
    conn: Connection,
    database: Database,
    settled: Sequence[tuple[Subject, Settlement]],
    doer: Doer,
) -> list[Fact]:
    """Link accounts with the contacts they were made from, and return what the log is to tell.

    What a person has linked meanwhile stays. Pairs of a two-way route are merged by the next run,
    since the contact may have been changed after it was read.
    """
    by_tenant: dict[TenantId, list[tuple[Subject, dict[str, Any]]]] = {}
    for subject, said in settled:
        if said.paired is not None:
            row = _row(database, said)
            by_tenant.setdefault(said.paired.tenant, []).append((subject, row))
    facts: list[Fact] = []
    for tenant, found in sorted(by_tenant.items()):
        one_planner_at_a_time(conn, [(tenant, Entity.CONTACT)])
        new = _unlinked(conn, tenant, found)
        put(conn, links, [row for _, row in new])
        two_way = {SourceId(row["source_id"]) for _, row in new if row["agreed"] is not None}
        mark_due(conn, database, tenant, two_way)
        for subject, row in new:
            values = AuditValues(after=row["target_snapshot"], note=subject.note)
            route = subject.row.route
            facts.append(told(route, row, AuditKind.LINKED, doer, values, rule=_RULE))
    return facts


def _unlinked(
    conn: Connection, tenant: TenantId, found: Sequence[tuple[Subject, dict[str, Any]]]
) -> list[tuple[Subject, dict[str, Any]]]:
    """Leave out pairs of which either is linked already."""
    accounts = among(conn, links.c.source_id, [row["source_id"] for _, row in found])
    contacts = among(conn, links.c.target_id, [row["target_id"] for _, row in found])
    known = link_rows(conn, tenant, Entity.CONTACT, or_(accounts, contacts))
    taken = {one for row in known for one in (row.source_id, row.target_id)}
    return [one for one in found if taken.isdisjoint((one[1]["source_id"], one[1]["target_id"]))]


def _row(database: Database, said: Settlement) -> dict[str, Any]:
    """Make the link: nothing was written to the contact yet."""
    paired = said.paired
    if paired is None:
        raise ValueError("the settlement pairs nothing")
    return {
        "tenant": paired.tenant,
        "entity": Entity.CONTACT,
        "source_id": said.target_id,
        "target_id": paired.contact_id,
        "target_number": paired.number,
        "content_hash": "",
        "stamp_at": _LONG_AGO,
        "read_at": _LONG_AGO,
        "mapping_version": "",
        "source_snapshot": FOLLOWED,
        "target_snapshot": paired.snapshot,
        "settled_at": database.clock.now(),
        "agreed": None if paired.agreed is None else paired.agreed.to_text(),
    }
