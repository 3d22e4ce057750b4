"""Golden cases of a route: records as people write them, and what must become of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, model_validator

from sfxero.errors import ConfigurationError
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.files import YamlFile
from sfxero.mapping.money_rules import CurrencyCode, DayRates
from sfxero.mapping.organisation import AccountFacts, OrganisationFacts
from sfxero.mapping.related_sources import with_related
from sfxero.mapping.section import Section
from sfxero.mapping.spec import RouteSpec
from sfxero.model.findings import Severity

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from sfxero.mapping.result import TransformResult

FieldType = Literal["text", "number", "date", "datetime", "flag"]
Record = Mapping[str, str | None]

_ID: Final = {"account": "001000000000001AAA", "opportunity": "006000000000001AAA"}
_STAMP: Final = datetime(2026, 1, 1, tzinfo=UTC)
_INSTANCE_URL: Final = "https://example.my.salesforce.com"
_NO_RECORD: Final = "the transform gave no word on the record"


class CaseOrganisation(Section):
    """What the Xero organisation of the cases has."""

    base_currency: str = "AUD"
    accounts: tuple[str, ...]
    tax_rates: Mapping[str, Decimal]
    items: tuple[str, ...] = ()
    tracking: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    branding_themes: Mapping[str, str] = Field(default_factory=dict)
    currencies: tuple[CurrencyCode, ...] = ()
    """Those that documents may be in, beside its own."""
    locked_until_on: date | None = None


class Case(Section):
    """An account with one opportunity, and what is expected of it."""

    name: str
    account: Record = Field(default_factory=dict)
    opportunity: Record = Field(default_factory=dict)
    lines: tuple[Record, ...] = ()
    contact: Mapping[str, Any] | None = None
    invoice: Mapping[str, Any] | None = None
    refused: tuple[str, ...] = ()
    """Rules that must refuse the contact or the invoice; all of them, in any order."""
    warned: tuple[str, ...] = ()
    skipped: str | None = None

    @model_validator(mode="after")
    def _expects_something(self) -> "Case":
        if not (self.contact or self.invoice or self.refused or self.warned or self.skipped):
            raise ValueError(
                "a case expects one of 'contact', 'invoice', 'refused', 'warned' and 'skipped'"
            )
        return self


class CaseFile(Section):
    """The cases of one file, with what they share."""

    organisation: CaseOrganisation
    types: Mapping[str, FieldType] = Field(default_factory=dict)
    """Types of fields that are no text, beside those that the route reads as number or date."""
    org_rates: Mapping[CurrencyCode, DayRates] = Field(default_factory=dict)
    """Salesforce's rates, of the org's corporate currency."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went; no differences means that it holds."""

    name: str
    file: str
    line: int | None
    differences: tuple[str, ...]


def run_cases(spec: RouteSpec, folder: Path) -> Iterator[CaseResult]:
    """Run all cases of a folder's files against a route; MappingFileError for a wrong file."""
    for path in sorted(folder.glob("*.yaml")):
        file = YamlFile(path)
        content = file.read(CaseFile)
        for place, case in enumerate(content.cases):
            yield CaseResult(
                case.name,
                str(path),
                file.line_of(("cases", place)),
                tuple(differences(case, spec, content)),
            )


def differences(case: Case, spec: RouteSpec, file: CaseFile) -> list[str]:
    """Return in what the route's own transforms differ from what the case expects."""
    from sfxero.mapping.transform import transform_contacts, transform_invoices

    account = {"Id": _ID["account"], **case.account}
    sold = {"Id": _ID["opportunity"], "IsWon": "true", spec.invoices.account: account["Id"]}
    opportunity = {**sold, **case.opportunity}
    lines = [
        {"Id": f"00k{place:012d}AAA", "OpportunityId": opportunity["Id"], **line}
        for place, line in enumerate(case.lines, start=1)
    ]
    frames = _Frames(spec, file.types)
    found: list[str] = []
    results: list[TransformResult] = []
    if case.account or case.contact:
        contacts = transform_contacts(
            frames.of(spec.contacts.source, [account]), spec, owners={}, own_names={}
        )
        found += _compare_document("contact", case.contact, contacts)
        results.append(contacts)
    if case.opportunity or case.lines or case.invoice:
        invoices = transform_invoices(
            frames.of(spec.invoices.source, [opportunity]),
            frames.of(spec.invoices.lines_source, lines),
            spec,
            organisation=_facts(file.organisation),
            instance_url=_INSTANCE_URL,
            org_rates=file.org_rates,
        )
        found += _compare_document("invoice", case.invoice, invoices)
        results.append(invoices)
    return [*found, *_compare_rules(case, results)]


def _facts(organisation: CaseOrganisation) -> OrganisationFacts:
    return OrganisationFacts(
        base_currency=organisation.base_currency,
        tax_rates=organisation.tax_rates,
        accounts={code: AccountFacts("ACTIVE") for code in organisation.accounts},
        items=frozenset(organisation.items),
        tracking={name: frozenset(one) for name, one in organisation.tracking.items()},
        branding_themes=organisation.branding_themes,
        currencies=frozenset(organisation.currencies),
        locked_until_on=organisation.locked_until_on,
    )


class _Frames:
    """Makes staged frames of records whose values are all text."""

    def __init__(self, spec: RouteSpec, types: Mapping[str, FieldType]) -> None:
        lines, invoices = spec.invoices.lines, spec.invoices
        numbers = (
            invoices.amount, lines.quantity, lines.unit_amount, lines.discount_rate, lines.order_by,
        )  # fmt: skip
        fields = with_related(needed_fields(spec), spec)
        self._fields = {name: sorted(paths) for name, paths in fields.items()}
        self._types: dict[str, FieldType] = {
            **{name: "number" for name in numbers if name},
            invoices.date: "date",
            "SystemModstamp": "datetime",
            "IsDeleted": "flag",
            "IsWon": "flag",
            **types,
        }

    def of(self, object_name: str, records: Sequence[Record]) -> "pd.DataFrame":
        """Return the fields that the route reads of an object; one that is not given is empty."""
        import pandas as pd
        import pyarrow as pa

        fields = self._fields[object_name]
        for record in records:
            unread = sorted(set(record) - set(fields))
            if unread:
                raise ConfigurationError(
                    f"a case gives {object_name}.{unread[0]}, which the route does not read",
                    hint=f"The route reads: {', '.join(fields)}.",
                )
        columns = {name: self._column(name, records) for name in fields}
        table: pa.Table = pa.table(columns)
        frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def _column(self, name: str, records: Sequence[Record]) -> "pa.Array":
        import pyarrow as pa

        kinds: dict[FieldType, pa.DataType] = {
            "text": pa.string(),
            "number": pa.decimal128(38, 12),
            "date": pa.date32(),
            "datetime": pa.timestamp("us", "UTC"),
            "flag": pa.bool_(),
        }
        kind = self._types.get(name, "text")
        values = [_value(record.get(name), kind, name) for record in records]
        return pa.array(values, kinds[kind])


def _value(text: str | None, kind: FieldType, name: str) -> object:
    if text is None:
        defaults: dict[str, object] = {"SystemModstamp": _STAMP, "IsDeleted": False}
        return defaults.get(name)
    try:
        match kind:
            case "text":
                return text
            case "number":
                return Decimal(text)
            case "date":
                return date.fromisoformat(text)
            case "datetime":
                return datetime.fromisoformat(text)
            case "flag":
                return {"true": True, "false": False}[text.lower()]
    except (InvalidOperation, KeyError, ValueError):
        raise ConfigurationError(
            f"a case gives {name} as '{text}', which is no {kind}",
            hint="Numbers are written 1000.50, dates 2026-11-20, flags true or false.",
        ) from None


def _compare_document(
    what: str, expected: Mapping[str, Any] | None, result: "TransformResult"
) -> Iterator[str]:
    if expected is None:
        return
    documents = list(result.documents)
    if not documents:
        rules = [one.rule for one in result.findings] + [rule for _, rule in result.skipped]
        yield f"{what}: expected, but {', '.join(rules) or _NO_RECORD}"
        return
    yield from _compare(what, expected, _exact(documents[0].payload))


def _compare(path: str, expected: Any, found: Any) -> Iterator[str]:
    """Compare what is expected, and only that; lists element by element."""
    if isinstance(expected, Mapping):
        for key, value in expected.items():
            held = found.get(key) if isinstance(found, Mapping) else None
            yield from _compare(f"{path}.{key}", value, held)
    elif isinstance(expected, list | tuple):
        held = found if isinstance(found, list) else []
        if len(held) != len(expected):
            yield f"{path}: expected {len(expected)} elements, found {len(held)}"
            return
        for place, (one, other) in enumerate(zip(expected, held, strict=True)):
            yield from _compare(f"{path}.{place}", one, other)
    elif not _is_same(expected, found):
        yield f"{path}: expected {expected}, found {found}"


def _is_same(expected: str | None, found: Any) -> bool:
    if isinstance(found, Decimal | int) and expected is not None:
        try:
            return bool(Decimal(expected) == found)
        except InvalidOperation:
            return False
    return bool(expected == found)


def _exact(payload: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
    return fields


def _compare_rules(case: Case, results: Sequence["TransformResult"]) -> Iterator[str]:
    """Compare the rules that were broken; what a case says nothing of is not looked at."""
    findings = [one for result in results for one in result.findings]
    for severity, expected in ((Severity.REFUSE, case.refused), (Severity.WARN, case.warned)):
        found = {one.rule for one in findings if one.severity is severity}
        yield from (f"{severity}: expected {one}" for one in sorted(set(expected) - found))
        yield from (f"{severity}: {one}, not expected" for one in sorted(found - set(expected)))
    skipped = next((rule for result in results for _, rule in result.skipped), None)
    if case.skipped != skipped:
        yield f"skipped: expected {case.skipped}, found {skipped}"
