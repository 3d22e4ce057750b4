"""Names of the target's contacts: who holds which, kept so that a suffix never moves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, bindparam, func, select, update

from sfxero.ledger.engine import Database, among, chunked, put
from sfxero.ledger.tables import links, reserved_names, target_contacts
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.states import Entity

_FRESH: Final = (
    "name_key", "name", "contact_number", "account_number", "status", "updated_at", "merged_to",
)  # fmt: skip
ACTIVE: Final = "ACTIVE"
"""The status of a contact that may be written to, and invoiced."""


@dataclass(frozen=True, slots=True)
class DirectoryContact:
    """A contact as the target lists it; `name_key` is the name as the target compares it."""

    contact_id: str
    name_key: str
    name: str
    contact_number: str | None
    account_number: str | None
    status: str
    updated_at: datetime
    merged_to: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the directory says of a contact that a link leads to.

    `merged_to` is None if nobody has asked since the contact changed, '' if it was not merged.
    """

    status: str
    contact_number: str | None
    merged_to: TargetId | str | None

    @property
    def is_active(self) -> bool:
        """Say whether it may be written to."""
        return self.status == ACTIVE


class Names:
    """Reservations by name key, and the target's own directory."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def owners(self, tenant: TenantId) -> dict[str, str]:
        """Return who holds each key: a source id, a contact number or `contact:<id>`.

        A contact that is linked has the name of its source, whatever its number.
        A reservation has the word over the directory: it stands before the contact is created.
        """
        linked = and_(
            links.c.tenant == target_contacts.c.tenant,
            links.c.entity == Entity.CONTACT,
            links.c.target_id == target_contacts.c.contact_id,
        )
        of_directory = (
            select(
                target_contacts.c.name_key,
                func.coalesce(
                    links.c.source_id,
                    target_contacts.c.contact_number,
                    "contact:" + target_contacts.c.contact_id,
                ).label("owner"),
            )
            .select_from(target_contacts.outerjoin(links, linked))
            .where(target_contacts.c.tenant == tenant)
            .order_by(
                links.c.source_id.is_not(None),  # the last one has the word
                target_contacts.c.contact_id,
                links.c.source_id.desc(),
            )
        )
        reserved = select(
            reserved_names.c.name_key, reserved_names.c.source_id.label("owner")
        ).where(reserved_names.c.tenant == tenant)
        with self._database.read() as conn:
            owners = {row.name_key: row.owner for row in conn.execute(of_directory)}
            owners.update((row.name_key, row.owner) for row in conn.execute(reserved))
        return owners

    def names_of(self, tenant: TenantId) -> dict[SourceId, str]:
        """Return the name that each source reserved last."""
        statement = (
            select(reserved_names.c.source_id, reserved_names.c.name)
            .where(reserved_names.c.tenant == tenant)
            .order_by(reserved_names.c.chosen_no)
        )
        with self._database.read() as conn:
            return {row.source_id: row.name for row in conn.execute(statement)}

    def reserve(
        self, tenant: TenantId, rows: Iterable[tuple[SourceId, str, str]]
    ) -> list[tuple[SourceId, str, str]]:
        """Reserve (source, key, name) rows; return those whose key another source holds.

        Older reservations of a source stay, and one chosen again becomes its present name.
        """
        refused: list[tuple[SourceId, str, str]] = []
        for chunk in chunked(rows):
            with self._database.write() as conn:
                mine = reserved_names.c.tenant == tenant
                last = conn.execute(select(func.max(reserved_names.c.chosen_no)).where(mine))
                first_no = (last.scalar_one() or 0) + 1
                wished = [
                    {
                        "tenant": tenant,
                        "name_key": name_key,
                        "source_id": source_id,
                        "name": name,
                        "chosen_no": first_no + place,
                        "reserved_at": self._database.clock.now(),
                    }
                    for place, (source_id, name_key, name) in enumerate(chunk)
                ]
                wished.sort(key=lambda row: str(row["name_key"]))  # one order, against deadlocks
                put(
                    conn,
                    reserved_names,
                    wished,
                    update=("name", "chosen_no", "reserved_at"),
                    only_if_same="source_id",
                )
                keys = [name_key for _, name_key, _ in chunk]
                held = select(reserved_names.c.name_key, reserved_names.c.source_id).where(
                    mine, reserved_names.c.name_key.in_(keys)
                )
                holder = {row.name_key: row.source_id for row in conn.execute(held)}
            refused += [row for row in chunk if holder[row[1]] != row[0]]
        return refused

    def hand_over(
        self, tenant: TenantId, name_key: str, *, before: SourceId, after: SourceId
    ) -> None:
        """Give a name that two records have in common from one to the other, with the contact."""
        mine = reserved_names.c.tenant == tenant
        with self._database.write() as conn:
            last = conn.execute(select(func.max(reserved_names.c.chosen_no)).where(mine))
            conn.execute(
                update(reserved_names)
                .where(
                    mine,
                    reserved_names.c.name_key == name_key,
                    reserved_names.c.source_id == before,
                )
                .values(source_id=after, chosen_no=(last.scalar_one() or 0) + 1)
            )

    def standing(
        self, tenant: TenantId, contact_ids: Iterable[TargetId]
    ) -> dict[TargetId, Standing]:
        """Return what the directory says of these contacts, those that it knows."""
        found: dict[TargetId, Standing] = {}
        for chunk in chunked(contact_ids):
            with self._database.read() as conn:
                known = among(conn, target_contacts.c.contact_id, chunk)
                rows = conn.execute(
                    select(target_contacts).where(target_contacts.c.tenant == tenant, known)
                )
                found |= {
                    row.contact_id: Standing(row.status, row.contact_number, row.merged_to)
                    for row in rows
                }
        return found

    def note_merged(self, tenant: TenantId, found: Mapping[TargetId, TargetId | None]) -> None:
        """Keep which contacts were merged into which, and which into none, until they change."""
        rows = [{"b_id": one, "merged_to": into or ""} for one, into in found.items()]
        if not rows:
            return
        statement = (
            update(target_contacts)
            .where(
                target_contacts.c.tenant == tenant,
                target_contacts.c.contact_id == bindparam("b_id"),
            )
            .values(merged_to=bindparam("merged_to"))
        )
        with self._database.write() as conn:
            conn.execute(statement, rows)

    def upsert_directory(self, tenant: TenantId, rows: Iterable[DirectoryContact]) -> None:
        """Store contacts as the target lists them now."""
        for chunk in chunked(rows):
            stored = [{"tenant": tenant, **asdict(contact)} for contact in chunk]
            with self._database.write() as conn:
                put(conn, target_contacts, stored, update=_FRESH)

    def directory(self, tenant: TenantId) -> Iterator[dict[str, str]]:
        """Yield id and status of each contact that the target lists."""
        statement = select(target_contacts.c.contact_id, target_contacts.c.status).where(
            target_contacts.c.tenant == tenant
        )
        with self._database.read() as conn:
            for row in conn.execute(statement):
                yield {"contact_id": row.contact_id, "status": row.status}

    def directory_watermark(self, tenant: TenantId) -> datetime | None:
        """Return the newest change that the directory knows."""
        statement = select(func.max(target_contacts.c.updated_at)).where(
            target_contacts.c.tenant == tenant
        )
        with self._database.read() as conn:
            newest: datetime | None = conn.execute(statement).scalar_one()
        return newest
