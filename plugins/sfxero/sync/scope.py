"""What the steps of one run share: the route, the ledger and the run's staged files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.fields import needed_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName, RunId, TenantId
from sfxero.model.states import Entity
from sfxero.ratelimit.policy import Budget
from sfxero.staging.layout import StagingPath, folder_of
from sfxero.staging.manifest import Staged, is_published, load

if TYPE_CHECKING:
    from sfxero.clock import Clock
    from sfxero.ledger.ledger import Ledger

ENTITY_OF: Final[Mapping[str, Entity]] = {
    "Account": Entity.ACCOUNT,
    "Opportunity": Entity.OPPORTUNITY,
    "OpportunityLineItem": Entity.OPPORTUNITY_LINE,
}
OBJECT_OF: Final = {entity: name for name, entity in ENTITY_OF.items()}


@dataclass(frozen=True, slots=True)
class Scope:
    """One run of one route."""

    spec: RouteSpec
    run_id: RunId
    tenant: TenantId
    ledger: "Ledger"
    root: StagingPath
    clock: "Clock"
    budget: Budget = Budget.SYNC
    listed: Mapping[str, tuple[str, ...]] | None = None
    """By object, the only fields that are read; None if all are that the route needs."""
    org: TenantId | None = None
    """The Salesforce org by its id, in runs that write to it: there it is the target."""

    @property
    def route(self) -> RouteName:
        """The route's name."""
        return RouteName(self.spec.route)

    def listing(self, listed: Mapping[str, tuple[str, ...]]) -> "Scope":
        """Return the scope in which a sweep lists all records, beside the run's own staging."""
        return replace(self, run_id=self.listing_run_id, listed=listed)

    @property
    def listing_run_id(self) -> RunId:
        """The id under which the listings of a sweep are kept."""
        return RunId(f"{self.run_id}/all")

    @property
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """The fields to read, by object."""
        return self.listed or needed_fields(self.spec)

    @property
    def is_history(self) -> bool:
        """Say whether the run reads a part of the past beside the sync, and nothing else."""
        return self.budget is Budget.MIGRATION

    def folder(self, name: str) -> Any:
        """Return a folder of this run."""
        return folder_of(self.root, route=self.route, run_id=self.run_id, object_name=name)

    def companions(self, object_name: str) -> Any:
        """Return the folder of what was read by id beside the window."""
        return self.folder(f"{object_name}-companions")

    def staged(self, object_name: str) -> list[Staged]:
        """Return what the run staged of one object: its window, and companions if there are any."""
        found = [load(self.folder(object_name))]
        companions = self.companions(object_name)
        return [*found, load(companions)] if is_published(companions) else found
