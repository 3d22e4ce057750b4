"""How commands open a route's ledger and both services at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sfxero.cli.ledger_access import REFUSED_EXIT, opened_ledger, stop
from sfxero.cli.route_access import quiet_logs, route_named
from sfxero.errors import SyncError
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import TenantId

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.orchestration.looking import Look


class Opened(NamedTuple):
    """All that such commands work with."""

    spec: RouteSpec
    tenant: TenantId
    ledger: "Ledger"
    look: "Look"


@contextmanager
def opened_route(route: str) -> Iterator[Opened]:
    """Open the ledger, made if need be, and both services, of the route's organisation."""
    from sfxero.orchestration.hooks.ledger import token_keys
    from sfxero.orchestration.looking import Look
    from sfxero.xero.tenants import choose_tenant

    try:
        spec, _ = route_named(route)
        with (
            quiet_logs(),
            opened_ledger(
                creates=True, conn_id=spec.ledger.connection, token_keys=token_keys()
            ) as ledger,
            Look(spec, ledger) as look,
        ):
            tenant = choose_tenant(look.xero, look.wanted_tenant()).tenant_id
            look.serve(tenant)
            yield Opened(spec, tenant, ledger, look)
    except SyncError as error:
        stop(str(error), exit_code=REFUSED_EXIT)
