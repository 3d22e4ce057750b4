"""What publishing needs from the outbox, the names and the target; ours fit by shape."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sfxero.model.ids import RunId, SourceId, TargetId, TenantId
from sfxero.model.outbox import Attempt, Entry, NoteTotals, Settlement
from sfxero.model.states import Entity, Operation
from sfxero.xero.elements import ElementResult


class Outbox(Protocol):
    """The publishing side of the outbox."""

    def has_due(
        self, tenant: TenantId, entity: Entity, *, now: datetime, is_migration: bool
    ) -> bool:
        """Tell whether anything can be claimed."""
        ...

    def count_due(self, tenant: TenantId, entity: Entity, *, now: datetime) -> int:
        """Count what can be claimed."""
        ...

    def claim(
        self,
        tenant: TenantId,
        entity: Entity,
        *,
        owner: str,
        limit: int,
        lease_s: float,
        is_migration: bool,
    ) -> list[Entry]:
        """Take due entries of one operation, oldest first."""
        ...

    def expire_leases(self, tenant: TenantId) -> int:
        """Turn claims whose lease lapsed into doubts."""
        ...

    def claim_in_doubt(
        self, tenant: TenantId, *, owner: str, limit: int, lease_s: float
    ) -> list[Entry]:
        """Take entries whose outcome is unknown, to look them up."""
        ...

    def renew(self, entry_ids: Sequence[int], *, owner: str, lease_s: float) -> bool:
        """Prolong a lease; False if any entry is no longer the owner's."""
        ...

    def store_attempt(
        self,
        entry_ids: Sequence[int],
        *,
        owner: str,
        operation: Operation,
        body_hash: str,
        idempotency_key: str,
        deadline_at: datetime,
    ) -> int:
        """Store a request before it is sent; LedgerError if a lease is lost."""
        ...

    def last_attempt(self, entry_id: int) -> Attempt | None:
        """Return the newest request that carried the entry."""
        ...

    def finish_attempt(self, attempt_id: int, *, outcome: str, status: int | None) -> None:
        """Store how a request ended."""
        ...

    def settle(self, settlements: Iterable[Settlement], *, owner: str) -> int:
        """Mark entries as done and link their records."""
        ...

    def adopt(self, settlement: Settlement, *, owner: str) -> int:
        """Link a record that exists with other values; its entry waits again, as an update."""
        ...

    def retire(self, settlements: Iterable[Settlement], *, owner: str) -> int:
        """Part entries from records that are void; they wait again, as creates."""
        ...

    def hold(self, entry_id: int, *, owner: str, why: str, snapshot: str) -> int:
        """Let an entry wait for a person's word; `snapshot` is what the target holds now."""
        ...

    def advance(self, settlement: Settlement, *, owner: str) -> int:
        """Note that a step of a credit note was carried out; its entry waits again."""
        ...

    def book_credit(self, settlement: Settlement, totals: NoteTotals, *, owner: str) -> int:
        """Note that a credit note is used up; its entry waits again."""
        ...

    def drop_credit(self, entry_id: int, *, owner: str) -> None:
        """Forget a credit note that was begun and never made."""
        ...

    def void_credits(self, settlement: Settlement, numbers: Sequence[str], *, owner: str) -> int:
        """Note that credit notes are void in the target; the entry waits again."""
        ...

    def bury(
        self,
        entry_id: int,
        *,
        owner: str,
        run_id: RunId,
        error_class: str,
        message: str,
        hint: str,
    ) -> int:
        """Give an entry up."""
        ...

    def discard(
        self,
        entry_ids: Sequence[int],
        *,
        actor: str | None = None,
        run_id: RunId | None = None,
        reason: str | None = None,
    ) -> int:
        """Let dead letters rest for good."""
        ...

    def retry_later(
        self,
        entry_ids: Sequence[int],
        *,
        owner: str,
        not_before_at: datetime,
        reason: str,
        forget: bool = False,
    ) -> int:
        """Put entries back until a moment; `forget` those that may have been carried out."""
        ...

    def set_aside(
        self,
        entry_ids: Sequence[int],
        *,
        owner: str,
        reason: str,
        merged_in: TenantId | None = None,
    ) -> int:
        """Give up entries that are not to be sent; with `merged_in`, they are planned anew."""
        ...

    def linked_among(
        self, tenant: TenantId, entity: Entity, target_ids: Iterable[TargetId]
    ) -> set[TargetId]:
        """Return those of the target's records that stand for one of ours."""
        ...

    def targets_of(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> dict[SourceId, TargetId]:
        """Return the target's records that ours stand for; those without one are left out."""
        ...

    def doubt(
        self, entry_ids: Sequence[int], *, owner: str, until_at: datetime | None = None
    ) -> int:
        """Leave entries to a look-up, from `until_at` on."""
        ...

    def release(self, entry_ids: Sequence[int], *, owner: str) -> int:
        """Put entries back at once."""
        ...

    def amend(self, entry_id: int, *, owner: str, payload: str, content_hash: str) -> int:
        """Give an entry other values and put it back."""
        ...


class Target(Protocol):
    """The Xero organisation as publishing sees it."""

    def take_permit(self) -> None:
        """Wait for the right to make one call."""
        ...

    def write_batch(
        self,
        entity: Entity,
        operation: Operation,
        *,
        body: bytes,
        idempotency_key: str,
        permit_taken: bool,
    ) -> Sequence[ElementResult]:
        """Send one batch and return one result per element of the reply."""
        ...

    def contacts_by_id(
        self, ids: Sequence[TargetId], *, permit_taken: bool = False
    ) -> list[Mapping[str, Any]]:
        """Return contacts by id; a permit that was taken is used for the first call."""
        ...

    def contacts_by_number(self, numbers: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return the contacts, archived ones too, that carry one of our numbers."""
        ...

    def invoices_by_number(self, numbers: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return the invoices of any status that carry one of our numbers."""
        ...

    def credit_notes_by_number(self, numbers: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
        """Return by number, for as many as one call tells of, the customers' credit notes.

        Of any status; None where there is none. Numbers that are missing are to be asked for anew.
        """
        ...

    def invoices_by_id(
        self, ids: Sequence[TargetId], *, permit_taken: bool = False
    ) -> list[Mapping[str, Any]]:
        """Return invoices by id; a permit that was taken is used for the first call."""
        ...

    def invoices_created_by_app_since(self, when: datetime) -> Iterator[Mapping[str, Any]]:
        """Return the invoices of any status that this app created and that changed since."""
        ...


class Renamer(Protocol):
    """Finds another name for a contact whose name the target refused."""

    def rename(self, entry: Entry, *, refused: str) -> str | None:
        """Return a free name, reserved for the entry's account; None if there is none."""
        ...
