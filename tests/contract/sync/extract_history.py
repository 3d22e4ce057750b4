"""A random history of an org and of the extracts that read it, repeatable by its seed."""

from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.contract.sync.kit import TENANT, demo_spec, empty

from sfxero.ledger import Ledger
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RunId
from sfxero.salesforce.client import SalesforceClient
from sfxero.sandbox.salesforce import removal, rules
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.server import Sandbox
from sfxero.staging.reader import read_latest
from sfxero.sync import extract
from sfxero.sync.companions import Companions
from sfxero.sync.scope import ENTITY_OF, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from sfxero.salesforce.describe import ObjectDescribe
    from sfxero.staging.manifest import Staged

COMPARED = {
    "Account": ("Name", "IsDeleted", "MasterRecordId", "SystemModstamp"),
    "Opportunity": ("Amount", "StageName", "AccountId", "IsDeleted", "SystemModstamp"),
    "OpportunityLineItem": ("UnitPrice", "Quantity", "OpportunityId", "IsDeleted"),
}
_ENDS = ("whole", "whole", "whole", "lost", "died")
"""A lost run prepares nothing of what it read; one that died has not read all."""
_PAUSES_S = (0, 0, 0, 0.4, 1, 7.3, 59, 240, 601, 3600)

Row = dict[str, Any]


class Clock:
    """The sandbox's clock as a sleeper: waiting costs nothing."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def now(self) -> datetime:
        return self._sandbox.clock.now()

    def sleep(self, seconds: float) -> None:
        self._sandbox.clock.advance(max(seconds, 0.0))


class _Client(SalesforceClient):
    """Asks once what the org's objects are like, since no history changes that."""

    _known: "dict[str, ObjectDescribe] | None" = None

    def describe(self, object_name: str) -> "ObjectDescribe":
        self._known = {} if self._known is None else self._known
        if object_name not in self._known:
            self._known[object_name] = super().describe(object_name)
        return self._known[object_name]


class History:
    """People change the org, now and then a run reads it, and some runs die."""

    def __init__(self, sandbox: Sandbox, address: str, *, ledger: Ledger, root: Path) -> None:
        self.sandbox, self.org, self.ledger = sandbox, sandbox.org, ledger
        self.clock = Clock(sandbox)
        self._root = root
        self._client = _Client(
            login_url=address,
            client_id="sandbox-sf-client",
            client_secret="sandbox-sf-secret",
            api_version="62.0",
            clock=self.clock,
            sleeper=self.clock,
        )
        self.chance = Random(0)  # noqa: S311 - repeatable, nothing secret
        self.staged: dict[str, list[Staged]] = {}
        self._entry_id = ""

    def close(self) -> None:
        self._client.close()

    def play(self, seed: int) -> None:
        """Play one history to its end; the last run reads what is left."""
        empty(self.sandbox)
        self.chance.seed(seed)
        self.staged = {name: [] for name in ENTITY_OF}
        self._spec = self._settings()
        self._name = f"seed-{seed}"
        self._entry_id = self._price_book_entry()
        self._change(times=4)
        for number in range(self.chance.randint(2, 4)):
            self._run(f"{self._name}/{number}", how=self.chance.choice(_ENDS))
            self._change(times=self.chance.randint(0, 6))
        self.clock.sleep(self._spec.salesforce.lag_s + self._late_s + 2)
        self._run(f"{self._name}/last", how="whole")

    def _settings(self) -> RouteSpec:
        """Draw how late the org commits, and how far the windows reach for it."""
        lag_s, overlap_s = self.chance.choice([(0, 600), (60, 120), (300, 600)])
        self._late_s = self.chance.choice([0, 0, lag_s // 2, lag_s + overlap_s - 2])
        self.org.change_switches(
            {
                "job_delay_s": 0,
                "page_cap": self.chance.choice([3, 1000]),
                "late_commit_s": self._late_s,
                "line_edit_touches_opportunity": self.chance.random() < 0.5,
                "scramble_seed": self.chance.randrange(1000),
            }
        )
        content = demo_spec().model_dump(mode="json", by_alias=True)
        content |= {"route": "seeded"}
        content["salesforce"] |= {"lag_s": lag_s, "overlap_s": overlap_s}
        return RouteSpec.model_validate(content)

    # What people do.

    def _change(self, *, times: int) -> None:
        for _ in range(times):
            self.clock.sleep(self.chance.choice(_PAUSES_S))
            self.org.catch_up()
            act: Callable[[], object] = self.chance.choice(
                [self._sell, self._sell, self._edit_some, self._edit_line, self._delete,
                 self._undelete, self._merge]
            )  # fmt: skip
            with suppress(ApiFailure):  # a person who is refused turns to something else
                act()

    def _live(self, object_name: str, *, is_deleted: bool = False) -> list[str]:
        rows = self.org.records.rows(object_name)
        return [str(row["Id"]) for row in rows if row["IsDeleted"] is is_deleted]

    def _any(self, object_name: str, *, is_deleted: bool = False) -> str | None:
        found = self._live(object_name, is_deleted=is_deleted)
        return self.chance.choice(found) if found else None

    def _sell(self) -> None:
        account = self._any("Account") if self.chance.random() < 0.5 else None
        account = account or rules.create(self.org, "Account", {"Name": self._word()})
        values = {"Name": self._word(), "StageName": "Prospecting", "CloseDate": "2026-11-20"}
        opportunity = rules.create(self.org, "Opportunity", values | {"AccountId": account})
        for _ in range(self.chance.randint(0, 2)):
            line = {"Quantity": Decimal(1), "UnitPrice": Decimal(self.chance.randint(1, 99))}
            line |= {"OpportunityId": opportunity, "PricebookEntryId": self._entry_id}
            rules.create(self.org, "OpportunityLineItem", line)

    def _edit_some(self) -> None:
        """Change several records in one second, as an import does."""
        for record_id in self._live("Opportunity"):
            if self.chance.random() < 0.5:
                stage = self.chance.choice(["Prospecting", "Closed Won", "Closed Lost"])
                rules.update(self.org, "Opportunity", record_id, {"StageName": stage})
        if account := self._any("Account"):
            rules.update(self.org, "Account", account, {"Name": self._word()})

    def _edit_line(self) -> None:
        if line := self._any("OpportunityLineItem"):
            price = {"UnitPrice": Decimal(self.chance.randint(1, 99))}
            rules.update(self.org, "OpportunityLineItem", line, price)

    def _delete(self) -> None:
        object_name = self.chance.choice(list(ENTITY_OF))
        if record := self._any(object_name):
            removal.delete(self.org, object_name, record)

    def _undelete(self) -> None:
        object_name = self.chance.choice(list(ENTITY_OF))
        if record := self._any(object_name, is_deleted=True):
            removal.undelete(self.org, object_name, record)

    def _merge(self) -> None:
        winner, loser = self._any("Account"), self._any("Account")
        if winner and loser and winner != loser:
            removal.merge(self.org, "Account", winner, [loser])

    def _word(self) -> str:
        return f"{self.chance.choice(['Acme', 'Bolt', 'Café'])} {self.chance.randrange(10**6)}"

    def _price_book_entry(self) -> str:
        product = rules.create(self.org, "Product2", {"Name": "Thing", "IsActive": True})
        book = next(iter(self.org.records.rows("Pricebook2")))["Id"]
        values = {"Pricebook2Id": book, "Product2Id": product, "UnitPrice": Decimal(100)}
        return rules.create(self.org, "PricebookEntry", values | {"IsActive": True})

    # What a run does.

    def _run(self, name: str, *, how: str) -> None:
        """Read once, with people at work in between."""
        scope = Scope(self._spec, RunId(name), TENANT, self.ledger, self._root, self.clock)
        self.ledger.runs.start(
            scope.run_id,
            scope.route,
            kind="changes",
            mapping_version=self._spec.mapping_version,
            actor="test",
            params="{}",
        )
        is_full = self.chance.random() < 0.1
        windows = extract.draw_windows(
            scope, server_now=self._client.server_now(), full_refresh=is_full
        )
        with self._some_way():
            for window_id in windows.values():
                extract.submit_job(scope, self._client, window_id)
        if not name.endswith("last"):
            self._change(times=self.chance.randint(0, 2))
        self._finish(scope, windows, how=how)

    def _finish(self, scope: Scope, windows: dict[str, int], *, how: str) -> None:
        for window_id in windows.values():
            if how == "died" and self.chance.random() < 0.5:
                return
            while not extract.wanted_readers(scope, self._client, window_id):
                self.clock.sleep(1)
            extract.download(scope, self._client, window_id)
        Companions(scope, self._client).read()
        if how != "whole":
            return
        self.ledger.windows.mark_prepared(list(windows.values()))
        for object_name in ENTITY_OF:
            self.staged[object_name] += scope.staged(object_name)

    @contextmanager
    def _some_way(self) -> Any:
        """Let small windows go by bulk as well, since a test's windows are all small."""
        before = extract._REST_ROWS
        extract._REST_ROWS = self.chance.choice([0, before])  # type: ignore[misc]
        try:
            yield
        finally:
            extract._REST_ROWS = before  # type: ignore[misc]

    # What must hold in the end.

    def differences(self) -> list[str]:
        """Return where the newest staged version of a record is not what the org holds."""
        self.org.catch_up()
        found = []
        for object_name, fields in COMPARED.items():
            truth = {
                str(row["Id"]): [row[name] for name in fields]
                for row in self.org.records.rows(object_name)
            }
            newest = read_latest(self.staged[object_name]).to_dict("records")
            held = {row["Id"]: [_plain(row[name]) for name in fields] for row in newest}
            found += [
                f"{object_name} {record_id}: staged {held.get(record_id)}, is {row}"
                for record_id, row in truth.items()
                if held.get(record_id) != row
            ]
            found += [f"{object_name} {one}: only staged" for one in held.keys() - truth.keys()]
        return found


def _plain(value: Any) -> Any:
    """Return a frame's value as the org holds it."""
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return None if value is not None and value != value else value  # noqa: PLR0124 - not a number
