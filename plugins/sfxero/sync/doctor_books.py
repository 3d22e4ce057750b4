"""The doctor's look at Xero: connection, scopes, organisation, and the codes of the route."""

from collections.abc import Callable
from typing import Final, Protocol

from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.uses import CodeKind, code_uses
from sfxero.model.ids import TenantId
from sfxero.sync.checking import Notebook
from sfxero.sync.codes import code_troubles
from sfxero.sync.preflight import read_facts
from sfxero.xero.accounting import Accounting
from sfxero.xero.client import XeroClient
from sfxero.xero.scopes import AGED, missing, superfluous
from sfxero.xero.tenants import Tenant, list_organisations, pick_tenant

_CONNECTION: Final = ("xero", "connection")
_CONNECT: Final = "xero connection"
_SCOPES: Final = "xero scopes"
_ORGANISATION: Final = "xero organisation"
_CODES: Final = "xero settings"
_CONTACTS: Final = "xero contacts"


class Books(Protocol):
    """The Xero app of a route's connection."""

    @property
    def xero(self) -> XeroClient:
        """Return a client of no tenant yet."""
        ...

    def wanted_tenant(self) -> TenantId | None:
        """Return the organisation that the route or the connection names."""
        ...

    def serve(self, tenant: TenantId) -> None:
        """Turn the client to a tenant."""
        ...


class BooksDoctor:
    """Looks at one organisation."""

    def __init__(
        self, spec: RouteSpec, notes: Notebook, *, count_links: Callable[[TenantId], int | None]
    ) -> None:
        """Findings go into the notes; `count_links` tells how many contacts are linked, or None."""
        self._spec = spec
        self._notes = notes
        self._count_links = count_links

    def examine(self, connect: Callable[[], Books]) -> None:
        """Check all; what cannot be reached hides only what lies behind it."""
        with self._notes.guarding(_CONNECT, _CONNECTION):
            books = connect()
            organisations = list_organisations(books.xero)
            names = ", ".join(one.name for one in organisations)
            self._notes.ok(_CONNECT, f"connected to {names or 'no organisation'}")
            self._check_scopes(books.xero.scopes())
            tenant = self._check_tenant(books, organisations)
            if tenant is not None:
                books.serve(tenant.tenant_id)
                self._check_settings(Accounting(books.xero))
                self._check_contacts(tenant.tenant_id, Accounting(books.xero))

    def _check_scopes(self, scopes: tuple[str, ...]) -> None:
        if not scopes:
            self._notes.warn(
                _SCOPES,
                "the token does not say which scopes it has",
                hint="Compare those of the app with the guide's.",
                key=_CONNECTION,
            )
            return
        for one in missing(scopes):
            self._notes.failed(
                _SCOPES,
                f"the token lacks the scope {one}",
                hint="Add it to the app in Xero, then authorise the app again.",
                key=_CONNECTION,
            )
        lacking = set(missing(scopes, payments=True)) - set(missing(scopes))
        if self._spec.xero_to_salesforce.schedule is not None and lacking:
            self._notes.warn(
                _SCOPES,
                f"the token lacks the scope {' '.join(lacking)}: payments cannot be shown",
                hint="Add it to the app in Xero, then authorise the app again; or leave "
                "xero_to_salesforce without a schedule.",
                key=_CONNECTION,
            )
        aged = self._spec.reconcile.aged_contacts > 0
        for one in superfluous(scopes, aged=aged):
            self._notes.warn(
                _SCOPES,
                f"the token has the scope {one}, which the sync does not need",
                hint="Take it from the app in Xero, then authorise the app again.",
                key=_CONNECTION,
            )
        if self._notes.well(_SCOPES):
            left_out = f"; without {AGED} reconciliations leave out aged receivables"
            told = left_out if aged and AGED not in scopes else ""
            self._notes.ok(_SCOPES, " ".join(sorted(scopes)) + told)

    def _check_tenant(self, books: Books, organisations: list[Tenant]) -> Tenant | None:
        named: tuple[str, str] = ("xero", "tenant_id")
        key = named if self._spec.xero.tenant_id else _CONNECTION
        with self._notes.guarding(_ORGANISATION, key):
            tenant = pick_tenant(organisations, books.wanted_tenant())
            self._notes.ok(_ORGANISATION, f"{tenant.name} ({tenant.tenant_id})")
            return tenant
        return None

    def _check_settings(self, accounting: Accounting) -> None:
        with self._notes.guarding(_CODES, _CONNECTION):
            facts = read_facts(self._spec, accounting)
            self._check_codes(facts)
            self._check_numbering()
            self._check_currency(facts, accounting.currencies())

    def _check_contacts(self, tenant: TenantId, accounting: Accounting) -> None:
        """Warn before the first run on an organisation in use: it would make contacts anew."""
        with self._notes.guarding(_CONTACTS, _CONNECTION):
            there, linked = accounting.count_contacts(), self._count_links(tenant)
            if there and linked == 0:
                self._notes.warn(
                    _CONTACTS,
                    f"the organisation has {there} contacts, and none is linked with an account",
                    hint=f"Run `sfxero match --route {self._spec.route}` before the first sync.",
                    key=("contacts",),
                )
            else:
                known = "not known how many" if linked is None else linked
                self._notes.ok(_CONTACTS, f"{there}; linked with accounts: {known}")

    def _check_codes(self, facts: OrganisationFacts) -> None:
        for one in code_troubles(self._spec, facts):
            self._notes.failed(
                f"xero {one.use.kind.plural}", one.message, hint=one.hint, key=one.use.key
            )
        for kind in CodeKind:
            values = dict.fromkeys(one.value for one in code_uses(self._spec) if one.kind is kind)
            name = f"xero {kind.plural}"
            if values and self._notes.well(name):
                self._notes.ok(name, f"{', '.join(values)}: active")

    def _check_numbering(self) -> None:
        """Say what it costs to leave numbers to Xero."""
        if self._spec.invoices.numbering == "xero":
            self._notes.warn(
                "xero numbering",
                "invoice numbers are Xero's own, so Xero itself refuses no second invoice",
                hint="What a lost reply left behind is found by its link alone: keep the ledger "
                "safe, and leave the links of invoices as they are.",
                key=("invoices", "numbering"),
            )

    def _check_currency(self, facts: OrganisationFacts, currencies: list[str]) -> None:
        name, exchange = "xero currency", self._spec.invoices.exchange
        if facts.base_currency not in currencies:
            self._notes.failed(
                name,
                f"{facts.base_currency} is not among the organisation's currencies",
                hint="Add it in Xero.",
                key=("invoices",),
            )
        for code in sorted(exchange.table.keys() - currencies):
            if exchange.not_enabled == "refuse":
                self._notes.warn(
                    name,
                    f"the organisation does not have {code}, of which the route has rates",
                    hint="Add the currency in Xero, or let the route convert: not_enabled.",
                    key=("invoices", "exchange", "table", code),
                )
        if self._notes.well(name):
            others = ", ".join(one for one in currencies if one != facts.base_currency)
            also = f"; also {others}" if others and self._spec.invoices.currency else ""
            self._notes.ok(name, f"{facts.base_currency}, the organisation's own{also}")
