"""Makes values for the ledger's tests."""

from datetime import UTC, datetime, timedelta

from sfxero.ledger import Ledger
from sfxero.ledger.tables import entries
from sfxero.model.ids import RouteName, RunId, SourceId, TargetId, TenantId
from sfxero.model.outbox import APPROVAL, Entry, Planned, PlannedEntry, Settlement, SourceVersion
from sfxero.model.states import Entity, EntryState

START = datetime(2026, 11, 1, tzinfo=UTC)
TENANT = TenantId("tenant-1")
ROUTE = RouteName("demo")
RUN = RunId("run-1")
CONTACT = Entity.CONTACT


def version(age: int) -> SourceVersion:
    """A version that is newer with each `age`."""
    stamp_at = START + timedelta(seconds=age)
    return SourceVersion(stamp_at=stamp_at, read_at=stamp_at + timedelta(minutes=5))


def wish(
    source: str = "s1",
    content: str = "A",
    *,
    age: int = 0,
    entity: Entity = CONTACT,
    parent: str | None = None,
    mapping_version: str = "m1",
    approval: str | None = None,
) -> PlannedEntry:
    return PlannedEntry(
        route=ROUTE,
        tenant=TENANT,
        entity=entity,
        source_id=SourceId(source),
        payload=f'{{"Name":"{content}"}}',
        content_hash=content,
        version=version(age),
        mapping_version=mapping_version,
        parent_entity=None if parent is None else CONTACT,
        parent_source_id=None if parent is None else SourceId(parent),
        meta={"number": source} | ({} if approval is None else {APPROVAL: approval}),
    )


def plan(ledger: Ledger, *wishes: PlannedEntry) -> list[Planned]:
    return list(ledger.outbox.plan(RUN, wishes))


def withdraw(ledger: Ledger, *sources: str, run_id: RunId = RUN, age: int = 1_000_000) -> int:
    """Take records back as a run does that began to read when versions had this age."""
    read_at = version(age).read_at
    ids = [SourceId(one) for one in sources]
    return ledger.outbox.withdraw(run_id, TENANT, CONTACT, ids, read_at=read_at, reason="left")


def claim(
    ledger: Ledger, *, owner: str = "w1", limit: int = 50, entity: Entity = CONTACT
) -> list[Entry]:
    return ledger.outbox.claim(TENANT, entity, owner=owner, limit=limit, lease_s=60)


def settle(ledger: Ledger, claimed: list[Entry], *, owner: str = "w1") -> int:
    said = [
        Settlement(entry.entry_id, TargetId(f"T-{entry.source_id}"), "N1", '{"reply":1}')
        for entry in claimed
    ]
    return ledger.outbox.settle(said, owner=owner)


def in_step(ledger: Ledger, *wishes: PlannedEntry) -> None:
    """Take wishes all the way to their links."""
    plan(ledger, *wishes)
    for entity in dict.fromkeys(new.entity for new in wishes):
        settle(ledger, claim(ledger, entity=entity))


def bury(ledger: Ledger, entry_id: int, *, owner: str = "w1", run_id: RunId = RUN) -> int:
    return ledger.outbox.bury(
        entry_id,
        owner=owner,
        run_id=run_id,
        error_class="RequestRejected",
        message="no such account",
        hint="fix the mapping",
    )


def states(ledger: Ledger) -> dict[int, EntryState]:
    """Every entry's state by id."""
    with ledger._database.read() as conn:
        rows = conn.execute(entries.select().order_by(entries.c.entry_id))
        return {row.entry_id: EntryState(row.state) for row in rows}
