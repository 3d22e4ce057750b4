"""The source package that an administrator deploys: what the code needs, as the format has it."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sfxero.mapping.fields import needed_fields
from sfxero.mapping.loader import load_route
from sfxero.mapping.mirror_fields import (
    MIRRORED_INVOICE,
    MIRRORED_LINE,
    MIRRORED_PAYMENT,
    MirrorObject,
)
from sfxero.mapping.spec import SalesforceSection
from sfxero.mapping.status_fields import STATUS_FIELDS

INCLUDE = Path(__file__).parents[3] / "include"
PACKAGE = INCLUDE / "salesforce"
SOURCE = PACKAGE / "force-app" / "main" / "default"
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
TYPES = {
    "text": "Text",
    "url": "Url",
    "picklist": "Picklist",
    "currency": "Currency",
    "date": "Date",
    "datetime": "DateTime",
    "long_text": "LongTextArea",
    "number": "Number",
    "checkbox": "Checkbox",
    "lookup": "Lookup",
}
COMMON = {"fullName", "description", "externalId", "inlineHelpText", "label", "type"}
NEEDED = {
    "Text": {"length", "required", "unique"},
    "Url": {"required"},
    "Picklist": {"required", "valueSet"},
    "Currency": {"precision", "required", "scale"},
    "Date": {"required"},
    "DateTime": {"required"},
    "LongTextArea": {"length", "visibleLines"},
    "AutoNumber": {"displayFormat"},
    "Number": {"precision", "required", "scale", "unique"},
    "Checkbox": {"defaultValue"},
    "Lookup": {
        "deleteConstraint", "referenceTo", "relationshipLabel", "relationshipName", "required",
    },
}  # fmt: skip
"""By type, the elements that Salesforce needs beside the common ones (CustomField)."""
ALLOWED = {"Text": {"caseSensitive"}, "AutoNumber": {"populateExistingRows"}}
FILES = sorted(SOURCE.rglob("*-meta.xml"))
FIELDS = {
    f"{path.parents[1].name}.{path.name.removesuffix('.field-meta.xml')}": path
    for path in FILES
    if path.name.endswith(".field-meta.xml")
}
STATUS = {f"Opportunity.{one.name}": one for one in STATUS_FIELDS}
OBJECTS = (MIRRORED_INVOICE, MIRRORED_LINE, MIRRORED_PAYMENT)
MIRROR = {f"{part.name}.{one.name}": one for part in OBJECTS for one in part.fields}
MANIFESTS = ("package", "mirror")


def root_of(path: Path) -> ET.Element:
    return ET.parse(path).getroot()  # noqa: S314 - our own file


def names(element: ET.Element) -> list[str]:
    return [child.tag.removeprefix(NAMESPACE) for child in element]


def texts(element: ET.Element, path: str) -> list[str]:
    return [
        str(one.text) for one in element.findall("/".join(NAMESPACE + p for p in path.split("/")))
    ]


def values(path: Path) -> dict[str, str]:
    return {child.tag.removeprefix(NAMESPACE): child.text or "" for child in root_of(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name} {path.name}")
def test_elements_stand_in_the_order_of_the_format(path: Path) -> None:
    root = root_of(path)
    found = [name for name in names(root) if name != "fullName"]
    assert found == sorted(found)
    assert root.tag.startswith(NAMESPACE)
    assert "fullName" not in names(root)[1:]


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_has_what_its_type_needs_and_nothing_else(name: str) -> None:
    found = values(FIELDS[name])
    kind = found["type"]
    needed = COMMON | NEEDED[kind]
    assert needed <= set(found) <= needed | ALLOWED.get(kind, set())
    assert found["fullName"] == name.split(".")[1]
    # Salesforce takes no longer ones.
    assert len(found["label"]) <= 40
    assert len(found["inlineHelpText"]) <= 510
    assert len(found["fullName"].removesuffix("__c")) <= 40


@pytest.mark.parametrize("name", [*STATUS, *MIRROR])
def test_a_field_is_as_the_code_writes_it(name: str) -> None:
    path, status = FIELDS[name], (STATUS | MIRROR)[name]
    found = values(path)
    told = (found["type"], found["label"], found["inlineHelpText"], found["externalId"])
    external = str(status.is_external_id).lower()
    assert told == (TYPES[status.kind], status.label, status.help_text, external)
    assert found.get("unique", "false") == str(status.is_unique).lower()
    sizes = {name: found.get(name) for name in ("length", "precision", "scale")}
    assert sizes == {name: as_text(getattr(status, name)) for name in sizes}
    listed = texts(root_of(path), "valueSet/valueSetDefinition/value/fullName")
    assert tuple(listed) == tuple(map(str, status.values))


@pytest.mark.parametrize("name", [name for name, one in MIRROR.items() if one.kind == "lookup"])
def test_a_lookup_leads_where_the_code_says(name: str) -> None:
    found, one = values(FIELDS[name]), MIRROR[name]
    assert (found["referenceTo"], found["relationshipName"]) == (one.refers_to, one.relationship)
    # Who deletes what it leads to is not to lose the record.
    assert found["deleteConstraint"] == "SetNull"


@pytest.mark.parametrize("part", OBJECTS, ids=lambda part: part.name)
def test_an_object_is_as_the_code_writes_it(part: MirrorObject) -> None:
    path = SOURCE / "objects" / part.name / f"{part.name}.object-meta.xml"
    found, root = values(path), root_of(path)
    assert (found["label"], found["pluralLabel"]) == (part.label, part.plural)
    assert (found["enableReports"], found["deploymentStatus"]) == ("true", "Deployed")
    # Salesforce takes these three only together.
    together = {found[f"enable{one}"] for one in ("BulkApi", "Sharing", "StreamingApi")}
    assert together == {"true"}
    assert texts(root, "nameField/label") == [part.number]
    assert texts(root, "nameField/displayFormat") == [one for one in [part.counts_by] if one]
    own = {one for one in FIELDS if one.partition(".")[0] == part.name}
    assert own == {f"{part.name}.{one.name}" for one in part.fields}


@pytest.mark.parametrize("part", OBJECTS, ids=lambda part: part.name)
def test_the_layout_of_a_mirrored_object_shows_each_field_and_lets_nobody_edit_one(
    part: MirrorObject,
) -> None:
    name = f"{part.name}-{part.label} Layout.layout-meta.xml"
    root = root_of(SOURCE / "layouts" / name)
    items = "layoutSections/layoutColumns/layoutItems"
    shown = dict(zip(texts(root, f"{items}/field"), texts(root, f"{items}/behavior"), strict=True))
    assert shown.pop("Name") == ("Required" if part.counts_by is None else "Readonly")
    assert shown == {one.name: "Readonly" for one in part.fields}
    for listed in texts(root, "relatedLists/relatedList"):
        assert listed in MIRROR


def as_text(value: int | None) -> str | None:
    return None if value is None else str(value)


def test_every_custom_field_that_the_demo_route_reads_is_in_the_package() -> None:
    spec = load_route(INCLUDE / "mappings" / "demo.yaml")
    read = {f"{one}.{name}" for one, paths in needed_fields(spec).items() for name in paths}
    custom = {name for name in read if name.endswith("__c")}
    assert custom
    assert custom | set(STATUS) <= set(FIELDS)


def listed_in(name: str) -> dict[str, list[str]]:
    manifest = root_of(PACKAGE / "manifest" / f"{name}.xml")
    listed = {
        texts(one, "name")[0]: texts(one, "members")
        for one in manifest.findall(f"{NAMESPACE}types")
    }
    assert list(listed) == sorted(listed)
    assert names(manifest)[-1] == "version"
    return listed


def test_the_manifests_list_exactly_the_files() -> None:
    folders = {"CustomTab": "tabs", "Layout": "layouts", "PermissionSet": "permissionsets"}
    expected: dict[str, list[str]] = {
        "CustomField": sorted(FIELDS),
        "CustomObject": sorted(
            path.name.split(".")[0] for path in SOURCE.rglob("*.object-meta.xml")
        ),
    } | {
        kind: sorted(path.name.split(".")[0] for path in (SOURCE / folder).iterdir())
        for kind, folder in folders.items()
    }
    found: dict[str, list[str]] = {}
    for one in MANIFESTS:
        for kind, members in listed_in(one).items():
            found[kind] = sorted([*found.get(kind, []), *members])
    assert found == expected


def test_who_wants_no_mirror_deploys_none() -> None:
    base = listed_in("package")
    assert not {"CustomObject", "CustomTab"} & set(base)
    assert not set(MIRROR) & set(base["CustomField"])
    assert set(listed_in("mirror")["CustomField"]) == set(MIRROR)


def test_every_api_version_is_the_clients() -> None:
    version = SalesforceSection(connection="any").api_version
    project: Any = json.loads((PACKAGE / "sfdx-project.json").read_text(encoding="utf-8"))
    manifests = [root_of(PACKAGE / "manifest" / f"{one}.xml") for one in MANIFESTS]
    told = {said for one in manifests for said in texts(one, "version")}
    assert {project["sourceApiVersion"], *told} == {version}
    assert (PACKAGE / project["packageDirectories"][0]["path"]).is_dir()


def permissions(name: str) -> tuple[ET.Element, dict[str, bool]]:
    root = root_of(SOURCE / "permissionsets" / f"{name}.permissionset-meta.xml")
    rows = zip(
        texts(root, "fieldPermissions/field"), texts(root, "fieldPermissions/editable"), strict=True
    )
    return root, {field: editable == "true" for field, editable in rows}


def test_the_sync_may_write_what_it_writes_and_reads_the_rest() -> None:
    root, editable = permissions("Xero_Sync")
    assert set(STATUS) <= {name for name, can in editable.items() if can}
    assert set(FIELDS) - set(MIRROR) <= set(editable)
    # A number that counts by itself cannot be written, and the deployment would say so.
    assert not editable["Opportunity.Opportunity_Number__c"]
    # Assigned to a user of any licence, the integration licence too.
    assert "license" not in names(root)


def test_whoever_looks_may_write_nothing() -> None:
    root, editable = permissions("Xero_Status_Viewer")
    assert set(STATUS) <= set(editable)
    assert not any(editable.values())
    assert "objectPermissions" not in names(root)


@pytest.mark.parametrize(("name", "may_write"), [("Sync", True), ("Viewer", False)])
def test_the_mirror_is_written_by_the_sync_alone_and_deleted_by_nobody(
    name: str, may_write: bool
) -> None:
    root, editable = permissions(f"Xero_Mirror_{name}")
    assert editable == dict.fromkeys(sorted(MIRROR), may_write)
    assert set(texts(root, "objectPermissions/object")) == {part.name for part in OBJECTS}
    for right in ("allowCreate", "allowEdit"):
        assert set(texts(root, f"objectPermissions/{right}")) == {str(may_write).lower()}
    assert set(texts(root, "objectPermissions/allowDelete")) == {"false"}


@pytest.mark.parametrize("name", ["Xero_Sync", "Xero_Status_Viewer"])
def test_permissions_on_our_own_fields_name_fields_of_the_package(name: str) -> None:
    _, editable = permissions(name)
    assert {one for one in editable if one.endswith("__c")} <= set(FIELDS)


def test_the_layout_shows_every_status_field_and_lets_nobody_edit_one() -> None:
    root = root_of(SOURCE / "layouts" / "Opportunity-Xero.layout-meta.xml")
    items = "layoutSections/layoutColumns/layoutItems"
    shown = dict(zip(texts(root, f"{items}/field"), texts(root, f"{items}/behavior"), strict=True))
    assert {one.name for one in STATUS_FIELDS if shown.get(one.name) == "Readonly"} >= {
        one.name for one in STATUS_FIELDS if one.key != "invoice_id"
    }
    # Salesforce refuses a layout without the fields that every opportunity needs.
    assert {shown[one] for one in ("Name", "CloseDate", "StageName")} == {"Required"}
