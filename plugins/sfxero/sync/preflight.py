"""Preflight: what the run must know of the Xero organisation before it reads anything."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter

from sfxero.errors import ConfigurationError, StagingError
from sfxero.ledger.names import DirectoryContact
from sfxero.mapping.names import name_key
from sfxero.mapping.organisation import AccountFacts, OrganisationFacts
from sfxero.mapping.spec import RouteSpec
from sfxero.staging.layout import StagingPath, folder_of
from sfxero.staging.storage import make_folder, storage_errors
from sfxero.sync.codes import code_troubles
from sfxero.sync.identity.following import follow_merged
from sfxero.sync.scope import Scope
from sfxero.xero.accounting import Accounting
from sfxero.xero.organisation import Account, Organisation, TaxRate, TrackingCategory

_FACTS: Final = "organisation"
_FILE: Final = "organisation.json"
_STORED: Final = TypeAdapter(OrganisationFacts)
_OVERLAP: Final = timedelta(minutes=1)
_SHARED_FOR: Final = timedelta(minutes=15)


def read_organisation(scope: Scope, accounting: Accounting) -> OrganisationFacts:
    """Read what the route's documents refer to in the organisation, and keep it with the run.

    Raises ConfigurationError if the route names what does not exist there.
    """
    facts = read_facts(scope.spec, accounting)
    check_codes(scope.spec, facts)
    _keep(facts, scope.folder(_FACTS))
    return facts


def share_organisation(scope: Scope, accounting: Accounting) -> OrganisationFacts:
    """Keep with the run what any run over history has read of the organisation a moment ago.

    A backfill is many runs at once; if each asked for the same, that would be half of its calls.
    """
    moment = int(scope.clock.now().timestamp() / _SHARED_FOR.total_seconds())
    shared = folder_of(
        scope.root,
        route=scope.route,
        run_id=f"history-{scope.spec.mapping_version}",
        object_name=f"{_FACTS}-{scope.tenant}-{moment}",
    )
    if not (shared / _FILE).exists():
        _keep(read_facts(scope.spec, accounting), shared)
    facts = _stored_in(shared)
    check_codes(scope.spec, facts)
    _keep(facts, scope.folder(_FACTS))
    return facts


def read_facts(spec: RouteSpec, accounting: Accounting) -> OrganisationFacts:
    """Read what the route's documents refer to in the organisation.

    What the route does not name is not asked for: each list costs a call.
    """
    lines = spec.invoices.lines
    needs_theme = spec.invoices.branding_theme is not None
    return facts_of(
        accounting.organisation(),
        accounts=accounting.accounts(),
        tax_rates=accounting.tax_rates(),
        items=accounting.item_codes() if lines.item_code else (),
        tracking=accounting.tracking_categories() if lines.tracking else (),
        branding_themes=accounting.branding_themes() if needs_theme else {},
        currencies=accounting.currencies() if spec.invoices.currency else (),
    )


def stored_organisation(scope: Scope) -> OrganisationFacts:
    """Return what the run's first task read; StagingError if it is not there."""
    folder = scope.folder(_FACTS)
    if not (folder / _FILE).exists():
        raise StagingError("the run has no facts of its organisation", hint="Clear its first task.")
    return _stored_in(folder)


def _keep(facts: OrganisationFacts, folder: StagingPath) -> None:
    """Write the facts at one stroke: other runs may look for them."""
    make_folder(folder)
    draft = folder / f".{uuid.uuid4().hex}.draft"
    with storage_errors():
        with draft.open("wb") as handle:
            handle.write(_STORED.dump_json(facts, indent=1))
        draft.rename(folder / _FILE)


def _stored_in(folder: StagingPath) -> OrganisationFacts:
    with (folder / _FILE).open("rb") as handle:
        return _STORED.validate_json(handle.read())


def facts_of(
    organisation: Organisation,
    *,
    accounts: Sequence[Account],
    tax_rates: Sequence[TaxRate],
    items: Iterable[str] = (),
    tracking: Iterable[TrackingCategory] = (),
    branding_themes: Mapping[str, str] | None = None,
    currencies: Iterable[str] = (),
) -> OrganisationFacts:
    """Keep what the mapping needs."""
    locks = (organisation.period_lock_on, organisation.end_of_year_lock_on)
    return OrganisationFacts(
        base_currency=organisation.base_currency,
        tax_rates={one.tax_type: one.effective_rate for one in tax_rates if one.is_active},
        accounts={
            one.code: AccountFacts(
                status="ACTIVE" if one.is_active else "ARCHIVED",
                tax_type=one.tax_type,
                class_=one.account_class,
            )
            for one in accounts
            if one.code
        },
        refused_on={one.tax_type: one.refused_on for one in tax_rates if one.is_active},
        items=frozenset(items),
        tracking={one.name: one.options for one in tracking if one.is_active},
        branding_themes=branding_themes or {},
        currencies=frozenset(currencies),
        locked_until_on=max((one for one in locks if one is not None), default=None),
        short_code=organisation.short_code,
        name=organisation.name,
        pays_tax=organisation.pays_tax,
    )


def check_codes(spec: RouteSpec, facts: OrganisationFacts) -> None:
    """Raise ConfigurationError for what the route names and the organisation does not have.

    An archived account holds back its own invoices only: the mapping refuses these by name.
    """
    found = [one for one in code_troubles(spec, facts) if one.stops_runs]
    if found:
        told = ", ".join(dict.fromkeys(one.short for one in found))
        raise ConfigurationError(
            f"route {spec.route} names what {facts.name} does not have or take: {told}",
            hint="Correct the route file's invoices, or add it in Xero; "
            f"`sfxero doctor --route {spec.route}` names the lines.",
        )


def refresh_directory(scope: Scope, accounting: Accounting) -> int:
    """Bring the ledger's list of the organisation's contact names up to date; returns the rows.

    The links of contacts that were merged meanwhile follow to the survivors.
    """
    names = scope.ledger.names
    mark = names.directory_watermark(scope.tenant)
    contacts = accounting.contacts(modified_since=mark - _OVERLAP if mark else None)
    # One that changes while the list is read comes twice; its later state counts.
    rows = {
        one.contact_id: DirectoryContact(
            contact_id=one.contact_id,
            name_key=name_key(one.name),
            name=one.name,
            contact_number=one.contact_number,
            account_number=one.account_number,
            status=one.status or "ACTIVE",
            updated_at=one.updated_at or scope.clock.now(),
            merged_to=one.merged_to,
        )
        for one in contacts
    }
    names.upsert_directory(scope.tenant, rows.values())
    follow_merged(scope, accounting)
    return len(rows)
