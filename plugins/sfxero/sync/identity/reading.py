"""Reading: which further accounts a run needs to decide who is linked with whom."""

from collections.abc import Set as AbstractSet

from sfxero.model.ids import SourceId, is_lead
from sfxero.model.states import Entity
from sfxero.sync.identity.writers import partners
from sfxero.sync.scope import Scope


def accounts_beside(scope: Scope, read: AbstractSet[str], masters: AbstractSet[str]) -> set[str]:
    """Return the accounts to read beside those that are: masters, partners, and changed ones.

    An account whose link was moved is compared with what its contact holds, though it did not
    change itself. Who of several may write to one contact is decided among all of them, leads that
    are `read` included. What waits to be written to a contact that is archived is taken back, and
    its account told of. A run over history reads none but those who share a contact.
    """
    wanted = set() if scope.is_history else _concerned(scope) | masters
    together = partners(scope, {SourceId(one) for one in {*read, *wanted}})
    return {one for one in {*wanted, *together} if not is_lead(one)}


def _concerned(scope: Scope) -> set[str]:
    """Return those whose link has changed, and those for whose archived contact something waits."""
    changed = set(scope.ledger.link_changes.unprepared(scope.tenant, Entity.CONTACT))
    astray = scope.ledger.links.astray(scope.tenant)
    stuck = scope.ledger.merging.wished(scope.tenant, Entity.CONTACT, astray)
    return {*changed, *stuck}
