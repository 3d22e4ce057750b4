"""Where in a route file each Salesforce field and each of Xero's codes is named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfxero.mapping.conditions import Condition
from sfxero.mapping.field_rules import INSTANCE_URL, FieldRule, LookupRule, TrackingRule
from sfxero.mapping.files import YamlFile
from sfxero.mapping.money_rules import RoundingLineSection
from sfxero.mapping.related_rules import RelatedSection
from sfxero.mapping.section import Section
from sfxero.mapping.spec import ContactsSection, InvoicesSection, RouteSpec, SingleLineSection
from sfxero.mapping.template import template_fields

Key = tuple[str | int, ...]
"""A place in a route file, such as `("contacts", "name", "from", 0)`."""


class FieldKind(StrEnum):
    """What the mapping takes a field for."""

    TEXT = "text"
    LABEL = "text or auto number"
    NUMBER = "number"
    DATE = "date"
    ACCOUNT = "reference to Account"


class CodeKind(StrEnum):
    """What a code of the organisation stands for, in the words of messages."""

    ACCOUNT = "account code"
    TAX_TYPE = "tax type"
    ITEM = "item"
    CATEGORY = "tracking category"
    OPTION = "tracking option"
    THEME = "branding theme"

    @property
    def plural(self) -> str:
        """Say it of several."""
        return self.replace("category", "categorie") + "s"


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A field of one object, named at one place."""

    key: Key
    object_name: str
    field: str
    kind: FieldKind
    column: str | None = None
    """Its name beside the record's own fields; None for what no document holds."""


@dataclass(frozen=True, slots=True)
class CodeUse:
    """A code that the route spells out; an option belongs to a `category`."""

    key: Key
    kind: CodeKind
    value: str
    category: str | None = None


_LINES: Final = ("invoices", "lines")
_TEMPLATES: Final[Mapping[Key, FieldKind]] = {
    ("invoices", "number"): FieldKind.LABEL,
    ("invoices", "url"): FieldKind.TEXT,
}
_PLAIN: Final[Mapping[Key, FieldKind]] = {
    ("contacts", "name_suffix"): FieldKind.TEXT,
    ("contacts", "new_in_xero", "external_id"): FieldKind.TEXT,
    ("contacts", "payment_terms", "by"): FieldKind.TEXT,
    ("invoices", "account"): FieldKind.ACCOUNT,
    ("invoices", "amount"): FieldKind.NUMBER,
    ("invoices", "currency"): FieldKind.TEXT,
    ("invoices", "date"): FieldKind.DATE,
    ("invoices", "due", "days_from"): FieldKind.NUMBER,
    (*_LINES, "order_by"): FieldKind.NUMBER,
    (*_LINES, "quantity"): FieldKind.NUMBER,
    (*_LINES, "unit_amount"): FieldKind.NUMBER,
    (*_LINES, "discount_rate"): FieldKind.NUMBER,
}
_OF_XERO: Final = ("contacts", "new_in_xero", "when")
"""A condition on fields of Xero's."""


def line_of(file: YamlFile, key: Key) -> int | None:
    """Return the line of a key, or of the nearest section above it.

    `field: [A, B]` is short for `field: {from: [A, B]}`, so `from` may not be in the file.
    """
    short = tuple(part for part in key if part != "from")
    lines = [line for one in (key, short) if (line := file.line_of(one)) is not None]
    return max(lines, default=None)


def field_uses(spec: RouteSpec) -> Iterator[FieldUse]:
    """Yield every field that the route names, wherever it does."""
    sections = ((spec.contacts, ("contacts",)), (spec.invoices, ("invoices",)))
    for section, start in sections:
        for key, field, kind in _fields(section, start):
            name, _, rest = field.partition(".")
            lender = section.related.get(name)
            if lender is not None and rest:
                yield FieldUse(key, lender.object, rest, kind, field)
            else:
                yield FieldUse(key, _object_of(spec, key), field, kind, field)
        for key, rules in _related(section, start):
            for place, field, kind in _row_fields(rules, key):
                yield FieldUse(place, rules.object, field, kind)
    if spec.leads is not None:
        for key, field, kind in _fields(spec.leads, ("leads",)):
            yield FieldUse(key, spec.leads.source, field, kind, field)


def code_uses(spec: RouteSpec) -> Iterator[CodeUse]:
    """Yield every code of the organisation that the route spells out, kind by kind."""
    lines = spec.invoices.lines
    for name, kind in (("account_code", CodeKind.ACCOUNT), ("tax_type", CodeKind.TAX_TYPE)):
        yield from _spelt(getattr(lines, name), (*_LINES, name), kind)
        for key, section in _own_lines(spec):
            yield CodeUse((*key, name), kind, getattr(section, name))
    if lines.item_code is not None:
        yield from _spelt(lines.item_code, (*_LINES, "item_code"), CodeKind.ITEM)
    for place, rule in enumerate(lines.tracking):
        key = (*_LINES, "tracking", place)
        yield CodeUse((*key, "category"), CodeKind.CATEGORY, rule.category)
        yield from _spelt(rule.option, (*key, "option"), CodeKind.OPTION, category=rule.category)
    if spec.invoices.branding_theme is not None:
        yield CodeUse(("invoices", "branding_theme"), CodeKind.THEME, spec.invoices.branding_theme)


def sold_pairs(spec: RouteSpec) -> frozenset[tuple[str, str]]:
    """Return which account codes and tax types can meet on a line."""
    accounts, taxes = spec.invoices.lines.account_code, spec.invoices.lines.tax_type
    if accounts.by == taxes.by:
        values = (*accounts.table, *taxes.table, None)
        pairs = [(_found(accounts, one), _found(taxes, one)) for one in values]
    else:
        codes = {*accounts.table.values(), accounts.default}
        pairs = [(code, tax) for code in codes for tax in {*taxes.table.values(), taxes.default}]
    pairs += [(section.account_code, section.tax_type) for _, section in _own_lines(spec)]
    return frozenset((code, tax) for code, tax in pairs if code and tax)


def _own_lines(spec: RouteSpec) -> Iterator[tuple[Key, SingleLineSection | RoundingLineSection]]:
    """Yield the sections of lines that no product stands behind."""
    if spec.invoices.single_line is not None:
        yield ("invoices", "single_line"), spec.invoices.single_line
    if spec.invoices.rounding.line is not None:
        yield ("invoices", "rounding", "line"), spec.invoices.rounding.line


def _found(rule: LookupRule, value: str | None) -> str | None:
    return rule.default if value is None else rule.table.get(value, rule.default)


def _object_of(spec: RouteSpec, key: Key) -> str:
    if key[0] == "contacts":
        return spec.contacts.source
    is_line = key[: len(_LINES)] == _LINES
    return spec.invoices.lines_source if is_line else spec.invoices.source


def _fields(part: object, key: Key) -> Iterator[tuple[Key, str, FieldKind]]:
    """Go down a section to the fields that its rules read."""
    if isinstance(part, FieldRule):
        yield from _rule_fields(part, key)
    elif isinstance(part, LookupRule):
        yield (*key, "by"), part.by, FieldKind.TEXT
    elif isinstance(part, TrackingRule):
        yield from _fields(part.option, (*key, "option"))
    elif isinstance(part, Condition):
        yield from _condition_fields(part, key) if key != _OF_XERO else ()
    elif isinstance(part, Section) and not isinstance(part, RelatedSection):
        for name in type(part).model_fields:
            yield from _fields(getattr(part, name), (*key, name))
    elif isinstance(part, tuple):
        for place, one in enumerate(part):
            yield from _fields(one, (*key, place))
    elif isinstance(part, str):
        yield from _text_fields(part, key)


def _related(
    section: ContactsSection | InvoicesSection, start: Key
) -> Iterator[tuple[Key, RelatedSection]]:
    for name, rules in section.related.items():
        yield (*start, "related", name), rules
    if isinstance(section, ContactsSection) and section.persons is not None:
        yield (*start, "persons"), section.persons


def _row_fields(rules: RelatedSection, key: Key) -> Iterator[tuple[Key, str, FieldKind]]:
    """Yield what is read of the rows themselves."""
    for name in ("of", "order_by", "first_name", "last_name", "email"):
        field = getattr(rules, name, None)
        if field is not None:
            yield (*key, name), field, FieldKind.TEXT
    for name, condition in (("when", rules.when), ("first", rules.first)):
        if condition is not None:
            yield from _condition_fields(condition, (*key, name))


def _text_fields(text: str, key: Key) -> Iterator[tuple[Key, str, FieldKind]]:
    if key in _PLAIN:
        yield key, text, _PLAIN[key]
    if key in _TEMPLATES:
        for field in template_fields(text):
            if field != INSTANCE_URL:
                yield key, field, _TEMPLATES[key]


def _rule_fields(rule: FieldRule, key: Key) -> Iterator[tuple[Key, str, FieldKind]]:
    below: Key = (*key, "template") if rule.template else (*key, "from")
    for place, field in enumerate(rule.read_fields):
        yield below if rule.template else (*below, place), field, FieldKind.TEXT
    for place, field in enumerate(rule.country):
        yield (*key, "country", place), field, FieldKind.TEXT
    if rule.when is not None:
        yield from _condition_fields(rule.when, (*key, "when"))


def _condition_fields(condition: Condition, key: Key) -> Iterator[tuple[Key, str, FieldKind]]:
    if condition.field is not None:
        yield (*key, "field"), condition.field, FieldKind.TEXT
    for name, group in (("all", condition.all_), ("any", condition.any_)):
        for place, inner in enumerate(group or ()):
            yield from _condition_fields(inner, (*key, name, place))
    if condition.not_ is not None:
        yield from _condition_fields(condition.not_, (*key, "not"))


def _spelt(
    rule: LookupRule | FieldRule, key: Key, kind: CodeKind, *, category: str | None = None
) -> Iterator[CodeUse]:
    """Yield the values that a rule spells out itself."""
    for value, code in (rule.table or {}).items():
        yield CodeUse((*key, "table", value), kind, code, category)
    if rule.default:
        yield CodeUse((*key, "default"), kind, rule.default, category)
    if isinstance(rule, FieldRule) and rule.value:
        yield CodeUse((*key, "value"), kind, rule.value, category)
