"""The state of one Salesforce org."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sfxero.clock import Clock
from sfxero.sandbox.salesforce.auth import Sessions
from sfxero.sandbox.salesforce.bulk import JobStore
from sfxero.sandbox.salesforce.cursors import Cursors
from sfxero.sandbox.salesforce.failures import request_limit
from sfxero.sandbox.salesforce.objects import STAGES, OrgOptions, build_schema
from sfxero.sandbox.salesforce.records import Record, Records, make_id
from sfxero.sandbox.salesforce.switches import Switches

APP_NAME = "sfxero"
VERSIONS = tuple(f"{number}.0" for number in range(58, 68))
RETIRED_VERSIONS = frozenset(f"{number}.0" for number in range(7, 31))
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Usage:
    """API calls of the last 24 hours, counted by the minute."""

    _minutes: deque[tuple[datetime, int]] = field(default_factory=deque)
    _total: int = 0

    def spent(self, now: datetime) -> int:
        """Return the calls of the last 24 hours."""
        while self._minutes and self._minutes[0][0] <= now - _DAY:
            self._total -= self._minutes.popleft()[1]
        return self._total

    def count(self, now: datetime) -> None:
        """Add one call."""
        self._total += 1
        if self._minutes and now - self._minutes[-1][0] < _MINUTE:
            first, calls = self._minutes[-1]
            self._minutes[-1] = (first, calls + 1)
        else:
            self._minutes.append((now, 1))


class SalesforceOrg:
    """One org: its rows, users, jobs and switches."""

    def __init__(self, clock: Clock, *, options: OrgOptions | None = None) -> None:
        """Start an empty org on the given clock."""
        self.clock = clock
        self.options = options or OrgOptions()
        self.organization_id = make_id("00D", 1)
        self.user_id = make_id("005", 1)
        self.switches = Switches()
        self.sessions = Sessions(clock, organization_id=self.organization_id, user_id=self.user_id)
        self.reset()

    def reset(self) -> None:
        """Forget all rows, jobs and calls; clients, tokens and switches stay."""
        self.schema = build_schema(self.options)
        self.schema.hide(self.switches.hidden_fields)
        self.schema_changed_at = self.now()
        self.records = Records(self.schema)
        self.jobs = JobStore(
            self.records, clock=self.clock, switches=self.switches, user_id=self.user_id
        )
        self.cursors = Cursors()
        self.usage = Usage()
        self.amount_overrides: set[str] = set()
        self._seed_setup()

    def now(self) -> datetime:
        """Return the present moment in the whole seconds that stamps have."""
        return self.clock.now().replace(microsecond=0)

    def count_call(self) -> None:
        """Count one API call or refuse it at the cap."""
        now = self.clock.now()
        if self.usage.spent(now) >= self.switches.daily_requests:
            raise request_limit()
        self.usage.count(now)

    def limit_header(self) -> str:
        """Return the value of Sforce-Limit-Info."""
        spent = self.usage.spent(self.clock.now())
        text = f"api-usage={spent}/{self.switches.daily_requests}"
        if self.switches.per_app_usage:
            text += (
                f"; per-app-api-usage={spent}/{self.switches.daily_requests}(appName={APP_NAME})"
            )
        return text

    def change_switches(self, wanted: dict[str, Any]) -> None:
        """Set switches; a change of visible fields is a change of the metadata."""
        hidden = self.switches.hidden_fields
        self.switches.change(wanted)
        if self.switches.hidden_fields != hidden:
            self.schema.hide(self.switches.hidden_fields)
            self.schema_changed_at = max(self.now(), self.schema_changed_at + timedelta(seconds=1))

    def stamps(self, at: datetime) -> Record:
        """Return the audit fields of a row created at this moment."""
        return {
            "IsDeleted": False, "CreatedDate": at, "CreatedById": self.user_id,
            "LastModifiedDate": at, "LastModifiedById": self.user_id, "SystemModstamp": at,
        }  # fmt: skip

    def _seed_setup(self) -> None:
        """Add the rows that every org has: itself, its user, its stages and its price book."""
        at = self.now()
        common = {name: value for name, value in self.stamps(at).items() if name != "IsDeleted"}
        put = self.records.put
        put("User", {
            "Id": self.user_id, "Name": "Integration User", "Username": "integration@example.com",
            "Email": "integration@example.com", "IsActive": True, **common,
        })  # fmt: skip
        put("Organization", {
            "Id": self.organization_id, "Name": "Sandbox Org", "Country": "AU",
            "OrganizationType": "Developer Edition", "IsSandbox": True,
            "DefaultLocaleSidKey": "en_AU", "TimeZoneSidKey": "Australia/Sydney", **common,
        })  # fmt: skip
        for place, stage in enumerate(STAGES.values(), start=1):
            put("OpportunityStage", {
                "Id": self.records.new_id("OpportunityStage"), "MasterLabel": stage.name,
                "ApiName": stage.name, "IsActive": True, "SortOrder": place,
                "IsClosed": stage.is_closed, "IsWon": stage.is_won,
                "DefaultProbability": Decimal(stage.probability), **common,
            })  # fmt: skip
        self.price_book_id = self.records.new_id("Pricebook2")
        put("Pricebook2", {
            "Id": self.price_book_id, "Name": "Standard Price Book", "IsActive": True,
            "IsStandard": True, **self.stamps(at),
        })  # fmt: skip
