"""Won opportunities become Xero sales invoices."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.balance import balance
from sfxero.mapping.columns import (
    TEXT,
    clean_text,
    date_column,
    fill_template,
    flag_column,
    flags,
    join_filled,
    read_frame,
    read_records,
    stamp_column,
    text_column,
)
from sfxero.mapping.comparing import meets
from sfxero.mapping.due_dates import due_dates
from sfxero.mapping.exchange import Exchange, read_exchange
from sfxero.mapping.field_rules import INSTANCE_URL
from sfxero.mapping.lines import (
    PricedLines,
    draft_lines,
    in_own_currency,
    newest_stamps,
    own_lines,
    price_lines,
    render_lines,
    without_lines,
)
from sfxero.mapping.lock_dates import off_locked_days
from sfxero.mapping.money_rules import NO_RATES, RateTable
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.refusals import Findings
from sfxero.mapping.render import (
    Json,
    json_constant,
    json_date,
    json_number,
    json_object,
    json_text,
)
from sfxero.mapping.result import NOT_WON, OUT_OF_SCOPE, Documents, TransformResult
from sfxero.mapping.rules import apply_rule, too_long
from sfxero.mapping.spec import InvoicesSection, RouteSpec
from sfxero.mapping.template import template_fields
from sfxero.model.ids import SourceId
from sfxero.model.outbox import APPROVAL, NOTE
from sfxero.model.states import Entity

if TYPE_CHECKING:
    import pandas as pd

_NOTHING: Final[Mapping[SourceId, date]] = MappingProxyType({})
_TEXT_LIMIT: Final = 255
_RENDERED_AT_ONCE: Final = 20_000


def transform_invoices(
    opportunities: "pd.DataFrame",
    lines: "pd.DataFrame",
    spec: RouteSpec,
    *,
    organisation: OrganisationFacts,
    instance_url: str,
    org_rates: RateTable = NO_RATES,
    written: Mapping[SourceId, date] = _NOTHING,
) -> TransformResult:
    """Return an invoice for every won opportunity that meets the rules.

    `lines` must hold all lines of each opportunity, deleted ones too: their stamps count.
    `org_rates` are Salesforce's, of its corporate currency; a route that does not use them needs
    none. `written` holds the dates of invoices that Xero has, for those of locked periods.
    """
    table, line_table = read_records(opportunities), read_frame(lines)
    ids = text_column(table, "Id")
    gone, won = flag_column(table, "IsDeleted"), flag_column(table, "IsWon")
    wanted = won if spec.invoices.when is None else won & meets(spec.invoices.when, table)
    candidates = table.filter(pa.array(~gone & wanted))
    findings = Findings(Entity.OPPORTUNITY, text_column(candidates, "Id"))
    header = _header(
        candidates,
        spec.invoices,
        organisation,
        findings,
        instance_url=instance_url,
        written=written,
    )
    exchange = read_exchange(
        candidates, header["Date"], spec.invoices, organisation, findings, org_rates=org_rates
    )
    priced, rounding = _priced(
        line_table, candidates, exchange, spec.invoices, organisation, findings
    )
    kept = pa.array(~findings.refused)
    stamps = newest_stamps(line_table, findings.ids, stamp_column(candidates, "SystemModstamp"))
    documents = Documents(
        findings.ids.filter(kept),
        _render(header, priced, exchange, spec.invoices, kept=kept, organisation=organisation),
        stamps.filter(kept),
        parents=header["Account"].filter(kept),
        meta={
            "number": header["InvoiceNumber"].filter(kept),
            APPROVAL: _held_by_condition(candidates, spec.invoices).filter(kept),
            NOTE: join_filled([header["(moved)"], exchange.notes, rounding], "; ").filter(kept),
        },
    )
    passed_over = {NOT_WON: ~gone & ~won, OUT_OF_SCOPE: ~gone & won & ~wanted}
    return TransformResult(
        documents,
        findings.rows,
        skipped=[
            (one, rule)
            for rule, mask in passed_over.items()
            for one in ids.filter(pa.array(mask)).to_pylist()
        ],
        removed=ids.filter(pa.array(gone)).to_pylist(),
    )


def _held_by_condition(table: pa.Table, spec: InvoicesSection) -> pa.Array:
    """Return why an invoice needs approval, where the route's condition says so."""
    if spec.approval is None or spec.approval.when is None:
        return pa.nulls(len(table), TEXT)
    mask = pa.array(meets(spec.approval.when, table))
    return pc.if_else(mask, pa.scalar(spec.approval.when.told(), TEXT), pa.scalar(None, TEXT))


def _priced(
    lines: pa.Table,
    opportunities: pa.Table,
    exchange: Exchange,
    spec: InvoicesSection,
    organisation: OrganisationFacts,
    findings: Findings,
) -> tuple[PricedLines, pa.Array]:
    """Price what the candidates sell, and say how it was rounded.

    The sorted copy of the lines ends here, before the documents take their room.
    """
    owned = own_lines(lines, spec.lines, findings)
    singles = without_lines(opportunities, owned, spec)
    drafted = draft_lines(owned, singles, spec, organisation=organisation)
    balanced, rounding = balance(opportunities, drafted, spec, findings)
    own = in_own_currency(balanced, exchange, findings, currency=spec.currency)
    count = len(findings.ids)
    return price_lines(own, spec, organisation=organisation, count=count), rounding


def _header(
    table: pa.Table,
    spec: InvoicesSection,
    organisation: OrganisationFacts,
    findings: Findings,
    *,
    instance_url: str,
    written: Mapping[SourceId, date],
) -> dict[str, pa.Array]:
    """Read and check what an invoice has besides its lines."""
    account, dates = clean_text(table, spec.account), date_column(table, spec.date)
    findings.add(
        "no_account",
        flags(pc.is_null(account)),
        field=spec.account,
        hint="Give the opportunity an account: it becomes the invoice's contact.",
    )
    findings.add(
        "close_date_missing",
        flags(pc.is_null(dates)),
        field=spec.date,
        hint="Give the opportunity a close date: it becomes the invoice's date.",
    )
    dates, moved = off_locked_days(dates, spec, organisation, findings, written=written)
    return {
        "Account": account,
        "InvoiceNumber": _number(table, spec, findings),
        "Reference": apply_rule(
            table, spec.reference, findings, name="reference", limit=_TEXT_LIMIT
        ),
        "Date": dates,
        "(moved)": moved,
        "DueDate": due_dates(table, dates, spec.due, findings),
        "Url": _url(table, spec, findings, instance_url=instance_url),
    }


def _number(table: pa.Table, spec: InvoicesSection, findings: Findings) -> pa.Array:
    if spec.number is None:
        return pa.nulls(table.num_rows, TEXT)
    numbers = fill_template(table, spec.number)
    field = " and ".join(template_fields(spec.number))
    findings.add(
        "no_number",
        flags(pc.is_null(numbers)),
        field=field,
        hint=f"Fill {field}: the invoice number is made from it.",
    )
    checks = (
        ("number_too_long", too_long(numbers, _TEXT_LIMIT), "Shorten it to 255 characters."),
        (
            "number_not_ascii",
            pc.invert(pc.match_substring_regex(numbers, r"^[\x20-\x7E]*$")),
            "Use plain letters, digits and signs only: Xero takes no others.",
        ),
        (
            "number_with_backslash",
            pc.match_substring(numbers, "\\"),
            "Take the backslash out: Xero cannot be asked for a number that has one.",
        ),
        ("number_shared", _shared(numbers), "Give each opportunity a number of its own."),
    )
    for rule, mask, hint in checks:
        findings.add(rule, flags(mask), field=field, values=numbers, hint=hint)
    return numbers


def _shared(numbers: pa.Array) -> pa.Array:
    """Return which numbers stand on more than one record; Xero ignores their case."""
    folded = pc.utf8_lower(numbers)
    counts = pc.value_counts(folded)
    often = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return pc.and_(pc.is_valid(folded), pc.is_in(folded, often))


def _url(
    table: pa.Table, spec: InvoicesSection, findings: Findings, *, instance_url: str
) -> pa.Array:
    urls = fill_template(table, spec.url, known={INSTANCE_URL: instance_url.rstrip("/")})
    findings.add(
        "url_incomplete",
        flags(pc.is_null(urls)),
        field=" and ".join(template_fields(spec.url)),
        hint="Fill the fields that the route's url is made from.",
    )
    findings.add(
        "url_forbidden",
        flags(pc.match_substring(urls, "xero", ignore_case=True)),
        field="Url",
        values=urls,
        hint="Xero refuses links with 'xero' in them: use another address of the org.",
    )
    return urls


def _render(
    header: dict[str, pa.Array],
    lines: PricedLines,
    exchange: Exchange,
    spec: InvoicesSection,
    *,
    kept: pa.Array,
    organisation: OrganisationFacts,
) -> pa.ChunkedArray:
    """Return the kept invoices as JSON, some at a time: the pieces of their texts take room."""
    rendered = []
    for start in range(0, len(kept), _RENDERED_AT_ONCE):
        # The pool keeps hundreds of MiB of pieces past.
        pa.default_memory_pool().release_unused()
        some = _render_some(
            {name: column.slice(start, _RENDERED_AT_ONCE) for name, column in header.items()},
            lines.between(start, start + _RENDERED_AT_ONCE),
            exchange.between(start, start + _RENDERED_AT_ONCE),
            spec,
            kept=kept.slice(start, _RENDERED_AT_ONCE),
            organisation=organisation,
        )
        rendered.append(some)
    return pa.chunked_array(rendered, TEXT)


def _render_some(
    header: dict[str, pa.Array],
    lines: PricedLines,
    exchange: Exchange,
    spec: InvoicesSection,
    *,
    kept: pa.Array,
    organisation: OrganisationFacts,
) -> pa.Array:
    """Return invoices as JSON; the contact's id is added when they are sent."""
    top = {name: column.filter(kept) for name, column in header.items()}
    mode, totals = spec.line_amount_types, lines.totals
    options = {}
    if spec.branding_theme is not None:
        options["BrandingThemeID"] = json_constant(
            organisation.branding_themes[spec.branding_theme]
        )
    if spec.sent_to_contact:
        options["SentToContact"] = Json(pa.scalar("true", TEXT))
    return json_object(
        {
            "Type": json_constant("ACCREC"),
            "InvoiceNumber": json_text(top["InvoiceNumber"]),
            "Reference": json_text(top["Reference"]),
            "Date": json_date(top["Date"]),
            "DueDate": json_date(top["DueDate"]),
            "LineAmountTypes": json_constant(mode),
            "Status": json_constant(spec.status),
            **_currency(exchange, spec, kept=kept, base=organisation.base_currency),
            "Url": json_text(top["Url"]),
            **options,
            "LineItems": render_lines(lines, kept=kept.to_numpy(zero_copy_only=False), mode=mode),
            "SubTotal": json_number(totals.sub_total.filter(kept)),
            "TotalTax": json_number(totals.tax.filter(kept)),
            "Total": json_number(totals.total.filter(kept)),
        }
    )


def _currency(
    exchange: Exchange, spec: InvoicesSection, *, kept: pa.Array, base: str
) -> dict[str, Json]:
    """Return the currency, with a rate where it is not left to Xero."""
    if spec.currency is None:
        return {"CurrencyCode": json_constant(base)}
    return {
        "CurrencyCode": json_text(exchange.currencies.filter(kept)),
        "CurrencyRate": json_number(exchange.sent.filter(kept)),
    }
