"""The end of two-way contacts: what is left when their section is taken out of a route."""

import logging
from typing import Final

from sfxero.model.states import Entity
from sfxero.sync.scope import Scope

log = logging.getLogger(__name__)

_REASON: Final = "the route has no contacts.two_way any more"


def end_two_way(scope: Scope) -> None:
    """Close the conflicts of a route that is two-way no more, and take back what accounts await.

    What contacts are to hold is planned anew by the next run to Xero, which reads all accounts by
    other rules. Should the section come back, all contacts are read: what is taken back here is
    found again. Where contacts are read for other reasons, that takes a run that reads all.
    """
    from sfxero.ledger.outbox_reading import EntryFilter
    from sfxero.ledger.records import LIVE

    if scope.spec.contacts.two_way is not None or scope.is_history:
        return
    ledger, run_id = scope.ledger, scope.run_id
    if ledger.windows.watermark(scope.route, Entity.CONTACT) is None:
        return
    closed = ledger.merging.end(run_id, scope.route, reason=_REASON)
    entity = Entity.ACCOUNT_UPDATE
    wanted = EntryFilter(route=scope.route, entity=entity, states=LIVE)
    waiting = ledger.outbox.listing(wanted)
    for org in {one.tenant for one in waiting}:
        ids = sorted({one.source_id for one in waiting if one.tenant == org})
        now = scope.clock.now()
        ledger.outbox.withdraw(run_id, org, entity, ids, read_at=now, reason=_REASON)
    if not scope.spec.contacts.is_read_in_xero:
        # Nobody looks at them any more, and they would stay there for good.
        held = ledger.quarantine.open_ids(scope.route, Entity.CONTACT)
        ledger.quarantine.clear(run_id, scope.route, Entity.CONTACT, held)
        # Last, since it tells that this is done.
        ledger.windows.forget_watermark(scope.route, Entity.CONTACT)
    if closed or waiting:
        log.info("two_way_ended conflicts=%d withdrawn=%d", len(closed), len(waiting))
