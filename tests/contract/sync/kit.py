"""The sync's real parts around one sandbox, on a clock that moves only when told or slept on."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from sfxero.ledger import Ledger
from sfxero.ledger.runs import RunReport
from sfxero.ledger.tables import entries
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RunId, SourceId, TenantId
from sfxero.model.outbox import Planned, PlannedEntry, SourceVersion
from sfxero.model.states import Entity, EntryState
from sfxero.quality.suites import load_suite
from sfxero.ratelimit.circuit import Circuit, CircuitKey
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import LimitPolicy
from sfxero.salesforce.client import SalesforceClient
from sfxero.sandbox.salesforce.fields import OrgOptions
from sfxero.sandbox.salesforce.switches import Switches as OrgSwitches
from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox, serving
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID
from sfxero.sandbox.xero.models import Contact, Invoice
from sfxero.sandbox.xero.switches import Switches
from sfxero.sync import extract, preflight, prepare
from sfxero.sync.bodies import payload_hash
from sfxero.sync.companions import Companions
from sfxero.sync.publish import Lane, LaneReport, LaneSpec
from sfxero.sync.renaming import Renaming
from sfxero.sync.scope import ENTITY_OF, Scope
from sfxero.xero.accounting import Accounting
from sfxero.xero.client import XeroClient

INCLUDE = Path(__file__).parents[3] / "include"
TENANT = TenantId(SANDBOX_TENANT_ID)
ACCOUNT = "001000000000001AAA"
OPPORTUNITY = "006000000000001AAA"
RUN = RunId("demo/test")

# Minutes and days do not pass here, so the limits are far away unless a test is about them.
_SWITCHES = Switches(
    minute_limit=100_000, day_limit=100_000, app_minute_limit=100_000, write_latency_s=0.0
)

Forward = Callable[[httpx.Request], httpx.Response]
Edit = Callable[[httpx.Request, Forward], httpx.Response]


@contextmanager
def standing_still() -> Iterator[tuple[Sandbox, str]]:
    """Serve a sandbox whose clock moves only when told to; where tests let weeks pass, another."""
    sandbox = build_sandbox(SandboxSettings(switches=_SWITCHES, clock_speed=0.0))
    with serving(sandbox) as address:
        yield sandbox, address


def empty(sandbox: Sandbox) -> None:
    """Let a test begin with empty services as they are by default; the clock goes on."""
    # The org keeps its features and switches when it is emptied, those of the last test, too.
    sandbox.org.change_options(asdict(OrgOptions()))
    sandbox.org.switches.change(OrgSwitches().model_dump())
    sandbox.reset()


class Seam(httpx.BaseTransport):
    """The network, but for the writes whose fate a test has planned."""

    def __init__(self) -> None:
        self.plans: list[Edit] = []
        self._network = httpx.HTTPTransport(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_write = request.method in {"PUT", "POST"} and "/api.xro/" in request.url.path
        if is_write and self.plans:
            return self.plans.pop(0)(request, self._network.handle_request)
        return self._network.handle_request(request)

    def close(self) -> None:
        self._network.close()


def die(request: httpx.Request, forward: Forward) -> httpx.Response:
    """The worker dies after its request has arrived."""
    forward(request).close()
    raise KeyboardInterrupt


def die_before(_request: httpx.Request, _forward: Forward) -> httpx.Response:
    """The worker dies, and its request with it."""
    raise KeyboardInterrupt


def go_on(request: httpx.Request, forward: Forward) -> httpx.Response:
    """Nothing happens to this one."""
    return forward(request)


class World:
    """Both services, one ledger, and what a test wants to do and to see."""

    def __init__(
        self,
        sandbox: Sandbox,
        address: str,
        folder: Path,
        url: str,
        *,
        seam: Seam | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.address = address
        self.url = url
        self.clock = sandbox.clock
        self.books = sandbox.xero.books
        self.spec = demo_spec()
        self.seam = seam or Seam()
        self._control = httpx.Client(base_url=f"{address}/_sandbox", transport=self.seam)
        self.ledger = Ledger(url, clock=self.clock)
        self.root: Any = folder / "staging"
        self._entry_id = ""
        self._keys = itertools.count()
        self._runs = itertools.count(1)
        self._closers: list[Callable[[], None]] = [self.ledger.close]
        self.accounting = self.new_accounting()
        self.salesforce = self._salesforce()

    # What the services do.

    def sleep(self, seconds: float) -> None:
        """Let time pass instead of waiting: the world is its own sleeper."""
        self.clock.advance(max(seconds, 0.0))

    def control(self, method: str, path: str, fields: dict[str, Any] | None = None) -> Any:
        """Turn to the sandbox's control plane."""
        content = None if fields is None else _json(fields)
        headers = {"content-type": "application/json"}
        reply = self._control.request(method, path, content=content, headers=headers)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def fail(self, kind: str, path: str, **values: Any) -> None:
        """Let the next calls fail; the kinds are the sandbox's."""
        self.control("POST", "/fault", {"kind": kind, "path": path, **values})

    def switch(self, **values: Any) -> None:
        """Change how Xero behaves."""
        self.control("POST", "/xero/switches", values)

    def org_switch(self, **values: Any) -> None:
        """Change how the org behaves."""
        self.control("POST", "/salesforce/switches", values)

    def journal(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", "/journal")
        return [one for one in entries if "/api.xro/" in one["path"]]

    def forget_calls(self) -> None:
        self.control("DELETE", "/journal")

    def calls(self, *methods: str) -> list[str]:
        """Accounting calls so far, as 'PUT Invoices'."""
        return [
            f"{one['method']} {one['path'].rpartition('/')[2]}"
            for one in self.journal()
            if not methods or one["method"] in methods
        ]

    def writes(self) -> list[str]:
        return self.calls("PUT", "POST")

    @property
    def contacts(self) -> list[Contact]:
        return list(self.books.contacts.values())

    @property
    def invoices(self) -> list[Invoice]:
        return list(self.books.invoices.values())

    def change_invoice(self, invoice: Invoice, **values: Any) -> None:
        self.books.put_invoice(replace(invoice, updated_at=self.clock.now(), **values))

    def put_in_xero(self, plural: str, body: str) -> None:
        """Create a record as a stranger would."""
        grant = {"grant_type": "client_credentials"}
        app = ("sandbox-xero-client", "sandbox-xero-secret")
        token = self._control.post(f"{self.address}/connect/token", data=grant, auth=app).json()
        reply = self._control.put(
            f"{self.address}/api.xro/2.0/{plural}?unitdp=4",
            content=body,
            headers={
                "Authorization": f"Bearer {token['access_token']}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
        )
        assert reply.status_code == 200, reply.text
        self.forget_calls()

    def archive(self, contact: Contact) -> None:
        self.control("POST", f"/xero/contacts/{contact.contact_id}/archive")

    def merge_contacts(self, winner_id: str, loser_id: str) -> None:
        """Merge a contact of Xero's into another, as a bookkeeper does."""
        self.control("POST", f"/xero/contacts/{loser_id}/merge", {"into": winner_id})

    def restore(self, contact_id: str) -> None:
        """Bring an archived contact back, as a bookkeeper may and the API may not."""
        self.control("POST", f"/xero/contacts/{contact_id}/restore")

    def pay(self, invoice: Invoice) -> None:
        body = {"amount": str(invoice.amount_due)}
        self.control("POST", f"/xero/invoices/{invoice.invoice_id}/pay", body)

    # What the org holds.

    def new(self, object_name: str, **fields: Any) -> str:
        return str(self.control("POST", f"/salesforce/{object_name}", fields)["Id"])

    def edit(self, object_name: str, record_id: str, **fields: Any) -> None:
        self.control("POST", f"/salesforce/{object_name}/{record_id}", fields)

    def delete(self, object_name: str, record_id: str) -> None:
        self.control("POST", f"/salesforce/{object_name}/{record_id}/delete")

    def rows(self, object_name: str, **fields: Any) -> list[dict[str, Any]]:
        """The rows of an object, deleted ones too, that have these values."""
        rows: list[dict[str, Any]] = self.control("GET", f"/salesforce/{object_name}")
        return [one for one in rows if all(one[name] == fields[name] for name in fields)]

    def undelete(self, object_name: str, record_id: str) -> None:
        self.control("POST", f"/salesforce/{object_name}/{record_id}/undelete")

    def merge(self, object_name: str, winner_id: str, *loser_ids: str) -> None:
        """Merge records of the org into one."""
        body = {"loser_ids": list(loser_ids)}
        self.control("POST", f"/salesforce/{object_name}/{winner_id}/merge", body)

    def lead(self, company: str = "Acme", **fields: Any) -> str:
        return self.new("Lead", Company=company, **{"LastName": "Doe"} | fields)

    def convert(self, lead: str, account: str | None = None) -> str:
        """Convert a lead; returns the account's id."""
        body = {} if account is None else {"account_id": account}
        converted = self.control("POST", f"/salesforce/Lead/{lead}/convert", body)
        return str(converted["ConvertedAccountId"])

    def purge(self, object_name: str, record_id: str) -> None:
        """Delete a record for good, without a trace in any window."""
        self.sandbox.org.records.tables[object_name].pop(record_id)

    def account(self, name: str = "Acme", **fields: Any) -> str:
        return self.new("Account", Name=name, **fields)

    def won(self, account_id: str | None, *prices: str, **fields: Any) -> str:
        """A won opportunity with one line for each price."""
        values = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-11-20"}
        opportunity = self.new("Opportunity", AccountId=account_id, **values | fields)
        for price in prices or ("100",):
            self.line(opportunity, price)
        return opportunity

    def line(self, opportunity: str, price: str, **fields: Any) -> str:
        values = {"Quantity": Decimal(1), "UnitPrice": Decimal(price)}
        self._entry_id = self._entry_id or self._price_book_entry()
        return self.new(
            "OpportunityLineItem",
            OpportunityId=opportunity,
            PricebookEntryId=self._entry_id,
            **values | fields,
        )

    def _price_book_entry(self) -> str:
        product = self.new("Product2", Name="Thing", Family="Hardware", IsActive=True)
        return self.new(
            "PricebookEntry",
            Pricebook2Id=self.rows("Pricebook2")[0]["Id"],
            Product2Id=product,
            UnitPrice=Decimal(100),
            IsActive=True,
        )

    # The sync's parts.

    def new_accounting(
        self,
        *,
        is_limited: bool = False,
        has_circuit: bool = False,
        ledger: Ledger | None = None,
        app: str = "sandbox-xero-client",
    ) -> Accounting:
        limiter = circuit = None
        if has_circuit:
            circuit = Circuit((ledger or self.ledger).circuits, CircuitKey("xero", TENANT))
        if is_limited:
            shared = ledger or self.ledger
            limiter = Limiter(
                shared.quota, LimitPolicy(), tenant=TENANT, sleeper=self, permits=shared.permits
            )
        client = XeroClient(
            api_url=self.address,
            token_url=f"{self.address}/connect/token",
            client_id=app,
            client_secret="sandbox-xero-secret",
            scopes=None,
            tenant_id=TENANT,
            limiter=limiter,
            circuit=circuit,
            clock=self.clock,
            sleeper=self,
            transport=self.seam,
        )
        self._closers.append(client.close)
        return Accounting(client)

    def _salesforce(self) -> SalesforceClient:
        client = SalesforceClient(
            login_url=self.address,
            client_id="sandbox-sf-client",
            client_secret="sandbox-sf-secret",
            api_version="62.0",
            clock=self.clock,
            sleeper=self,
            transport=self.seam,
        )
        self._closers.append(client.close)
        return client

    def lane(self, entity: Entity = Entity.CONTACT, **changes: Any) -> Lane:
        """A lane; keywords replace its parts or its spec's values."""
        parts: dict[str, Any] = {
            "outbox": self.ledger.outbox,
            "target": self.accounting,
            "renamer": Renaming(self.ledger.names),
            "clock": self.clock,
            "sleeper": self,
            "new_key": lambda: f"key-{next(self._keys)}",
        }
        parts |= {name: changes.pop(name) for name in list(changes) if name in parts}
        values: dict[str, Any] = {
            "tenant": TENANT,
            "entity": entity,
            "run_id": RUN,
            "owner": "worker",
            "ends_at": self.clock.now() + timedelta(minutes=25),
        }
        return Lane(LaneSpec(**values | changes), **parts)

    def publish(self, entity: Entity = Entity.CONTACT, **changes: Any) -> LaneReport:
        return self.lane(entity, **changes).run()

    def plan(self, *wishes: PlannedEntry) -> list[Planned]:
        return list(self.ledger.outbox.plan(RUN, wishes))

    def claim(self, entity: Entity = Entity.CONTACT, *, owner: str = "dead worker") -> list[Any]:
        return self.ledger.outbox.claim(TENANT, entity, owner=owner, limit=50, lease_s=60)

    def states(self) -> list[str]:
        """The states of all entries, oldest first."""
        return [row.state for row in self._rows()]

    def letters(self) -> list[str]:
        """What the dead letters say: class, message and hint."""
        dead = (row for row in self._rows() if row.state == EntryState.DEAD)
        return [f"{row.error_class}: {row.message} {row.hint}" for row in dead]

    def link(self, source_id: str, entity: Entity = Entity.CONTACT) -> Any:
        return self.ledger.links.get_many(TENANT, entity, [SourceId(source_id)]).get(
            SourceId(source_id)
        )

    def quarantined(self, entity: Entity | None = None) -> dict[str, list[str]]:
        """The open rules by record."""
        found: dict[str, list[str]] = {}
        for row in self.ledger.quarantine.listing(self.scope("any").route):
            if entity in {None, row.entity}:
                found.setdefault(row.source_id, []).append(row.rule)
        return found

    def _rows(self) -> list[Any]:
        with self.ledger._database.read() as conn:
            return list(conn.execute(entries.select().order_by(entries.c.entry_id)))

    # A run, step by step.

    def scope(self, run_id: str) -> Scope:
        return Scope(
            spec=self.spec,
            run_id=RunId(f"demo/{run_id}"),
            tenant=TENANT,
            ledger=self.ledger,
            root=self.root,
            clock=self.clock,
        )

    def begin(self, run_id: str | None = None, *, full: bool = False) -> Scope:
        """Open a run and draw its windows."""
        scope = self.scope(run_id or f"run-{next(self._runs)}")
        self.ledger.runs.start(
            scope.run_id,
            scope.route,
            kind="changes",
            mapping_version=self.spec.mapping_version,
            actor="test",
            params="{}",
        )
        preflight.read_organisation(scope, self.accounting)
        preflight.refresh_directory(scope, self.accounting)
        org = self.salesforce
        extract.draw_windows(scope, server_now=org.server_now(), full_refresh=full, client=org)
        return scope

    def stage(self, scope: Scope) -> dict[str, int]:
        """Read the windows and what belongs to them."""
        for window in self.ledger.windows.of_run(scope.run_id):
            extract.submit_job(scope, self.salesforce, window.window_id)
            for _ in range(5):
                if extract.wanted_readers(scope, self.salesforce, window.window_id):
                    break
            extract.download(scope, self.salesforce, window.window_id)
        return Companions(scope, self.salesforce).read()

    def prepare(self, scope: Scope) -> dict[str, int]:
        """Map what was staged; the counts are the invoices'."""
        prepare.prepare_contacts(scope)
        return prepare.prepare_invoices(
            scope,
            organisation=preflight.stored_organisation(scope),
            instance_url=self.salesforce.instance_url,
        )

    def run(
        self,
        run_id: str | None = None,
        *,
        full: bool = False,
        with_suites: bool = False,
        publishes: bool = True,
    ) -> RunReport:
        """One whole run; suites are slow, so they are left out unless they matter."""
        scope = self.begin(run_id, full=full)
        self.stage(scope)
        if with_suites:
            self.check(scope)
        self.prepare(scope)
        if publishes:
            for entity in (Entity.CONTACT, Entity.INVOICE):
                self.publish(entity, run_id=scope.run_id)
        return self.ledger.runs.settle(scope.run_id)

    def check(self, scope: Scope, folder: Path = INCLUDE / "expectations") -> dict[str, int]:
        columns = prepare.suite_columns(self.spec)
        suites = {
            entity: load_suite(folder / f"{entity}.yaml", columns) for entity in ENTITY_OF.values()
        }
        return prepare.check_rows(scope, suites)

    def respec(self, **sections: dict[str, Any]) -> None:
        """Change keys of the route's sections: `invoices={"status": "DRAFT"}`."""
        content = self.spec.model_dump(mode="json", by_alias=True)
        for name, changes in sections.items():
            content[name] |= changes
        self.spec = RouteSpec.model_validate(content)

    def close(self) -> None:
        for close in reversed(self._closers):
            close()
        self._control.close()


@cache
def demo_spec() -> RouteSpec:
    return load_route(INCLUDE / "mappings" / "demo.yaml")


def contact_wish(
    source: str = ACCOUNT, *, name: str = "Acme", age: int = 0, **fields: Any
) -> PlannedEntry:
    """The wish for a contact, as the mapping makes it."""
    payload = _json({"Name": name, "ContactNumber": source, **fields})
    meta = {"base_name": name, "name": name}
    return _wish(Entity.CONTACT, source, payload, age=age, meta=meta)


def invoice_wish(
    source: str = OPPORTUNITY,
    *,
    number: str = "SF-1",
    parent: str = ACCOUNT,
    amount: str = "100.00",
    age: int = 0,
    **fields: Any,
) -> PlannedEntry:
    """The wish for an invoice of one line, taxed with 10 %."""
    net = Decimal(amount)
    tax = (net / 10).quantize(Decimal("0.01"))
    line = {"Description": "Thing", "Quantity": Decimal("1.0000"), "UnitAmount": net,
            "AccountCode": "200", "TaxType": "OUTPUT", "LineAmount": net}  # fmt: skip
    head = {"Type": "ACCREC", "InvoiceNumber": number, "Reference": "REF-1", "Date": "2026-11-20",
            "DueDate": "2026-12-04", "LineAmountTypes": "Exclusive", "Status": "AUTHORISED",
            "CurrencyCode": "AUD", "Url": f"https://org.example/{source}/view"}  # fmt: skip
    totals = {"SubTotal": net, "TotalTax": tax, "Total": net + tax}
    kept = {name: value for name, value in (head | fields).items() if value is not None}
    payload = _json({**kept, "LineItems": [line], **totals})
    return _wish(Entity.INVOICE, source, payload, age=age, parent=parent)


def _wish(
    entity: Entity,
    source: str,
    payload: str,
    *,
    age: int,
    parent: str | None = None,
    meta: dict[str, str] | None = None,
) -> PlannedEntry:
    stamp_at = datetime.fromisoformat("2026-11-01T00:00:00+00:00") + timedelta(seconds=age)
    spec = demo_spec()
    return PlannedEntry(
        route=spec.route,
        tenant=TENANT,
        entity=entity,
        source_id=SourceId(source),
        payload=payload,
        content_hash=payload_hash(payload),
        version=SourceVersion(stamp_at=stamp_at, read_at=stamp_at),
        mapping_version=spec.mapping_version,
        parent_entity=Entity.CONTACT if parent else None,
        parent_source_id=SourceId(parent) if parent else None,
        meta=meta or {},
    )


def _json(fields: dict[str, Any]) -> str:
    """Compact JSON text with exact numbers."""
    marked = json.dumps(
        fields, default=lambda number: f"#{number}#", separators=(",", ":"), ensure_ascii=False
    )
    return marked.replace('"#', "").replace('#"', "")


def account_ids(count: int) -> Iterable[str]:
    return [f"001{number:012d}AAA" for number in range(1, count + 1)]
