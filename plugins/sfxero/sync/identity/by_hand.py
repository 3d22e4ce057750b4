"""By hand: a person moves a link, or takes a move back; both services are asked first."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sfxero.errors import ConfigurationError, LedgerError
from sfxero.ledger.link_changes import LinkChange
from sfxero.ledger.link_moves import LinkEnds, MoveOutcome
from sfxero.ledger.names import ACTIVE
from sfxero.model.ids import RouteName, SourceId, TargetId, TenantId
from sfxero.model.states import Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select
from sfxero.sync.identity.following import move_to
from sfxero.xero.accounting import Accounting
from sfxero.xero.snapshots import snapshot

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

BY_HAND: Final = "link_by_hand"
"""The rule by which a link goes where a person said."""
_OBJECTS: Final[Mapping[str, str]] = {"001": "Account", "00Q": "Lead"}
_BUSY: Final = "a write of this record is under way: wait until it has ended"


def follow(
    ledger: "Ledger",
    route: RouteName,
    tenant: TenantId,
    wished: LinkEnds,
    *,
    salesforce: SalesforceClient,
    accounting: Accounting,
    actor: str,
    reason: str,
) -> LinkEnds:
    """Link a record with an active contact instead of its present one, which is returned.

    Raises ConfigurationError if one of the two is not there, LedgerError if it cannot be now.
    """
    _check_record(salesforce, wished.source_id)
    contact = _active_contact(accounting, wished.target_id)
    link = ledger.links.get_many(tenant, Entity.CONTACT, [wished.source_id]).get(wished.source_id)
    before = LinkEnds(wished.source_id, link.target_id if link else None)
    if before == wished:
        raise LedgerError(f"{wished.source_id} is linked so already", service="ledger")
    move = move_to(before, contact, by_rule=BY_HAND, note=reason)
    (outcome,) = ledger.link_changes.make(route, tenant, Entity.CONTACT, [move], actor=actor)
    if outcome is not MoveOutcome.MOVED:
        raise LedgerError(f"{wished.source_id}: {_BUSY}", service="ledger")
    return before


def undo(
    ledger: "Ledger",
    tenant: TenantId,
    change_id: int,
    *,
    accounting: Accounting,
    actor: str,
    reason: str,
) -> LinkChange:
    """Take a change back; the contact that it led away from must be active."""
    change = ledger.link_changes.get(tenant, Entity.CONTACT, change_id)
    if change is None:
        raise LedgerError(f"link change {change_id} is not there", service="ledger")
    held: dict[str, Any] = {}
    if change.before.target_id is not None:
        contact = _active_contact(accounting, change.before.target_id)
        number = contact.get("ContactNumber") or None
        held = {"snapshot": snapshot(Entity.CONTACT, contact), "target_number": number}
    return ledger.link_changes.undo(
        tenant, Entity.CONTACT, change_id, actor=actor, reason=reason, **held
    )


def _check_record(client: SalesforceClient, source_id: SourceId) -> None:
    name = _OBJECTS.get(source_id[:3])
    if name is None:
        raise ConfigurationError(f"{source_id} is no id of an account or a lead")
    (where,) = id_chunks([source_id], "Id")
    # One that was merged is deleted, and may still have a link to move.
    if not list(client.query(select(name, ("Id",), where=where), all_rows=True)):
        raise ConfigurationError(f"the org has no {name.lower()} {source_id}", service="salesforce")


def _active_contact(accounting: Accounting, contact_id: TargetId | None) -> Mapping[str, Any]:
    found = [] if contact_id is None else accounting.contacts_by_id([contact_id])
    if not found:
        raise ConfigurationError(f"the Xero organisation has no contact {contact_id}")
    (contact,) = found
    if contact.get("ContactStatus") != ACTIVE:
        raise ConfigurationError(
            f"contact {contact_id} is {contact.get('ContactStatus')}",
            service="xero",
            hint="Restore it in Xero first.",
        )
    return contact
