"""sObject collections: up to 200 records in one call, each with an end of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sfxero.errors import OutcomeUnknown, UnexpectedResponse
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.failures import SERVICE
from sfxero.salesforce.row_results import RowResult, refused
from sfxero.salesforce.soql import check_field, check_object
from sfxero.transport.decimals import parse_json

MOST_RECORDS: Final = 200


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """The field by which records of an object are found, or made if there are none."""

    object_name: str
    field: str


def update_body(records: Sequence[str]) -> bytes:
    """Return the body of a write; each record is the text of a JSON object with type and key."""
    return f'{{"allOrNone":false,"records":[{",".join(records)}]}}'.encode()


def update_records(
    client: SalesforceClient, body: bytes, *, count: int, by: ExternalKey | None = None
) -> list[RowResult]:
    """Send one update and return one result for each of its records, in order.

    With `by`, records that the org lacks are made. OutcomeUnknown says that some or all may have
    been written.
    """
    path = f"/services/data/v{client.api_version}/composite/sobjects"
    if by is not None:
        path = f"{path}/{check_object(by.object_name)}/{check_field(by.field)}"
    response = client.session.write("PATCH", path, content=body)
    try:
        listed = parse_json(response)
    except UnexpectedResponse as error:
        raise OutcomeUnknown(f"a write went through, but {error.message}") from error
    if not isinstance(listed, list) or len(listed) != count:
        raise OutcomeUnknown(
            "a write went through, but its reply has not a result for each record", service=SERVICE
        )
    return [_result(one) for one in listed]


def _result(element: object) -> RowResult:
    if not isinstance(element, Mapping):
        raise OutcomeUnknown("a write went through, but a result of it is none", service=SERVICE)
    if element.get("success") is True:
        record_id = element.get("id")
        return RowResult(record_id=record_id if isinstance(record_id, str) else None)
    listed = element.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else {}
    if not isinstance(first, Mapping):
        return refused(None, first)
    fields = first.get("fields")
    named = fields if isinstance(fields, list) else ()
    return refused(first.get("statusCode"), first.get("message"), named)
