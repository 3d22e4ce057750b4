"""The source package that an administrator deploys: what the code needs, as the format has it."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sfxero.mapping.fields import needed_fields
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import SalesforceSection
from sfxero.mapping.status_fields import STATUS_FIELDS, StatusField

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
}
"""By type, the elements that Salesforce needs beside the common ones (CustomField)."""
ALLOWED = {"Text": {"caseSensitive"}, "AutoNumber": {"populateExistingRows"}}
FILES = sorted(SOURCE.rglob("*-meta.xml"))
FIELDS = {
    f"{path.parents[1].name}.{path.name.removesuffix('.field-meta.xml')}": path
    for path in FILES
    if path.name.endswith(".field-meta.xml")
}
STATUS = {f"Opportunity.{one.name}": one for one in STATUS_FIELDS}


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
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


@pytest.mark.parametrize("status", STATUS_FIELDS, ids=lambda one: one.key)
def test_a_field_is_as_the_code_writes_it(status: StatusField) -> None:
    path = FIELDS[f"Opportunity.{status.name}"]
    found = values(path)
    told = (found["type"], found["label"], found["inlineHelpText"], found["externalId"])
    external = str(status.is_external_id).lower()
    assert told == (TYPES[status.kind], status.label, status.help_text, external)
    assert found.get("unique", "false") == str(status.is_unique).lower()
    sizes = {name: found.get(name) for name in ("length", "precision", "scale")}
    assert sizes == {name: as_text(getattr(status, name)) for name in sizes}
    listed = texts(root_of(path), "valueSet/valueSetDefinition/value/fullName")
    assert tuple(listed) == tuple(map(str, status.values))


def as_text(value: int | None) -> str | None:
    return None if value is None else str(value)


def test_every_custom_field_that_the_demo_route_reads_is_in_the_package() -> None:
    spec = load_route(INCLUDE / "mappings" / "demo.yaml")
    read = {f"{one}.{name}" for one, paths in needed_fields(spec).items() for name in paths}
    custom = {name for name in read if name.endswith("__c")}
    assert custom
    assert custom | set(STATUS) <= set(FIELDS)


def test_the_manifest_lists_exactly_the_files() -> None:
    manifest = root_of(PACKAGE / "manifest" / "package.xml")
    listed: dict[str, list[str]] = {
        texts(one, "name")[0]: texts(one, "members")
        for one in manifest.findall(f"{NAMESPACE}types")
    }
    folders = {"Layout": "layouts", "PermissionSet": "permissionsets"}
    expected: dict[str, list[str]] = {"CustomField": sorted(FIELDS)} | {
        kind: sorted(path.name.split(".")[0] for path in (SOURCE / folder).iterdir())
        for kind, folder in folders.items()
    }
    assert listed == expected
    assert list(listed) == sorted(listed)
    assert names(manifest)[-1] == "version"


def test_every_api_version_is_the_clients() -> None:
    version = SalesforceSection(connection="any").api_version
    project: Any = json.loads((PACKAGE / "sfdx-project.json").read_text(encoding="utf-8"))
    manifest = root_of(PACKAGE / "manifest" / "package.xml")
    assert {project["sourceApiVersion"], *texts(manifest, "version")} == {version}
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
    assert set(FIELDS) <= set(editable)
    # A number that counts by itself cannot be written, and the deployment would say so.
    assert not editable["Opportunity.Opportunity_Number__c"]
    # Assigned to a user of any licence, the integration licence too.
    assert "license" not in names(root)


def test_whoever_looks_may_write_nothing() -> None:
    root, editable = permissions("Xero_Status_Viewer")
    assert set(STATUS) <= set(editable)
    assert not any(editable.values())
    assert "objectPermissions" not in names(root)


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
