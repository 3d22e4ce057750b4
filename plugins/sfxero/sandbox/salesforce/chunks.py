"""What goes wrong for all rows of a chunk at once: up to 200 rows are saved together."""

from typing import TYPE_CHECKING

from sfxero.sandbox.salesforce.coercion import refusal
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.switches import ChunkFailureCode

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

ROWS_PER_CHUNK = 200
# The trigger's text has line breaks in it, as those of real ones have.
_MESSAGES: dict[ChunkFailureCode, str] = {
    "UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record or {count} records",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "{source}Trigger: execution of BeforeUpdate\n\n"
    "caused by: System.LimitException: Apex CPU time limit exceeded\n\n"
    "Trigger.{source}Trigger: line 7, column 1",
    "API_TEMPORARILY_UNAVAILABLE": "The API is temporarily unavailable",
    "TooManyLockFailure": "Too many lock failure 10 Trying again later",
}


def chunk_failure(org: "SalesforceOrg", object_name: str, *, count: int) -> ApiFailure | None:
    """Return what refuses all rows of the chunk that is about to be saved, if a tester wants so."""
    code = org.switches.take_chunk_failure()
    if code is None:
        return None
    return refusal(code, _MESSAGES[code].format(source=object_name, count=count))
