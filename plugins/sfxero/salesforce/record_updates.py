"""sObject collections: up to 200 records in one call, each with an end of its own."""

from collections.abc import Mapping, Sequence
from typing import Final

from sfxero.errors import OutcomeUnknown, UnexpectedResponse
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.failures import SERVICE
from sfxero.salesforce.row_results import WRITTEN, RowResult, refused
from sfxero.transport.decimals import parse_json

MOST_RECORDS: Final = 200


def update_body(records: Sequence[str]) -> bytes:
    """Return the body of an update; each record is the text of a JSON object with type and Id."""
    return f'{{"allOrNone":false,"records":[{",".join(records)}]}}'.encode()


def update_records(client: SalesforceClient, body: bytes, *, count: int) -> list[RowResult]:
    """Send one update and return one result for each of its records, in order.

    OutcomeUnknown says that some or all may have been written.
    """
    path = f"/services/data/v{client.api_version}/composite/sobjects"
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
        return WRITTEN
    listed = element.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else {}
    if not isinstance(first, Mapping):
        return refused(None, first)
    return refused(first.get("statusCode"), first.get("message"))
