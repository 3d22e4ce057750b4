"""The state of one Salesforce org."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sfxero.clock import Clock
from sfxero.sandbox.salesforce import setup_rows
from sfxero.sandbox.salesforce.auth import Sessions
from sfxero.sandbox.salesforce.bulk import JobStore
from sfxero.sandbox.salesforce.cursors import Cursors
from sfxero.sandbox.salesforce.deletions import DeletionLog
from sfxero.sandbox.salesforce.failures import request_limit
from sfxero.sandbox.salesforce.fields import OrgOptions
from sfxero.sandbox.salesforce.locks import RowLocks
from sfxero.sandbox.salesforce.objects import build_schema
from sfxero.sandbox.salesforce.people import User, acting_user_id
from sfxero.sandbox.salesforce.records import Record, Records, make_id
from sfxero.sandbox.salesforce.schema import Schema
from sfxero.sandbox.salesforce.switches import Switches
from sfxero.sandbox.salesforce.usage import Usage

APP_NAME = "sfxero"
VERSIONS = tuple(f"{number}.0" for number in range(58, 68))
RETIRED_VERSIONS = frozenset(f"{number}.0" for number in range(7, 31))
INTEGRATION_USER = "integration@example.com"
SALES_USER = "sales@example.com"
DEFAULT_PASSWORD = "sandbox-sf-password"  # noqa: S105 - opens nothing but the sandbox


class SalesforceOrg:
    """One org: its rows, users, jobs and switches."""

    def __init__(self, clock: Clock, *, options: OrgOptions | None = None) -> None:
        """Start an empty org on the given clock."""
        self.clock = clock
        self.options = options or OrgOptions()
        self.organization_id = make_id("00D", 1)
        self.user_id = make_id("005", 1)
        self.sales_user_id = make_id("005", 2)
        self.users = {
            user.username: user
            for user in (
                User(self.user_id, INTEGRATION_USER, "Integration User", DEFAULT_PASSWORD),
                User(self.sales_user_id, SALES_USER, "Sam Seller", DEFAULT_PASSWORD),
            )
        }
        self.switches = Switches()
        self.sessions = Sessions(
            clock, organization_id=self.organization_id, users=self.users, switches=self.switches
        )
        self._moment: datetime | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all rows, jobs and calls; clients, tokens, options and switches stay."""
        self._declared = build_schema(self.options)
        self._views: dict[tuple[tuple[str, ...], tuple[str, ...]], Schema] = {}
        self.schema_changed_at = self.now()
        self.records = Records(self._declared)
        self.jobs = JobStore(self)
        self.cursors = Cursors()
        self.usage = Usage()
        self.batches = Usage()
        self.query_jobs = Usage()
        self.locks = RowLocks()
        self.deletions = DeletionLog()
        self.amount_overrides: set[str] = set()
        self.price_book_id = setup_rows.add(self)

    @property
    def schema(self) -> Schema:
        """Return the objects as the user of this request sees them."""
        user_id = acting_user_id()
        if user_id is None:
            return self._declared
        hidden = self.switches.hidden_for(self.username_of(user_id))
        read_only = self.switches.read_only_fields
        if not hidden and not read_only:
            return self._declared
        key = hidden, read_only
        if key not in self._views:
            self._views[key] = self._declared.seen(hidden=hidden, read_only=read_only)
        return self._views[key]

    @property
    def acting_id(self) -> str:
        """Return the user who makes the present change."""
        return acting_user_id() or self.sales_user_id

    def username_of(self, user_id: str) -> str:
        """Return the name a user logs in with."""
        return next((each.username for each in self.users.values() if each.user_id == user_id), "")

    def add_user(self, username: str, *, name: str, password: str) -> User:
        """Add a user, who may then be approved for an app."""
        user = User(make_id("005", len(self.users) + 1), username, name, password)
        self.users[username] = user
        setup_rows.add_user(self, user)
        return user

    def now(self) -> datetime:
        """Return the present moment in the whole seconds that stamps have."""
        return (self._moment or self.clock.now()).replace(microsecond=0)

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Save as of an earlier moment, as a job does that nobody has looked at since."""
        before, self._moment = self._moment, moment
        try:
            yield
        finally:
            self._moment = before

    def catch_up(self) -> None:
        """Do what should have happened by now: jobs that run, commits that become visible."""
        now = self.clock.now()
        self.records.settle(now)
        late = self.switches.late_commit_s
        self.records.late_until = now + timedelta(seconds=late) if late else None
        self.locks.settle(now)
        self.jobs.catch_up(now)

    def count_call(self) -> None:
        """Count one API call or refuse it at the cap."""
        now, switches = self.clock.now(), self.switches
        if self.usage.spent(now) >= switches.daily_requests + switches.overage_requests:
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
        before = self.switches.field_security
        self.switches.change(wanted)
        if self.switches.field_security != before:
            self._metadata_changed()

    def change_options(self, wanted: dict[str, bool]) -> dict[str, bool]:
        """Switch features of the org on or off; rows stay, fields come and go."""
        self.options = replace(self.options, **wanted)
        self._declared = build_schema(self.options)
        self._views.clear()
        self.records.adopt(self._declared)
        setup_rows.add_for_options(self)
        self._metadata_changed()
        return asdict(self.options)

    def _metadata_changed(self) -> None:
        self.schema_changed_at = max(self.now(), self.schema_changed_at + timedelta(seconds=1))

    def stamps(self, at: datetime) -> Record:
        """Return the audit fields of a row created at this moment."""
        user_id = self.acting_id
        return {
            "IsDeleted": False, "CreatedDate": at, "CreatedById": user_id,
            "LastModifiedDate": at, "LastModifiedById": user_id, "SystemModstamp": at,
        }  # fmt: skip
