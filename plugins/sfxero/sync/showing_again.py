"""Shows again what a reconciliation found to be shown wrong, where the route allows that.

The ledger holds an opportunity that somebody edited for shown already. So the link that says so is
parted, which the log tells, and the invoice is read as one that no opportunity shows yet.
"""

from typing import Final

from sfxero.model.differences import DifferenceKind as Kind
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.states import Entity
from sfxero.sync.scope import Scope

SHOWN_KINDS: Final = frozenset(
    {
        Kind.SHOWN_DIFFERS,
        Kind.PAID_SHOWN_DIFFERS,
        Kind.DUE_SHOWN_DIFFERS,
        Kind.CREDITED_SHOWN_DIFFERS,
        Kind.PAYMENT_STATUS_SHOWN_DIFFERS,
        Kind.PAID_ON_SHOWN_DIFFERS,
        Kind.ADDRESS_SHOWN_DIFFERS,
    }
)
_REASON: Final = "a reconciliation found that the opportunity shows something else"


def forget_what_is_misshown(scope: Scope, org: TenantId) -> int:
    """Part what opportunities show wrong from the ledger's word; returns how many there were.

    What was written since it was found, or is being written, is left alone: it is right, or will
    be, and the next reconciliation says so.
    """
    if scope.spec.reconcile.repair.shown != "resend":
        return 0
    entity, ledger = Entity.OPPORTUNITY_STATUS, scope.ledger
    found = {
        SourceId(one.difference.source_id): one.last_seen_at
        for one in ledger.differences.listing(scope.route)
        if one.difference.kind in SHOWN_KINDS
        and one.difference.source_id
        and one.accepted_at is None
    }
    busy = ledger.outbox.under_way(org, entity, sorted(found))
    links = ledger.links.get_many(org, entity, sorted(found.keys() - busy))
    stale = {
        source_id: TargetId(link.target_id)
        for source_id, link in links.items()
        if link.settled_at < found[source_id]
    }
    parted = ledger.linking.unlink(
        scope.route, org, entity, stale, actor=scope.run_id, reason=_REASON
    )
    return len(parted)
