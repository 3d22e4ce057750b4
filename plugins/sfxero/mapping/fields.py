"""Which Salesforce fields a route needs."""

from collections.abc import Iterable
from typing import Final

from sfxero.mapping.field_rules import INSTANCE_URL, FieldRule
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.template import template_fields

_ALWAYS: Final = ("Id", "SystemModstamp", "IsDeleted")


def needed_fields(spec: RouteSpec) -> dict[str, tuple[str, ...]]:
    """Return, per Salesforce object, the sorted paths that an extract must select."""
    lent = {*spec.contacts.related, *spec.invoices.related}
    contacts = [one for one in _contact_fields(spec) if _head(one) not in lent]
    invoices = [one for one in _invoice_fields(spec) if _head(one) not in lent]
    return {
        spec.contacts.source: _sorted("MasterRecordId", *contacts),
        spec.invoices.source: _sorted("IsWon", "StageName", *invoices),
        spec.invoices.lines_source: _sorted("OpportunityId", *_line_fields(spec)),
    }


def lead_fields(spec: RouteSpec) -> tuple[str, ...]:
    """Return the sorted paths that are read of leads; none if the route leaves them alone."""
    leads = spec.leads
    if leads is None:
        return ()
    phones = leads.phones
    rules = [leads.name, leads.email]
    if phones is not None:
        rules += [phones.default, phones.direct, phones.mobile, phones.fax]
    own = ("MasterRecordId", "IsConverted", "ConvertedAccountId")
    return _sorted(*own, *leads.when.fields(), *_sources(rules))


def lent_fields(spec: RouteSpec, object_name: str) -> dict[str, tuple[str, ...]]:
    """Return, per name of related rows, the fields that an object's rules read of them."""
    is_contact = object_name == spec.contacts.source
    paths = _contact_fields(spec) if is_contact else _invoice_fields(spec)
    related = spec.contacts.related if is_contact else spec.invoices.related
    found: dict[str, set[str]] = {}
    for path in paths:
        head, _, rest = (path or "").partition(".")
        if head in related and rest:
            found.setdefault(head, set()).add(rest)
    return {name: tuple(sorted(fields)) for name, fields in found.items()}


def _head(path: str | None) -> str:
    return (path or "").partition(".")[0]


def _sorted(*paths: str | None) -> tuple[str, ...]:
    return tuple(sorted({*_ALWAYS, *(path for path in paths if path is not None)}))


def _sources(rules: Iterable[FieldRule | None]) -> list[str]:
    return [path for rule in rules if rule is not None for path in rule.fields()]


def _contact_fields(spec: RouteSpec) -> list[str | None]:
    contacts = spec.contacts
    place, phones = contacts.postal_address, contacts.phones
    rules = [contacts.name, contacts.tax_number, contacts.email]
    if place is not None:
        rules += [place.street, place.city, place.region, place.postal_code, place.country]
    if phones is not None:
        rules += [phones.default, phones.direct, phones.mobile, phones.fax]
    section, terms = contacts.new_in_xero, contacts.payment_terms
    contact_id = None if section is None else section.external_id
    said = None if terms is None else terms.by
    return [contacts.name_suffix, contact_id, said, *_sources(rules)]


def _invoice_fields(spec: RouteSpec) -> list[str | None]:
    invoices, single = spec.invoices, spec.invoices.single_line
    approval = invoices.approval
    return [
        invoices.account,
        invoices.amount,
        invoices.currency,
        invoices.date,
        invoices.due.days_from,
        *template_fields(invoices.number or ""),
        *(path for path in template_fields(invoices.url) if path != INSTANCE_URL),
        *_sources((invoices.reference, single.description if single else None)),
        *(invoices.when.fields() if invoices.when else ()),
        *(approval.when.fields() if approval and approval.when else ()),
    ]


def _line_fields(spec: RouteSpec) -> list[str | None]:
    lines = spec.invoices.lines
    return [
        lines.order_by,
        lines.quantity,
        lines.unit_amount,
        lines.discount_rate,
        lines.account_code.by,
        lines.tax_type.by,
        *_sources((lines.description, lines.item_code, *(one.option for one in lines.tracking))),
    ]
