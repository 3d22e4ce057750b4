"""The bodies of the tasks: build what a step needs from connections, call one use case."""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import ObjectStoragePath

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.errors import GateFailed, TerminalError
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName, RunId, TenantId
from sfxero.model.states import ACTIVE, WAITING, Entity
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.salesforce import salesforce_client
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import LimitPolicy
from sfxero.settings import load_settings
from sfxero.sync.scope import ENTITY_OF, Scope

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.salesforce.client import SalesforceClient
    from sfxero.xero.accounting import Accounting

log = logging.getLogger(__name__)

Run = dict[str, Any]
"""What travels between the tasks of a run: ids only."""

_LANE_TIME: Final = timedelta(minutes=25)


def start(route: str, *, run_id: str, full_refresh: bool, actor: str) -> Run:
    """Prove both connections, open the run, read the organisation and draw the windows."""
    from sfxero.sync import extract, preflight
    from sfxero.xero.tenants import choose_tenant

    spec = _spec(route)
    hook = XeroHook(spec.xero.connection)
    wanted = TenantId(spec.xero.tenant_id) if spec.xero.tenant_id else hook.configured_tenant()
    tenant = choose_tenant(hook.client(tenant_id=None, limiter=None), wanted).tenant_id
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        scope = _scope(spec, ledger, run_id=run_id, tenant=tenant)
        ledger.runs.start(
            scope.run_id,
            scope.route,
            kind="refresh" if full_refresh else "changes",
            mapping_version=spec.mapping_version,
            actor=actor,
            params=json.dumps({"full_refresh": full_refresh}),
        )
        accounting = _accounting(scope)
        organisation = preflight.read_organisation(scope, accounting)
        contacts = preflight.refresh_directory(scope, accounting)
        client = _salesforce(spec)
        windows = extract.draw_windows(
            scope, server_now=client.server_now(), full_refresh=full_refresh
        )
    log.info("run_started organisation=%s contacts=%d", organisation.short_code, contacts)
    return {"route": route, "run_id": run_id, "tenant": tenant, "windows": windows}


def submit(run: Run, object_name: str) -> int:
    """Create the bulk job of one object; returns the window's id."""
    from sfxero.sync import extract

    window_id: int = run["windows"][object_name]
    with _opened(run) as scope:
        job_id = extract.submit_job(scope, _salesforce(scope.spec), window_id)
    log.info("job_submitted object=%s job=%s", object_name, job_id)
    return window_id


def is_job_done(run: Run, window_id: int) -> bool:
    """Look at the window's job once."""
    from sfxero.sync import extract

    with _opened(run) as scope:
        return extract.is_job_done(scope, _salesforce(scope.spec), window_id)


def download(run: Run, window_id: int) -> str:
    """Stage the window's job; returns the staged folder."""
    from sfxero.sync import extract

    with _opened(run) as scope:
        return extract.download(scope, _salesforce(scope.spec), window_id)


def complete(run: Run) -> dict[str, int]:
    """Read by id what the windows touched and do not hold."""
    from sfxero.sync.companions import Companions

    with _opened(run) as scope:
        return Companions(scope, _salesforce(scope.spec)).read()


def check(run: Run) -> dict[str, int]:
    """Hold the staged rows against their suites."""
    from sfxero.quality.suites import load_suite
    from sfxero.sync.prepare import check_rows, suite_columns

    folder = load_settings().expectations
    with _opened(run) as scope:
        suites = {
            entity: load_suite(folder / f"{entity}.yaml", suite_columns(scope.spec))
            for entity in ENTITY_OF.values()
        }
        return check_rows(scope, suites)


def prepare_contacts(run: Run) -> dict[str, int]:
    """Fill the outbox with contacts."""
    from sfxero.sync import prepare

    with _opened(run) as scope:
        return prepare.prepare_contacts(scope)


def prepare_invoices(run: Run) -> dict[str, int]:
    """Fill the outbox with invoices."""
    from sfxero.sync import preflight, prepare

    with _opened(run) as scope:
        return prepare.prepare_invoices(
            scope,
            organisation=preflight.stored_organisation(scope),
            instance_url=_salesforce(scope.spec).instance_url,
        )


def publish(run: Run, entity: str, *, lane: int) -> dict[str, Any]:
    """Publish one lane; fails if Xero computed other totals than predicted."""
    from sfxero.sync.publish import Lane, LaneSpec
    from sfxero.sync.renaming import Renaming

    with _opened(run) as scope:
        clock = SystemClock()
        spec = LaneSpec(
            tenant=scope.tenant,
            entity=Entity(entity),
            run_id=scope.run_id,
            owner=f"{scope.run_id}/{entity}/{lane}/{uuid.uuid4().hex[:8]}",
            ends_at=clock.now() + _LANE_TIME,
            batch_size=scope.spec.publish.batch_size,
        )
        report = Lane(
            spec,
            outbox=scope.ledger.outbox,
            target=_accounting(scope),
            renamer=Renaming(scope.ledger.names),
            clock=clock,
            sleeper=SystemSleeper(),
            new_key=lambda: uuid.uuid4().hex,
        ).run()
    if report.total_differences:
        raise TerminalError(
            f"Xero computed other totals than predicted: {'; '.join(report.total_differences[:5])}",
            service="xero",
            hint="The invoices exist in Xero; compare them before anything else is sent.",
        )
    return asdict(report)


def gate(
    route: str, run: Run | None, *, run_id: str, task_states: Mapping[str, str | None]
) -> dict[str, Any]:
    """Judge the run, store the verdict, and fail unless it passes; `run` is None if none began."""
    from sfxero.sync import gate as gates

    if run is None:
        raise GateFailed(f"run {run_id} of route {route} did not begin: its first task failed")
    with _opened(run) as scope:
        ledger = scope.ledger
        verdict = gates.judge(
            ledger.runs.settle(scope.run_id),
            limits=scope.spec.quarantine,
            linked={
                Entity.ACCOUNT: ledger.links.count(scope.tenant, Entity.CONTACT),
                Entity.OPPORTUNITY: ledger.links.count(scope.tenant, Entity.INVOICE),
            },
            task_states=task_states,
            outstanding=sum(
                n
                for (_, state), n in ledger.outbox.counts(scope.tenant).items()
                if state in WAITING | ACTIVE
            ),
        )
        state = "failed" if verdict.objections else "succeeded"
        ledger.runs.finish(scope.run_id, state=state, verdict=verdict.line)
    log.info("gate verdict=%s", verdict.line)
    gates.pass_or_fail(verdict)
    return {"verdict": verdict.line, **verdict.counts}


@contextmanager
def _opened(run: Run) -> Iterator[Scope]:
    """Open the ledger for one step of a run."""
    spec = _spec(run["route"])
    with open_ledger(spec.ledger.connection) as ledger:
        yield _scope(spec, ledger, run_id=run["run_id"], tenant=TenantId(run["tenant"]))


def _scope(spec: RouteSpec, ledger: "Ledger", *, run_id: str, tenant: TenantId) -> Scope:
    return Scope(
        spec=spec,
        run_id=_ledger_run_id(spec.route, run_id),
        tenant=tenant,
        ledger=ledger,
        root=ObjectStoragePath(load_settings().staging_root),
        clock=SystemClock(),
    )


def _ledger_run_id(route: str, run_id: str) -> RunId:
    """Airflow's run ids repeat from DAG to DAG, the ledger's do not."""
    return RunId(f"{RouteName(route)}/{run_id}")


def _spec(route: str) -> RouteSpec:
    return load_route(load_settings().mappings / f"{route}.yaml")


def _salesforce(spec: RouteSpec) -> "SalesforceClient":
    return salesforce_client(
        spec.salesforce.connection, api_version=spec.salesforce.api_version or ""
    )


def _accounting(scope: Scope) -> "Accounting":
    """Return the tenant's API behind the limiter that all workers share."""
    from sfxero.xero.accounting import Accounting

    limiter = Limiter(
        scope.ledger.quota,
        LimitPolicy(day=scope.spec.xero.daily_limit),
        tenant=scope.tenant,
        sleeper=SystemSleeper(),
    )
    hook = XeroHook(scope.spec.xero.connection)
    return Accounting(hook.client(tenant_id=scope.tenant, limiter=limiter))
