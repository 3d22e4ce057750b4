"""What became of one record of a write, and whether another try can help it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sfxero.salesforce.describe import CURRENCY_FIELD
from sfxero.transport.redact import redact

# Salesforce, REST and Bulk API guides: others had the record, or the service a bad moment.
_PASSING: Final = frozenset(
    {
        "API_TEMPORARILY_UNAVAILABLE",
        "QUERY_TIMEOUT",
        "SERVER_UNAVAILABLE",
        "TOOMANYLOCKFAILURE",
        "UNABLE_TO_LOCK_ROW",
    }
)
_UNREADABLE: Final = frozenset({"INVALIDBATCH", "CLIENTINPUTERROR"})
"""Of a job: its upload would be refused again and again."""
_NOT_REACHED: Final = "API_TEMPORARILY_UNAVAILABLE"
_GONE: Final = "ENTITY_IS_DELETED"
"""The one code that says so: others mean any record that a user or an automation cannot find."""
_TAKEN: Final = "DUPLICATE_VALUE"
_NOT_FOUND: Final = frozenset({_GONE, "INVALID_CROSS_REFERENCE_KEY"})
_GRANT: Final = "Grant the integration user edit access, by the permission set for example."
_NOT_SEEN: Final = (
    "The user cannot see the record, or one that it, a flow or a trigger looks up is not there: "
    "check sharing and automation, then replay. If it was deleted for good, discard."
)
_THEIR_RULE: Final = "A rule of the org refuses it: correct the record or the rule, then replay."
_PARENT_GONE: Final = (
    "A record that it looks up is gone: restore that one, then replay, or discard this."
)
_UPLOAD: Final = (
    "Salesforce refused the whole upload: see its message, and the job in Setup under Bulk Data "
    "Load Jobs; let `sfxero doctor` look at object and fields, then replay."
)
_NO_CURRENCY: Final = (
    "The org has not this currency, or not any more: add or activate it in Setup under Manage "
    "Currencies, then replay."
)
_HINTS: Final[Mapping[str, str]] = {
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "A trigger or flow of the org failed on it: see its "
    "message, correct it, then replay.",
    "CLIENTINPUTERROR": _UPLOAD,
    "ENTITY_IS_DELETED": _PARENT_GONE,
    _TAKEN: "Another record holds this id of Xero's, a copy perhaps: empty the field "
    "there, then replay.",
    "DUPLICATES_DETECTED": "A duplicate rule of the org takes it for an account that is there: "
    "`sfxero match` links the two, and this is to be discarded. If it is another one, let the rule "
    "allow it, then replay.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _THEIR_RULE,
    "INSUFFICIENT_ACCESS_OR_READONLY": _GRANT,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _GRANT,
    "INVALIDBATCH": _UPLOAD,
    "INVALID_CROSS_REFERENCE_KEY": _NOT_SEEN,
    "INVALID_FIELD_FOR_INSERT_UPDATE": _GRANT,
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "Add the value to the field's picklist, as the "
    "package in include/salesforce has it, then replay.",
    "NOT_FOUND": _NOT_SEEN,
    "REQUIRED_FIELD_MISSING": _THEIR_RULE,
}


@dataclass(frozen=True, slots=True)
class RowResult:
    """One record's end; `code` and `message` are the service's, None if it was written.

    `fields` are those that it names, if any.
    """

    code: str | None = None
    message: str | None = None
    record_id: str | None = None
    """The record that was written, where the service says so."""
    fields: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Say whether it was written."""
        return self.code is None

    @property
    def text(self) -> str:
        """Return code and message as a reason."""
        return f"{self.code}: {self.message}"

    @property
    def is_passing(self) -> bool:
        """Say whether the same write may succeed later."""
        return self.code is not None and self.code.upper() in _PASSING

    @property
    def is_gone(self) -> bool:
        """Say whether the record was deleted."""
        return self.code is not None and self.code.upper() == _GONE

    @property
    def is_taken(self) -> bool:
        """Say whether another record holds a value that is to be unique."""
        return self.code is not None and self.code.upper() == _TAKEN

    @property
    def misses_another(self) -> bool:
        """Say whether, if the record itself can be written, one that it looks up was not found."""
        return self.code is not None and self.code.upper() in _NOT_FOUND

    @property
    def hint(self) -> str:
        """Say what a person can do."""
        if CURRENCY_FIELD in self.fields:
            return _NO_CURRENCY
        other = "See the message; correct the record, then replay."
        return _HINTS.get((self.code or "").upper(), other)


WRITTEN: Final = RowResult()


def refused(code: object, message: object, fields: Iterable[object] = ()) -> RowResult:
    """Return the end of a record that was not written."""
    text = str(message or "refused without a reason")
    names = tuple(str(one) for one in fields)
    return RowResult(code=redact(str(code or "UNKNOWN")), message=redact(text), fields=names)


def undone(error: str | None, *, else_said: str) -> RowResult:
    """Return the end of a record that its job did not write, by what the job says of itself.

    `else_said` is the message if it says nothing. Unless the job refused its upload, another may
    write it.
    """
    code, _, message = (error or "").partition(":")
    if code.strip().upper() in _UNREADABLE:
        return refused(code.strip(), message.strip())
    return refused(_NOT_REACHED, f"{else_said}: {error}" if error else else_said)
