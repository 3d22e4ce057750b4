"""The frozen model of a route file: what is joined, and how records become documents."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadCronError, croniter
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    model_validator,
)

from sfxero.mapping.conditions import Condition
from sfxero.mapping.field_rules import INSTANCE_URL, LookupRule, TextRule, TrackingRule
from sfxero.mapping.functions import NamedFunction
from sfxero.mapping.mirror_rules import MirrorSection
from sfxero.mapping.money_rules import ExchangeSection, RoundingSection
from sfxero.mapping.new_in_xero_rules import NewInXeroSection
from sfxero.mapping.related_rules import PersonsSection, RelatedName, RelatedSection
from sfxero.mapping.section import Section
from sfxero.mapping.status_rules import SalesforceFieldsSection
from sfxero.mapping.template import FieldPath, template_fields
from sfxero.mapping.terms_rules import PaymentTermsSection, Terms, check_day
from sfxero.mapping.two_way_rules import TwoWaySection

# Raised when the same spec and the same records begin to give other documents.
TRANSFORM_VERSION: Final = 1
MOST_DUE_DAYS: Final = 3_650

_PRESET: Final = re.compile("@(hourly|daily|weekly|monthly|quarterly|yearly)")
_CRON_PARTS: Final = 5


def _check_schedule(text: str) -> str:
    """Let through what Airflow takes; it reads cron texts by the same library."""
    if _PRESET.fullmatch(text):
        return text
    if len(text.split(" ")) != _CRON_PARTS:
        raise ValueError("a schedule is a cron text of five parts, or @hourly, @daily ...")
    try:
        croniter(text)
    except CroniterBadCronError as error:
        raise ValueError(f"no such schedule: {error}") from None
    return text


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError("a time zone is a name such as Australia/Sydney or UTC") from None
    return name


def _check_number(text: str) -> str:
    if not template_fields(text):
        raise ValueError("a number needs a field that differs per record, such as {Number__c}")
    if INSTANCE_URL in template_fields(text):
        raise ValueError("{instance_url} belongs into the url only")
    return text


def _check_url(text: str) -> str:
    if "Id" not in template_fields(text):
        raise ValueError("the url must hold {Id}: by it our invoices are found again")
    if "xero" in text.lower():
        raise ValueError("Xero refuses a url that contains 'xero'")
    return text


ConnectionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,200}$")]
NumberTemplate = Annotated[str, AfterValidator(_check_number)]
UrlTemplate = Annotated[str, AfterValidator(_check_url)]


class SalesforceSection(Section):
    """The org."""

    connection: ConnectionId
    api_version: Annotated[str, StringConstraints(pattern=r"^[0-9]{2,3}\.0$")] | None = "62.0"
    lag_s: int = Field(default=300, ge=0, le=86_400)
    overlap_s: int = Field(default=600, ge=0, le=604_800)
    daily_share: Decimal = Field(default=Decimal("0.5"), gt=0, le=1)
    """How much of the org's day may be used, by everyone, before the sync leaves off."""
    first_load_rows: int = Field(default=1_000_000, ge=1)
    """Opportunities that one run reads of a first load; more are read by several runs."""
    readers: int = Field(default=4, ge=1, le=16)
    """How many tasks at most read the pages of one large result side by side."""
    rows_per_reader: int = Field(default=500_000, gt=0)
    """A result is large, and has a reader more, from so many records on and for each so many."""


def _pool_of(values: dict[str, Any]) -> str:
    return f"xero_{values.get('connection')}"


class BudgetSection(Section):
    """Percent of the day's calls that a class keeps from those after it, migrations last."""

    interactive: int = Field(default=2, ge=0, le=90)
    payments: int = Field(default=10, ge=0, le=90)
    sync: int = Field(default=30, ge=0, le=90)

    @model_validator(mode="after")
    def _leaves_something(self) -> "BudgetSection":
        kept = self.interactive + self.payments + self.sync
        if kept > 90:
            raise ValueError(f"the budget keeps {kept} percent of the day, 90 is the most")
        return self


class XeroSection(Section):
    """The organisation."""

    connection: ConnectionId
    tenant_id: str | None = None
    pool: ConnectionId = Field(default_factory=_pool_of)
    daily_limit: int = Field(default=5_000, gt=0)
    budget: BudgetSection = BudgetSection()


class LedgerSection(Section):
    """Our own database."""

    connection: ConnectionId = "sfxero_ledger"


class PublishSection(Section):
    """How many lanes send, and how many documents go in one request."""

    lanes: int = Field(default=3, ge=1, le=5)
    batch_size: int = Field(default=50, ge=1, le=50)


class QuarantineSection(Section):
    """How much may be refused before the run fails."""

    max_share: Decimal = Field(default=Decimal("0.10"), ge=0, le=1)
    max_rows: int | None = Field(default=None, ge=0)


class HistorySection(Section):
    """How a historical migration cuts the past into months."""

    by: Literal["close_date", "stamp"] = "close_date"
    """By when opportunities were to close, or by when records last changed."""


class SweepSection(Section):
    """When all records are compared with what was read of them; never, if it is left empty."""

    schedule: Annotated[str, AfterValidator(_check_schedule)] | None = "10 3 * * *"


class AddressSection(Section):
    """The postal address; a street of several lines fills AddressLine1 to 4."""

    street: TextRule | None = None
    city: TextRule | None = None
    region: TextRule | None = None
    postal_code: TextRule | None = None
    country: TextRule | None = None


class PhonesSection(Section):
    """The phones that Xero knows; `region` is the country of numbers without a country code."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "AU"
    default: TextRule | None = None
    direct: TextRule | None = None
    mobile: TextRule | None = None
    fax: TextRule | None = None


class ContactsSection(Section):
    """How an account becomes a contact."""

    source: Literal["Account"] = "Account"
    name: TextRule
    name_suffix: FieldPath | None = None
    """What tells two accounts of one name apart; without it, or if shared, a part of the id."""
    tax_number: TextRule | None = None
    email: TextRule | None = None
    phones: PhonesSection | None = None
    persons: PersonsSection | None = None
    related: Mapping[RelatedName, RelatedSection] = Field(default_factory=dict)
    """Rows of other objects by the name that begins their fields in rules: `person.Email`."""
    postal_address: AddressSection | None = None
    payment_terms: PaymentTermsSection | None = None
    two_way: TwoWaySection | None = None
    """What flows back from Xero; nothing, if it is left out."""
    new_in_xero: NewInXeroSection | None = None
    """Which contacts that were made in Xero become accounts; none, if it is left out."""

    @property
    def is_read_in_xero(self) -> bool:
        """Whether the contacts themselves are read, and not only their names."""
        return self.two_way is not None or self.new_in_xero is not None

    def own_fields(self) -> Iterator[str]:
        """Yield the fields that must be the record's own: its name is kept unique by them."""
        yield from self.name.fields()
        if self.name_suffix is not None:
            yield self.name_suffix


class LeadsSection(Section):
    """Which leads become contacts of prospects, and how."""

    source: Literal["Lead"] = "Lead"
    when: Condition
    """Which leads are qualified."""
    name: TextRule
    email: TextRule | None = None
    phones: PhonesSection | None = None


class DueSection(Section):
    """When an invoice is due: so many days after its date or its month, or a day of a month."""

    days: int = Field(ge=0, le=MOST_DUE_DAYS)
    days_from: FieldPath | None = None
    """A number field, of the account perhaps, that replaces `days` where it is filled."""
    terms: Terms = "after_date"
    on_weekend: Literal["keep", "next_monday", "previous_friday"] = "keep"

    @model_validator(mode="after")
    def _names_a_day(self) -> "DueSection":
        check_day(self.days, self.terms)
        return self


class LinesSection(Section):
    """How an opportunity product becomes an invoice line."""

    order_by: FieldPath | None = None
    description: TextRule
    quantity: FieldPath = "Quantity"
    unit_amount: FieldPath = "UnitPrice"
    discount_rate: FieldPath | None = "Discount"
    account_code: LookupRule
    tax_type: LookupRule
    item_code: TextRule | None = None
    tracking: tuple[TrackingRule, ...] = Field(default=(), max_length=2)


class SingleLineSection(Section):
    """The one line of an opportunity without products: its amount, on one account."""

    description: TextRule
    account_code: str
    tax_type: str


class ApprovalSection(Section):
    """Which invoices a person must approve before they are sent: those that meet either."""

    when: Condition | None = None
    first_of_account: bool = False
    """Those of accounts that no invoice of ours has gone to yet."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> "ApprovalSection":
        if self.when is None and not self.first_of_account:
            raise ValueError("'approval' needs 'when' or 'first_of_account: true'")
        return self


class InvoicesSection(Section):
    """How a won opportunity becomes a sales invoice."""

    source: Literal["Opportunity"] = "Opportunity"
    when: Condition | None = None
    """Which won opportunities become invoices; all, if it is left out."""
    lines_source: Literal["OpportunityLineItem"] = "OpportunityLineItem"
    related: Mapping[RelatedName, RelatedSection] = Field(default_factory=dict)
    status: Literal["DRAFT", "SUBMITTED", "AUTHORISED"]
    line_amount_types: Literal["Exclusive", "Inclusive", "NoTax"]
    numbering: Literal["template", "xero"] = "template"
    """Whose number an invoice has: that of `number`, or the next of Xero's own sequence."""
    number: NumberTemplate | None = None
    reference: TextRule | None = None
    account: FieldPath = "AccountId"
    amount: FieldPath = "Amount"
    currency: FieldPath | None = None
    """The currency field of a multi-currency org; others do not have one."""
    exchange: ExchangeSection = ExchangeSection()
    rounding: RoundingSection = RoundingSection()
    date: FieldPath = "CloseDate"
    due: DueSection
    url: UrlTemplate
    lines: LinesSection
    without_lines: Literal["refuse", "one_line"] = "refuse"
    single_line: SingleLineSection | None = None
    lock_dates: Literal["refuse", "first_open_day"] = "refuse"
    """What an invoice does whose date lies in a period that the organisation has locked."""
    approval: ApprovalSection | None = None
    """Which invoices wait for a person's word; none, if it is left out."""
    on_change: Literal["update", "update_while_draft", "reissue", "credit_note", "ask"] = "update"
    """What becomes of an invoice whose opportunity has changed since."""
    on_reopen: Literal["list", "void", "ask"] = "list"
    """What becomes of an invoice whose opportunity is not won any more."""
    branding_theme: str | None = None
    sent_to_contact: bool = False
    email: bool = False
    """Whether Xero e-mails each new invoice to its contact."""

    def own_fields(self) -> Iterator[str]:
        """Yield the fields that must be the record's own: they decide more than a text."""
        given = (self.account, self.amount, self.currency, self.date, self.due.days_from)
        yield from (path for path in given if path is not None)
        yield from template_fields(self.number or "")
        yield from template_fields(self.url)
        yield from self.when.fields() if self.when else ()

    @model_validator(mode="after")
    def _fits_together(self) -> "InvoicesSection":
        if (self.without_lines == "one_line") is (self.single_line is None):
            raise ValueError("'without_lines: one_line' and 'single_line' belong together")
        if (self.numbering == "template") is (self.number is None):
            raise ValueError("'number' is needed, unless 'numbering: xero' stands in its place")
        if self.currency is None and self.exchange != ExchangeSection():
            raise ValueError("'exchange' needs 'currency', the field that says which one it is")
        if self.email and self.status != "AUTHORISED":
            raise ValueError("'email' needs status AUTHORISED: a draft is not sent")
        if self.email and self.sent_to_contact:
            raise ValueError("'email' marks invoices as sent itself: leave 'sent_to_contact' out")
        if self.sent_to_contact and self.status != "AUTHORISED":
            raise ValueError("'sent_to_contact' needs status AUTHORISED: a draft is not sent")
        return self


class RepairSection(Section):
    """What a reconciliation may do about a difference; `list` leaves it to a person."""

    not_invoiced: Literal["list", "resend"] = "list"
    link_missing: Literal["list", "resend"] = "list"
    opportunity_changed: Literal["list", "resend"] = "list"
    shown: Literal["list", "resend"] = "list"
    """Whatever an opportunity shows of its invoice and Xero does not say."""
    invoice_voided: Literal["list", "reissue"] = "list"
    """What was voided in Xero, and not by us."""
    invoice_deleted: Literal["list", "reissue"] = "list"


class ReconcileSection(Section):
    """The nightly comparison of both systems with the ledger; it comes after the sweep."""

    schedule: Annotated[str, AfterValidator(_check_schedule)] | None = "10 5 * * *"
    aged_contacts: int = Field(default=10, ge=0, le=200)
    """How many contacts' aged receivables are asked for; each costs a call."""
    repair: RepairSection = RepairSection()


class XeroToSalesforceSection(Section):
    """How what happens in Xero comes back to the opportunities."""

    schedule: Annotated[str, AfterValidator(_check_schedule)] | None = "*/10 * * * *"
    overlap_s: int = Field(default=600, ge=60, le=604_800)


class RouteSpec(Section):
    """One Salesforce org and one Xero organisation, and all that joins them."""

    route: Annotated[
        str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)
    ]
    description: str = ""
    schedule: Annotated[str, AfterValidator(_check_schedule)] | None = None
    timezone: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    """Of all that runs once a day or rarer, and of the months of a historical migration."""
    salesforce: SalesforceSection
    xero: XeroSection
    ledger: LedgerSection = LedgerSection()
    publish: PublishSection = PublishSection()
    quarantine: QuarantineSection = QuarantineSection()
    history: HistorySection = HistorySection()
    reconcile: ReconcileSection = ReconcileSection()
    sweep: SweepSection = SweepSection()
    contacts: ContactsSection
    leads: LeadsSection | None = None
    """Leads that become contacts; none, if it is left out."""
    invoices: InvoicesSection
    xero_to_salesforce: XeroToSalesforceSection = XeroToSalesforceSection()
    salesforce_fields: SalesforceFieldsSection = SalesforceFieldsSection()
    mirror: MirrorSection = MirrorSection()

    @model_validator(mode="after")
    def _codes_can_be_found(self) -> "RouteSpec":
        for name in ("account_code", "tax_type"):
            rule: LookupRule = getattr(self.invoices.lines, name)
            if not rule.table and rule.default is None:
                raise ValueError(f"invoices.lines.{name} has neither a table nor a default")
        return self

    @model_validator(mode="after")
    def _decides_by_own_fields(self) -> "RouteSpec":
        """Keep what decides whether, when and for how much something is sold to its own fields."""
        for name, section, paths in (
            ("contacts", self.contacts, self.contacts.own_fields()),
            ("invoices", self.invoices, self.invoices.own_fields()),
        ):
            for path in paths:
                if path.partition(".")[0] in section.related:
                    raise ValueError(
                        f"'{path}' can stand in texts only, not where '{name}' needs fields of the "
                        "record itself"
                    )
        return self

    # Both are asked for with each record, and take longer to compute than a record takes.
    @cached_property
    def mapping_version(self) -> str:
        """Identify the rules that shape documents; schedules and limits are not among them."""
        shaping = {"contacts", "invoices"} | ({"leads"} if self.leads else set())
        rules = self.model_dump(mode="json", by_alias=True, include=shaping)
        if self.contacts.new_in_xero is None:
            # Routes without it keep the version that they had before there was such a section.
            del rules["contacts"]["new_in_xero"]
        functions = sorted({one.version for one in _functions_in(self)})
        parts = [TRANSFORM_VERSION, rules, *functions]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def status_version(self) -> str:
        """Identify the rules by which opportunities, and the mirror, show invoices."""
        shown = self.salesforce_fields.version
        if not self.mirror.enabled:
            return shown
        return hashlib.sha256(f"{shown} {self.mirror.version}".encode()).hexdigest()[:12]


def _functions_in(part: object) -> Iterator[NamedFunction]:
    """Yield the functions that any field rule of a section applies."""
    if isinstance(part, NamedFunction):
        yield part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _functions_in(getattr(part, name))
