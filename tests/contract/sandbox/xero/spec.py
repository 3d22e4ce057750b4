"""Checks replies against Xero's own OpenAPI document, where it lies beside the project."""

import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from jsonschema import Draft4Validator, FormatChecker, ValidationError

DOCUMENT = Path(__file__).parents[5] / "shared/reference/openapi/xero_accounting.yaml"
PREFIX = "/api.xro/2.0"
# Fields of recorded replies, or newer than the document, that it does not list; per schema.
UNLISTED = {
    "*envelope*": {"Id", "Status", "ProviderName", "DateTimeUTC", "pagination"},
    "BankTransaction": {"DateString"},
    "BatchPayment": {"StatusAttributeString"},
    "CreditNote": {"DateString", "ID"},
    "HistoryRecord": {"DateUTCString"},
    "Invoice": {"DateString", "DueDateString"},
    "Overpayment": {"DateString", "ID", "UpdatedDateUTCString", "FullyPaidOnDate"},
    "Prepayment": {"DateString", "ID", "UpdatedDateUTCString", "FullyPaidOnDate"},
    "TrackingOption": {"HasValidationErrors", "IsDeleted", "IsArchived", "IsActive"},
}
# Sets that Xero extends without a new document (the document's own README).
OPEN_ENUMS = {"Class", "Edition", "OrganisationStatus"}


@cache
def document() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(DOCUMENT.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe one


@cache
def closed_schemas() -> dict[str, Any]:
    """The schemas without room for fields that they do not list."""
    closed = {}
    for name, schema in document()["components"]["schemas"].items():
        extra = set(UNLISTED.get(name, set()))
        properties = dict(schema.get("properties", {}))
        if _is_envelope(properties, name):
            extra |= UNLISTED["*envelope*"]
        for field in extra & OPEN_ENUMS | (set(properties) & OPEN_ENUMS):
            properties[field] = {"type": "string"}
        closed[name] = {**schema, "properties": {**{field: {} for field in extra}, **properties}}
        if properties:
            closed[name]["additionalProperties"] = False
    return closed


def _is_envelope(properties: dict[str, Any], name: str) -> bool:
    return name in properties or name in {"ReportWithRows", "HistoryRecords", "OnlineInvoices"}


@cache
def _validator(schema_name: str) -> Draft4Validator:
    root = {
        "$ref": f"#/components/schemas/{schema_name}",
        "components": {"schemas": closed_schemas()},
    }
    return Draft4Validator(root, format_checker=FormatChecker(["uuid"]))


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    found = []
    for path, verbs in document()["paths"].items():
        pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(path))
        found.append((re.compile(pattern), verbs))
    # Paths without a placeholder go first: `/Organisation/Actions` is no id.
    return sorted(found, key=lambda each: each[0].pattern.count("[^/]+"))


def schema_name_of(method: str, path: str, status: int) -> str | None:
    """The schema of a reply; nothing where the document models none."""
    if status == 400:
        return "Error"
    for pattern, verbs in _patterns():
        operation = verbs.get(method.lower())
        if operation is None or not pattern.fullmatch(path):
            continue
        reply = operation["responses"].get(str(status), {})
        if "$ref" in reply:
            reply = document()["components"]["responses"][reply["$ref"].rsplit("/", 1)[1]]
        content = reply.get("content", {}).get("application/json", {})
        reference = content.get("schema", {}).get("$ref")
        return reference.rsplit("/", 1)[1] if reference else None
    return None


def complaints(method: str, url: str, reply: httpx.Response) -> list[str] | None:
    """What the document says against a reply; `None` if it models no such reply."""
    path = urlsplit(url).path
    if not path.startswith(PREFIX) or "json" not in reply.headers.get("content-type", ""):
        return None
    name = schema_name_of(method, path.removeprefix(PREFIX), reply.status_code)
    if name is None or reply.status_code not in {200, 400}:
        return None
    body = _without_echoes(reply.json())
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in _validator(name).iter_errors(body)
        if not _is_lack_of_a_refused_one(error)
    ]


def _is_lack_of_a_refused_one(error: ValidationError) -> bool:
    row = error.instance
    return (
        error.validator == "required"
        and isinstance(row, dict)
        and bool(row.get("ValidationErrors"))
    )


def _without_echoes(body: Any) -> Any:
    """A refused element repeats what was sent, right or wrong: only its messages are checked."""
    if not isinstance(body, dict):
        return body
    return {
        name: [_messages_only(row) for row in value] if isinstance(value, list) else value
        for name, value in body.items()
    }


def _messages_only(row: Any) -> Any:
    if isinstance(row, dict) and row.get("ValidationErrors"):
        return {"ValidationErrors": row["ValidationErrors"]}
    return row
