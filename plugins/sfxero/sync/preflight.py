"""Preflight: what the run must know of the Xero organisation before it reads anything."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from sfxero.errors import ConfigurationError, StagingError
from sfxero.ledger.names import DirectoryContact
from sfxero.mapping.names import name_key
from sfxero.mapping.organisation import AccountFacts, OrganisationFacts
from sfxero.mapping.spec import RouteSpec
from sfxero.sync.scope import Scope
from sfxero.xero.accounting import Accounting
from sfxero.xero.organisation import Account, Organisation, TaxRate

_FACTS: Final = "organisation"
_FILE: Final = "organisation.json"
_OVERLAP: Final = timedelta(minutes=1)


def read_organisation(scope: Scope, accounting: Accounting) -> OrganisationFacts:
    """Read the organisation, its chart of accounts and tax rates, and keep them with the run.

    Raises ConfigurationError if the route names an account or tax type that does not exist there.
    """
    facts = facts_of(
        accounting.organisation(), accounts=accounting.accounts(), tax_rates=accounting.tax_rates()
    )
    check_codes(scope.spec, facts)
    folder = scope.folder(_FACTS)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _FILE).open("w") as handle:
        handle.write(json.dumps(asdict(facts), default=str, indent=1))
    return facts


def stored_organisation(scope: Scope) -> OrganisationFacts:
    """Return what the run's first task read; StagingError if it is not there."""
    path = scope.folder(_FACTS) / _FILE
    if not path.exists():
        raise StagingError("the run has no facts of its organisation", hint="Clear its first task.")
    with path.open("r") as handle:
        stored: dict[str, Any] = json.load(handle)
    rates = {name: Decimal(rate) for name, rate in stored.pop("tax_rates").items()}
    accounts = {code: AccountFacts(**one) for code, one in stored.pop("accounts").items()}
    return OrganisationFacts(tax_rates=rates, accounts=accounts, **stored)


def facts_of(
    organisation: Organisation, *, accounts: Sequence[Account], tax_rates: Sequence[TaxRate]
) -> OrganisationFacts:
    """Keep what the mapping needs."""
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
        short_code=organisation.short_code,
        name=organisation.name,
        pays_tax=organisation.pays_tax,
    )


def check_codes(spec: RouteSpec, facts: OrganisationFacts) -> None:
    """Raise ConfigurationError for codes of the route that the organisation does not have.

    An archived account holds back its own invoices only: the mapping refuses these by name.
    """
    lines = spec.invoices.lines
    codes = {*lines.account_code.table.values(), lines.account_code.default} - {None}
    types = {*lines.tax_type.table.values(), lines.tax_type.default} - {None}
    missing = [f"account code {code}" for code in sorted(map(str, codes - set(facts.accounts)))]
    missing += [f"tax type {one}" for one in sorted(map(str, types - set(facts.tax_rates)))]
    if missing:
        raise ConfigurationError(
            f"route {spec.route} names what {facts.name} does not have: {', '.join(missing)}",
            hint="Correct invoices.lines in the route file, or add it in Xero.",
        )


def refresh_directory(scope: Scope, accounting: Accounting) -> int:
    """Bring the ledger's list of the organisation's contact names up to date; returns the rows."""
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
        )
        for one in contacts
    }
    names.upsert_directory(scope.tenant, rows.values())
    return len(rows)
