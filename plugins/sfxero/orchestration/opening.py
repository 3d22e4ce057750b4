"""What every step opens before it works: the route, the ledger, both services."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath

from sfxero.clock import SystemClock
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName, RunId, TenantId
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.salesforce import salesforce_client
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.limits import salesforce_circuit, xero_limiter, xero_policy
from sfxero.orchestration.outages import left_to_the_next_run
from sfxero.ratelimit.policy import Budget
from sfxero.settings import load_settings
from sfxero.sync.scope import Scope

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.salesforce.client import SalesforceClient
    from sfxero.xero.accounting import Accounting
    from sfxero.xero.client import XeroClient

Run = dict[str, Any]
"""What travels between the tasks of a run: ids only."""


@contextmanager
def opened(run: Run) -> Iterator[Scope]:
    """Open the ledger for one step of a run; a service that is down skips the step."""
    spec = spec_of(run["route"])
    with open_ledger(spec.ledger.connection) as ledger:
        scope = scope_of(
            spec,
            ledger,
            run_id=run["run_id"],
            tenant=TenantId(run["tenant"]),
            budget=budgets_of(run)[0],
            org=TenantId(run["org"]) if run.get("org") else None,
        )
        with left_to_the_next_run(ledger.runs, scope.run_id):
            yield scope


@contextmanager
def opened_to_read(run: Run) -> Iterator[Scope]:
    """Open the ledger for a step that reads windows; a sweep's are listings."""
    with opened(run) as scope:
        yield reading_scope(scope, run)


def reading_scope(scope: Scope, run: Run) -> Scope:
    """Return the scope that the run's windows are read in."""
    listed = run.get("listed")
    if listed is None:
        return scope
    return scope.listing({name: tuple(fields) for name, fields in listed.items()})


def sweep_run_id(run_id: str) -> str:
    """Keep a sweep apart from what else Airflow may name alike."""
    return f"sweep/{run_id}"


def scope_of(
    spec: RouteSpec,
    ledger: "Ledger",
    *,
    run_id: str,
    tenant: TenantId,
    budget: Budget = Budget.SYNC,
    org: TenantId | None = None,
) -> Scope:
    """Join what the steps of one run share."""
    return Scope(
        spec=spec,
        run_id=ledger_run_id(spec.route, run_id),
        tenant=tenant,
        ledger=ledger,
        root=ObjectStoragePath(load_settings().staging_root),
        clock=SystemClock(),
        budget=budget,
        org=org,
    )


def budgets_of(run: Run) -> list[Budget]:
    """Return by which budgets a run sends, one after the other; all else goes by the first."""
    return [Budget(one) for one in run.get("budgets", [Budget.SYNC])]


def ledger_run_id(route: str, run_id: str) -> RunId:
    """Airflow's run ids repeat from DAG to DAG, the ledger's do not."""
    return RunId(f"{RouteName(route)}/{run_id}")


def drain_run_id(run_id: str) -> str:
    """Keep a drain apart from the sync of the same minute, since Airflow names both alike."""
    return f"drain/{run_id}"


def history_run_id(run_id: str) -> str:
    """Keep a run over history apart from what else Airflow may name alike."""
    return f"history/{run_id}"


def show_run_id(run_id: str) -> str:
    """Keep a run from Xero to Salesforce apart from the one the other way, as above."""
    return f"show/{run_id}"


def reconcile_run_id(run_id: str) -> str:
    """Keep a reconciliation apart from the sync of the same minute."""
    return f"reconcile/{run_id}"


def spec_of(route: str) -> RouteSpec:
    """Read the route's file."""
    return load_route(load_settings().mappings / f"{route}.yaml")


def salesforce_of(scope: Scope) -> "SalesforceClient":
    """Return the route's org behind the circuit that all workers share."""
    section = scope.spec.salesforce
    return salesforce_client(
        section.connection,
        api_version=section.api_version or "",
        circuit=salesforce_circuit(scope.ledger, section.connection),
        daily_share=section.daily_share,
    )


def wanted_tenant(spec: RouteSpec) -> TenantId | None:
    """Return the organisation that the route or else its connection names, if one does."""
    if spec.xero.tenant_id:
        return TenantId(spec.xero.tenant_id)
    return XeroHook(spec.xero.connection).configured_tenant()


def accounting_of(scope: Scope, *, budget: Budget | None = None) -> "Accounting":
    """Return the tenant's API behind the limiter and the circuit that all workers share."""
    from sfxero.xero.accounting import Accounting

    return Accounting(xero_client_of(scope, budget=budget))


def xero_client_of(scope: Scope, *, budget: Budget | None = None) -> "XeroClient":
    """Return the client of the tenant's API, as above."""
    budget = budget or scope.budget
    section, ledger = scope.spec.xero, scope.ledger
    hook = XeroHook(section.connection)
    return hook.client(
        tenant_id=scope.tenant,
        limiter=xero_limiter(ledger, scope.tenant, policy=xero_policy(section), budget=budget),
        circuit=hook.circuit(wanted_tenant(scope.spec), ledger),
        ledger=ledger,
    )
