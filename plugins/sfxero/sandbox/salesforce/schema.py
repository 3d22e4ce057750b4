"""What an org's objects and fields are, and how describe reports them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

FieldKind = Literal[
    "id", "reference", "string", "textarea", "picklist", "phone", "url", "email", "boolean",
    "currency", "double", "percent", "int", "date", "datetime", "address",
]  # fmt: skip
TEXT_KINDS: frozenset[str] = frozenset({"string", "textarea", "picklist", "phone", "url", "email"})
DECIMAL_KINDS: frozenset[str] = frozenset({"currency", "double", "percent"})
ID_KINDS: frozenset[str] = frozenset({"id", "reference"})

_SOAP_TYPES: dict[str, str] = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "currency": "xsd:double",
    "double": "xsd:double", "percent": "xsd:double", "int": "xsd:int", "date": "xsd:date",
    "datetime": "xsd:dateTime", "address": "urn:address",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an object."""

    name: str
    kind: FieldKind
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    calculated: bool = False
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    external_id: bool = False
    auto_number: bool = False
    name_field: bool = False
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    compound: str | None = None
    picklist: tuple[str, ...] = ()

    @property
    def custom(self) -> bool:
        """Return whether an administrator added it."""
        return self.name.endswith("__c")

    @property
    def filterable(self) -> bool:
        """Return whether WHERE may use it; long text areas and compounds cannot be filtered."""
        return self.kind != "address" and not (self.kind == "textarea" and self.length > 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One object of the org, such as Account."""

    name: str
    label: str
    plural: str
    key_prefix: str
    fields: tuple[Field, ...]
    bulk_queryable: bool = True
    writable: bool = True
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False)
    by_relationship: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the fields by their names in lower case, since SOQL ignores case."""
        names = {each.name.lower(): each for each in self.fields}
        paths = {each.relationship.lower(): each for each in self.fields if each.relationship}
        object.__setattr__(self, "by_name", names)
        object.__setattr__(self, "by_relationship", paths)


class Schema:
    """The objects one user can see; a hidden field is as absent as an unknown one."""

    def __init__(self, objects: Iterable[ObjectType]) -> None:
        """Take every object of the org."""
        self._declared = {each.name.lower(): each for each in objects}
        self._visible = dict(self._declared)

    def seen(self, *, hidden: Iterable[str], read_only: Iterable[str]) -> "Schema":
        """Return what a user sees from whom these `Object.Field` names are hidden or guarded."""
        unseen = {name.lower() for name in hidden}
        guarded = {name.lower() for name in read_only}
        left = Schema(())
        left._declared = self._declared
        left._visible = {key: _seen(each, unseen, guarded) for key, each in self._declared.items()}
        return left

    def find(self, name: str) -> ObjectType | None:
        """Return the object of that name in any case, with the visible fields."""
        return self._visible.get(name.lower())

    def declared(self, name: str) -> ObjectType:
        """Return the object with all its fields, hidden or not."""
        return self._declared[name.lower()]

    @property
    def objects(self) -> dict[str, ObjectType]:
        """Return all objects as visible, by name."""
        return {each.name: each for each in self._visible.values()}


def _seen(declared: ObjectType, hidden: set[str], guarded: set[str]) -> ObjectType:
    """Return the object less its hidden fields; guarded ones can only be read."""
    prefix = declared.name.lower()

    def names(each: Field, wanted: set[str]) -> bool:
        return f"{prefix}.{each.name.lower()}" in wanted

    kept = tuple(
        replace(each, createable=False, updateable=False) if names(each, guarded) else each
        for each in declared.fields
        if not names(each, hidden)
    )
    return declared if kept == declared.fields else replace(declared, fields=kept)


def describe_field(each: Field) -> dict[str, Any]:
    """Return the field as the describe call reports it."""
    is_text = each.kind in TEXT_KINDS
    return {
        "aggregatable": each.filterable, "autoNumber": each.auto_number,
        "byteLength": each.length * 3 if is_text else each.length, "calculated": each.calculated,
        "calculatedFormula": None, "cascadeDelete": False, "caseSensitive": False,
        "compoundFieldName": each.compound, "controllerName": None, "createable": each.createable,
        "custom": each.custom, "defaultValue": False if each.kind == "boolean" else None,
        "defaultedOnCreate": each.auto_number or each.kind == "boolean" or not each.createable,
        "dependentPicklist": False, "deprecatedAndHidden": False, "digits": 0,
        "displayLocationInDecimal": False, "encrypted": False, "externalId": each.external_id,
        "extraTypeInfo": "plaintextarea" if each.kind == "textarea" else None,
        "filterable": each.filterable, "formulaTreatNullNumberAsZero": False,
        "groupable": each.filterable and each.kind not in DECIMAL_KINDS,
        "highScaleNumber": False, "htmlFormatted": False,
        "idLookup": each.kind == "id" or each.external_id,
        "inlineHelpText": None, "label": each.label or each.name, "length": each.length,
        "mask": None, "maskType": None, "name": each.name, "nameField": each.name_field,
        "namePointing": False, "nillable": each.nillable, "permissionable": each.nillable,
        "picklistValues": [
            {
                "active": True, "defaultValue": False, "label": value, "validFor": None,
                "value": value,
            }
            for value in each.picklist
        ],
        "polymorphicForeignKey": False, "precision": each.precision, "queryByDistance": False,
        "referenceTargetField": None, "referenceTo": list(each.reference_to),
        "relationshipName": each.relationship, "relationshipOrder": None,
        "restrictedDelete": False, "restrictedPicklist": False, "scale": each.scale,
        "searchPrefilterable": False, "soapType": _SOAP_TYPES.get(each.kind, "xsd:string"),
        "sortable": each.filterable, "type": each.kind, "unique": each.unique,
        "updateable": each.updateable, "writeRequiresMasterRead": False,
    }  # fmt: skip


def describe_summary(declared: ObjectType, *, version: str) -> dict[str, Any]:
    """Return the object as the list of all objects reports it."""
    root = f"/services/data/v{version}/sobjects/{declared.name}"
    writable = declared.writable
    return {
        "activateable": False, "createable": writable, "custom": declared.name.endswith("__c"),
        "customSetting": False, "deletable": writable, "deprecatedAndHidden": False,
        "feedEnabled": False, "hasSubtypes": False, "isSubtype": False,
        "keyPrefix": declared.key_prefix, "label": declared.label, "labelPlural": declared.plural,
        "layoutable": True, "mergeable": declared.name == "Account", "mruEnabled": True,
        "name": declared.name, "queryable": True, "replicateable": True, "retrieveable": True,
        "searchable": True, "triggerable": True, "undeletable": writable, "updateable": writable,
        "urls": {
            "sobject": root, "describe": f"{root}/describe", "rowTemplate": f"{root}/{{ID}}",
        },
    }  # fmt: skip


def describe_object(declared: ObjectType, *, version: str) -> dict[str, Any]:
    """Return the whole describe reply of one object."""
    return {
        **describe_summary(declared, version=version),
        "actionOverrides": [], "childRelationships": [], "compactLayoutable": True,
        "fields": [describe_field(each) for each in declared.fields],
        "listviewable": None, "lookupLayoutable": None, "namedLayoutInfos": [],
        "networkScopeFieldName": None, "recordTypeInfos": [
            {
                "active": True, "available": True, "defaultRecordTypeMapping": True,
                "developerName": "Master", "master": True, "name": "Master",
                "recordTypeId": "012000000000000AAA", "urls": {},
            }
        ],
        "sobjectDescribeOption": "FULL", "supportedScopes": [],
    }  # fmt: skip
