"""Staged frames, the demo route, and an organisation, as tests need them."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest

from sfxero.mapping.loader import load_route
from sfxero.mapping.organisation import AccountFacts, OrganisationFacts
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.transform import transform_contacts, transform_invoices
from sfxero.model.findings import Severity

DEMO = Path(__file__).parents[3] / "include" / "mappings" / "demo.yaml"
STAMP = datetime(2026, 11, 1, 2, 3, 4, tzinfo=UTC)
TEXT, FLAG, TIME = pa.string(), pa.bool_(), pa.timestamp("us", "UTC")
COMMON = {"Id": TEXT, "IsDeleted": FLAG, "SystemModstamp": TIME}
ACCOUNT = COMMON | dict.fromkeys(
    ("Name", "AccountNumber", "ABN__c", "MasterRecordId", "BillingStreet", "BillingCity",
     "BillingState", "BillingPostalCode", "BillingCountry", "Payment_Terms__c"), TEXT
)  # fmt: skip
OPPORTUNITY = COMMON | {
    "AccountId": TEXT, "Amount": pa.decimal128(18, 2), "CloseDate": pa.date32(),
    "Opportunity_Number__c": TEXT, "IsWon": FLAG, "StageName": TEXT, "CurrencyIsoCode": TEXT,
}  # fmt: skip
LINE = COMMON | {
    "OpportunityId": TEXT, "Quantity": pa.decimal128(18, 6), "UnitPrice": pa.decimal128(18, 6),
    "Discount": pa.decimal128(10, 4), "Description": TEXT, "Name": TEXT,
    "Product2.Family": TEXT, "SortOrder": pa.int64(),
}  # fmt: skip


def frame(rows, types):
    """Return rows as a frame of Arrow-backed columns."""
    columns = {
        name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()
    }
    return pd.DataFrame(
        {name: pd.Series(pd.arrays.ArrowExtensionArray(one)) for name, one in columns.items()}
    )


def account(number, **fields):
    """Return a valid account."""
    base = {"Id": f"001{number:012d}AAA", "IsDeleted": False, "SystemModstamp": STAMP}
    return base | {"Name": f"Firm {number}"} | fields


def opportunity(number, **fields):
    """Return a won opportunity of 100.00."""
    base = {"Id": f"006{number:012d}AAA", "IsDeleted": False, "SystemModstamp": STAMP}
    return (
        base
        | {"AccountId": "001000000000001AAA", "Amount": Decimal(100), "IsWon": True}
        | {"CloseDate": date(2026, 11, 20), "Opportunity_Number__c": f"{number:06d}"}
        | fields
    )


def line(number, parent=1, **fields):
    """Return a line of 100.00 of the opportunity `parent`."""
    base = {"Id": f"00k{number:012d}AAA", "IsDeleted": False, "SystemModstamp": STAMP}
    return (
        base
        | {"OpportunityId": f"006{parent:012d}AAA", "Quantity": Decimal(1)}
        | {"UnitPrice": Decimal(100), "Name": "Thing", "Product2.Family": "Hardware"}
        | fields
    )


def respec(spec, **sections):
    """Return a spec with some keys of its sections changed: invoices={"status": "DRAFT"}."""
    content = spec.model_dump(mode="json", by_alias=True)
    for name, changes in sections.items():
        for key, value in changes.items():
            is_section = isinstance(value, dict) and isinstance(content[name][key], dict)
            content[name][key] = content[name][key] | value if is_section else value
    return RouteSpec.model_validate(content)


def rules(result, severity=Severity.REFUSE):
    """Return the (id, rule) pairs of a result's findings."""
    return [(one.source_id, one.rule) for one in result.findings if one.severity is severity]


def payloads(result):
    """Return the documents' values by source id, numbers exact."""
    return {one.source_id: json.loads(one.payload, parse_float=Decimal) for one in result.documents}


@pytest.fixture(scope="session")
def demo():
    return load_route(DEMO)


@pytest.fixture(scope="session")
def organisation():
    return OrganisationFacts(
        base_currency="AUD",
        tax_rates={"OUTPUT": Decimal("10.0000"), "EXEMPTEXPORT": Decimal(0)},
        accounts={
            "200": AccountFacts("ACTIVE", "OUTPUT", "REVENUE"),
            "260": AccountFacts("ACTIVE", "OUTPUT", "REVENUE"),
            "299": AccountFacts("ARCHIVED", "OUTPUT", "REVENUE"),
        },
    )


@pytest.fixture(scope="session")
def build():
    """The builders above: test modules cannot import a conftest."""
    return SimpleNamespace(
        frame=frame, account=account, opportunity=opportunity, line=line, respec=respec,
        rules=rules, payloads=payloads, stamp=STAMP, demo_file=DEMO, active=AccountFacts("ACTIVE"),
        cents=lambda amount: Decimal(amount) / 100,
        account_types=ACCOUNT, opportunity_types=OPPORTUNITY, line_types=LINE,
    )  # fmt: skip


@pytest.fixture(scope="session")
def transform():
    return transform_invoices


@pytest.fixture
def contacts(demo):
    """Transform accounts by the demo route."""

    def run(*rows, spec=demo, owners=None, own_names=None):
        return transform_contacts(
            frame(rows, ACCOUNT), spec, owners=owners or {}, own_names=own_names or {}
        )

    return run


@pytest.fixture
def invoices(demo, organisation):
    """Transform opportunities and their lines by the demo route."""

    def run(
        opportunities, lines, *, spec=demo, facts=organisation, url="https://acme.example",
        **options,
    ):  # fmt: skip
        return transform_invoices(
            frame(opportunities, OPPORTUNITY), frame(lines, LINE), spec,
            organisation=facts, instance_url=url, **options,
        )  # fmt: skip

    return run
