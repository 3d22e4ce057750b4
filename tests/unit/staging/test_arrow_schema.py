from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from sfxero.errors import ConfigurationError
from sfxero.staging.arrow_schema import parent_objects, schema_for


@dataclass(frozen=True)
class _Field:
    type: str
    scale: int = 0
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None


@dataclass(frozen=True)
class _Object:
    name: str
    fields: dict[str, _Field] = field(default_factory=dict)


USER = _Object("User", {"Name": _Field("string"), "Rate__c": _Field("double", 4)})
ACCOUNT = _Object(
    "Account", {"Name": _Field("string"), "OwnerId": _Field("reference", 0, ("User",), "Owner")}
)
OPPORTUNITY = _Object(
    "Opportunity",
    {
        "Id": _Field("id"),
        "Amount": _Field("currency", 2),
        "Rate__c": _Field("percent", 3),
        "Number__c": _Field("double", 8),
        "Count__c": _Field("int"),
        "IsWon": _Field("boolean"),
        "CloseDate": _Field("date"),
        "SystemModstamp": _Field("datetime"),
        "StageName": _Field("picklist"),
        "Note__c": _Field("a type of next year"),
        "AccountId": _Field("reference", 0, ("Account",), "Account"),
        "OwnerId": _Field("reference", 0, ("Group", "User"), "Owner"),
        "Place__c": _Field("location"),
    },
)
PARENTS = {"Account": ACCOUNT, "User": USER, "Group": _Object("Group", {"Name": _Field("string")})}


@pytest.mark.parametrize(
    ("name", "arrow"),
    [
        ("Id", pa.string()),
        ("Amount", pa.decimal128(38, 2)),
        ("Rate__c", pa.decimal128(38, 3)),
        ("Number__c", pa.decimal128(38, 8)),
        ("Count__c", pa.int64()),
        ("IsWon", pa.bool_()),
        ("CloseDate", pa.date32()),
        ("SystemModstamp", pa.timestamp("us", tz="UTC")),
        ("StageName", pa.string()),
        ("Note__c", pa.string()),
        ("Account.Name", pa.string()),
        ("Account.Owner.Rate__c", pa.decimal128(38, 4)),
        ("Owner.Rate__c", pa.decimal128(38, 4)),
        ("Owner.Name", pa.string()),
    ],
)
def test_column_type_follows_the_field(name, arrow):
    assert schema_for(OPPORTUNITY, [name], parents=PARENTS) == pa.schema([(name, arrow)])


def test_columns_keep_the_order_asked_for():
    names = ["IsWon", "Id", "Account.Name"]
    assert schema_for(OPPORTUNITY, names, parents=PARENTS).names == names


@pytest.mark.parametrize("name", ["Hidden__c", "Place__c", "Account.Hidden__c", "Nobody.Name",
                                  "Account.Nobody.Name", "StageName.Name"])  # fmt: skip
def test_field_that_cannot_be_read_is_named(name):
    with pytest.raises(ConfigurationError, match=name.split(".")[-1]):
        schema_for(OPPORTUNITY, [name], parents=PARENTS)


def test_parents_to_describe_are_those_that_paths_lead_to():
    names = ["Id", "Account.Name", "Owner.Name", "Account.Owner.Name"]
    assert parent_objects(OPPORTUNITY, names) == ("Account", "Group", "User")
    assert parent_objects(OPPORTUNITY, ["Id"]) == ()
