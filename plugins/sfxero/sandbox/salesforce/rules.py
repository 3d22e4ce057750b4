"""What follows from a save: stages, prices, sums, stamps and cascades."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from sfxero.sandbox.salesforce.coercion import readable, refusal
from sfxero.sandbox.salesforce.failures import ApiFailure, not_found
from sfxero.sandbox.salesforce.fields import CURRENCIES
from sfxero.sandbox.salesforce.locks import locked_with
from sfxero.sandbox.salesforce.objects import STAGES
from sfxero.sandbox.salesforce.records import Record, normal_id
from sfxero.sandbox.salesforce.regions import checked_codes
from sfxero.sandbox.salesforce.schema import Field, ObjectType
from sfxero.sandbox.salesforce.setup_rows import CORPORATE_CURRENCY

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

_CENT = Decimal("0.01")
_ZERO = Decimal(0)


def decimal_of(record: Record, name: str) -> Decimal:
    """Return a number of the record; null counts as zero."""
    value = record.get(name)
    return value if isinstance(value, Decimal) else _ZERO


def line_prices(quantity: Decimal, unit_price: Decimal, discount: Decimal | None) -> Record:
    """Return the computed prices of a line, rounded per line to the cent."""
    full = quantity * unit_price
    total = full * (1 - (discount or _ZERO) / 100)
    return {
        "Subtotal": full.quantize(_CENT, ROUND_HALF_UP),
        "TotalPrice": total.quantize(_CENT, ROUND_HALF_UP),
    }


def stage_facts(stage_name: str) -> Record:
    """Return what an opportunity's stage decides."""
    stage = STAGES.get(stage_name)
    if stage is None:
        message = f"Stage: bad value for restricted picklist field: {stage_name}"
        raise refusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, "StageName")
    return {
        "IsClosed": stage.is_closed, "IsWon": stage.is_won,
        "Probability": Decimal(stage.probability),
    }  # fmt: skip


def line_sum(lines: Iterable[Record]) -> Decimal:
    """Return the sum of the lines' total prices."""
    return sum((decimal_of(line, "TotalPrice") for line in lines), _ZERO)


def expected_revenue(opportunity: Record) -> Decimal | None:
    """Return Amount times Probability."""
    if opportunity.get("Amount") is None:
        return None
    share = decimal_of(opportunity, "Probability") / 100
    return (decimal_of(opportunity, "Amount") * share).quantize(_CENT, ROUND_HALF_UP)


def find_object(org: "SalesforceOrg", name: str) -> ObjectType:
    """Return the object or refuse an unknown one."""
    found = org.schema.find(name)
    if found is None:
        raise not_found()
    return found


def find_record(org: "SalesforceOrg", source: ObjectType, given_id: str) -> Record:
    """Return a live record or refuse."""
    record = org.records.get(source.name, normal_id(given_id))
    if record is None:
        raise not_found()
    if record.get("IsDeleted"):
        raise ApiFailure(404, "ENTITY_IS_DELETED", "entity is deleted", fields=())
    return record


def check_writable(source: ObjectType) -> None:
    """Refuse changes of set-up objects."""
    if not source.writable:
        raise ApiFailure(
            400,
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            f"entity type cannot be changed: {source.name}",
        )


def create(org: "SalesforceOrg", object_name: str, body: Mapping[str, Any]) -> str:
    """Save a new record and return its id."""
    source = find_object(org, object_name)
    check_writable(source)
    values = readable(
        source, body, org.records, creating=True, keeps_digits=org.switches.keeps_digits
    )
    values = derive(org, source, None, values)
    check_unique(org, source, values)
    _check_duplicates(org, source, values)
    org.locks.check(locked_with(org.records, source.name, values))
    at = org.now()
    record: Record = dict.fromkeys(each.name for each in source.fields)
    flags = {each.name: False for each in source.fields if each.kind == "boolean"}
    record |= flags | values | org.stamps(at) | {"Id": ""}
    if "ownerid" in source.by_name:
        record["OwnerId"] = values.get("OwnerId") or org.acting_id
    if "currencyisocode" in source.by_name:
        record["CurrencyIsoCode"] = record["CurrencyIsoCode"] or CORPORATE_CURRENCY
    _check_required(source, record)
    if source.name == "Opportunity":
        record |= stage_facts(str(record["StageName"]))
        record["Pricebook2Id"] = record["Pricebook2Id"] or org.price_book_id
        record["Opportunity_Number__c"] = next_number(org)
        record["ExpectedRevenue"] = expected_revenue(record)
    if source.by_name.get("name") in _counted(source):
        record["Name"] = f"{source.key_prefix}-{org.records.serial(source.name) + 1:08d}"
    if source.name == "OpportunityLineItem":
        record |= _product_facts(org, record)
        record |= _prices(record)
    record["Id"] = org.records.new_id(source.name)
    org.records.put(source.name, record)
    if source.name == "OpportunityLineItem":
        sum_up(org, str(record["OpportunityId"]), at=at)
    return str(record["Id"])


def _counted(source: ObjectType) -> list[Field]:
    return [each for each in source.fields if each.auto_number]


def check_unique(
    org: "SalesforceOrg", source: ObjectType, values: Record, *, own_id: str | None = None
) -> None:
    """Refuse a value that another live record holds in a unique field."""
    for each in source.fields:
        if not each.unique or values.get(each.name) is None:
            continue
        for other in org.records.with_key(source.name, each.name, values[each.name]):
            if other["Id"] != own_id:
                message = f"duplicate value found: {each.name} duplicates value on record with id: "
                message += str(other["Id"])[:15]
                raise refusal("DUPLICATE_VALUE", message)


def derive(
    org: "SalesforceOrg", source: ObjectType, former: Record | None, changes: Record
) -> Record:
    """Return the changes with what follows from them: people's names, states, currencies."""
    record = (former or {}) | changes
    found = changes
    if source.name in {"Contact", "Lead"} or is_person(org, source, record):
        found = _person(source, record, changes)
    for each in source.fields:
        if each.name.endswith("StateCode"):
            found = checked_codes(former or {}, found, each.name.removesuffix("StateCode"))
    code = found.get("CurrencyIsoCode")
    if code is not None and code not in CURRENCIES:
        message = f"Currency: bad value for restricted picklist field: {code}"
        raise refusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, "CurrencyIsoCode")
    return found


def is_person(org: "SalesforceOrg", source: ObjectType, record: Record) -> bool:
    """Return whether this account is a person, which has a last name and no name of its own."""
    return org.options.person_accounts and source.name == "Account" and bool(record.get("LastName"))


def _person(source: ObjectType, record: Record, changes: Record) -> Record:
    if "Name" in changes:
        message = f"{source.name}: bad field names on insert/update call: Name"
        raise refusal("INVALID_FIELD_FOR_INSERT_UPDATE", message, "Name")
    names = (record.get("FirstName"), record.get("LastName"))
    full = " ".join(str(each) for each in names if each)
    found = changes | {"Name": full or None}
    return found | {"IsPersonAccount": True} if source.name == "Account" else found


def _check_required(source: ObjectType, record: Record) -> None:
    missing = [
        each.name
        for each in source.fields
        if not each.nillable and each.createable and record.get(each.name) is None
    ]
    if source.name == "OpportunityLineItem" and not (
        record.get("Product2Id") or record.get("PricebookEntryId")
    ):
        missing.append("PricebookEntryId")
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise refusal("REQUIRED_FIELD_MISSING", message, *missing)


def next_number(org: "SalesforceOrg") -> str:
    """Return the auto number of the next opportunity."""
    return f"OPP-{org.records.serial('Opportunity') + 1:06d}"


def _product_facts(org: "SalesforceOrg", line: Record) -> Record:
    """Return what a line takes over from its product and price book entry."""
    entries = org.records.rows("PricebookEntry")
    opportunity = org.records.get("Opportunity", str(line["OpportunityId"])) or {}
    currency = opportunity.get("CurrencyIsoCode")
    entry = next(
        (
            each for each in entries
            if line["PricebookEntryId"] in {None, each["Id"]}
            and line["Product2Id"] in {None, each["Product2Id"]}
            and each.get("CurrencyIsoCode") == currency
        ), None,
    )  # fmt: skip
    if entry is None:
        raise refusal(
            "FIELD_INTEGRITY_EXCEPTION", "field integrity exception: PricebookEntryId (pricebook "
            "entry does not match the product)", "PricebookEntryId",
        )  # fmt: skip
    return {
        "PricebookEntryId": entry["Id"], "Product2Id": entry["Product2Id"],
        "ProductCode": entry["ProductCode"], "ListPrice": entry["UnitPrice"],
        "Name": f"{opportunity.get('Name')} {entry['Name']}"[:376],
        "UnitPrice": entry["UnitPrice"] if line["UnitPrice"] is None else line["UnitPrice"],
    }  # fmt: skip


def _prices(line: Record) -> Record:
    discount = line.get("Discount")
    return line_prices(
        decimal_of(line, "Quantity"), decimal_of(line, "UnitPrice"),
        discount if isinstance(discount, Decimal) else None,
    )  # fmt: skip


def update(org: "SalesforceOrg", object_name: str, record_id: str, body: Mapping[str, Any]) -> None:
    """Save changed fields of a record."""
    source = find_object(org, object_name)
    check_writable(source)
    former = find_record(org, source, record_id)
    org.locks.check(locked_with(org.records, source.name, former))
    _check_rules(org, former)
    if former.get("IsConverted"):
        raise refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    changes = readable(
        source, body, org.records, creating=False, keeps_digits=org.switches.keeps_digits
    )
    org.locks.check(locked_with(org.records, source.name, changes))
    changes = derive(org, source, former, changes)
    check_unique(org, source, changes, own_id=str(former["Id"]))
    if source.name == "Opportunity":
        changes |= _opportunity_changes(org, former, changes)
    record = former | changes
    if source.name == "Opportunity":
        record["ExpectedRevenue"] = expected_revenue(record)
    if source.name == "OpportunityLineItem":
        record |= _prices(record)
    at = org.now()
    org.records.put(source.name, touched(org, record, at=at))
    if source.name == "OpportunityLineItem":
        sum_up(org, str(record["OpportunityId"]), at=at)


def _check_rules(org: "SalesforceOrg", record: Record) -> None:
    """Refuse updates of a record that the tester has put under a rule."""
    record_id = str(record["Id"])
    rules = org.switches.refused_records
    text = rules.get(record_id) or rules.get(record_id[:15]) or ""
    code, _, rest = text.partition(":")
    if rest and code.isupper() and " " not in code:
        raise refusal(code, rest)
    if text:
        raise refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", text)


def _check_duplicates(org: "SalesforceOrg", source: ObjectType, values: Record) -> None:
    """Refuse an account that a duplicate rule takes for another one."""
    if not org.switches.duplicate_rule or source.name != "Account":
        return
    name = str(values.get("Name")).casefold()
    for other in org.records.rows(source.name):
        if not other["IsDeleted"] and str(other["Name"]).casefold() == name:
            raise refusal("DUPLICATES_DETECTED", "Use one of these records?")


def _opportunity_changes(org: "SalesforceOrg", former: Record, changes: Record) -> Record:
    """Return the derived changes; Amount is silently kept while there are lines (OBJ)."""
    derived: Record = {}
    if "StageName" in changes:
        derived |= stage_facts(str(changes["StageName"]))
        if changes.get("Probability") is not None:
            derived["Probability"] = changes["Probability"]
    if "Amount" in changes and former["HasOpportunityLineItem"]:
        if org.switches.allow_amount_mismatch:
            org.amount_overrides.add(str(former["Id"]))
        else:
            derived["Amount"] = former["Amount"]
    return derived


def touched(org: "SalesforceOrg", record: Record, *, at: datetime) -> Record:
    """Return the record with its change stamped."""
    return record | {
        "LastModifiedDate": at, "LastModifiedById": org.acting_id, "SystemModstamp": at,
    }  # fmt: skip


def sum_up(org: "SalesforceOrg", opportunity_id: str, *, at: datetime) -> None:
    """Bring an opportunity in step with its lines; that also ends an Amount of its own."""
    former = org.records.get("Opportunity", opportunity_id)
    if former is None:
        return
    org.amount_overrides.discard(opportunity_id)
    lines = org.records.lines_of(opportunity_id)
    record = former | {"HasOpportunityLineItem": bool(lines)}
    if lines:
        record["Amount"] = line_sum(lines)
    record["ExpectedRevenue"] = expected_revenue(record)
    if org.switches.line_edit_touches_opportunity:
        record = touched(org, record, at=at)
    org.records.put("Opportunity", record)
