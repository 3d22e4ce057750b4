"""The elements of a batch reply, and which of the sent records each one answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sfxero.errors import OutcomeUnknown
from sfxero.model.ids import TargetId
from sfxero.model.states import Entity
from sfxero.xero.replies import SERVICE, messages_of

PLURALS: Final[Mapping[Entity, str]] = {
    Entity.CONTACT: "Contacts",
    Entity.INVOICE: "Invoices",
    Entity.CREDIT_NOTE: "CreditNotes",
}
_ID_FIELDS: Final = {
    Entity.CONTACT: "ContactID",
    Entity.INVOICE: "InvoiceID",
    Entity.CREDIT_NOTE: "CreditNoteID",
}
_NUMBER_FIELDS: Final = {
    Entity.CONTACT: "ContactNumber",
    Entity.INVOICE: "InvoiceNumber",
    Entity.CREDIT_NOTE: "CreditNoteNumber",
}
_NO_REASON: Final = "Xero refused the record and gave no reason."


@dataclass(frozen=True, slots=True)
class ElementResult:
    """What Xero did with one record of a batch; `index` is its place in the reply."""

    index: int
    ok: bool
    target_id: TargetId | None
    number: str | None
    element: Mapping[str, Any]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def parse_elements(entity: Entity, body: Any) -> list[ElementResult]:
    """Return the elements that say what happened to them; OutcomeUnknown if there is no list."""
    listed = body.get(PLURALS[entity]) if isinstance(body, dict) else None
    if not isinstance(listed, list):
        raise OutcomeUnknown(
            f"a write of {PLURALS[entity]} went through, but its reply lists none", service=SERVICE
        )
    results = (
        _parse(entity, index, element)
        for index, element in enumerate(listed)
        if isinstance(element, dict)
    )
    # No id and no error says nothing: such a record is left to a look-up, as a missing one is.
    return [result for result in results if result.ok or result.errors]


def emailed(invoice_id: TargetId) -> ElementResult:
    """Return the result of an e-mail, of which Xero says only that it was taken."""
    element = {"InvoiceID": invoice_id, "SentToContact": True}
    return ElementResult(0, True, invoice_id, None, element, (), ())


def allocated(note_id: TargetId, body: Any) -> ElementResult:
    """Return what became of the one allocation of a reply; it is told by its credit note.

    Raises OutcomeUnknown if the reply does not say.
    """
    listed = body.get("Allocations") if isinstance(body, dict) else None
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
        raise OutcomeUnknown(
            "an allocation went through, but its reply does not say how", service=SERVICE
        )
    errors = messages_of(listed[0], "ValidationErrors")
    is_refused = _is_refused(listed[0], errors)
    element = {**listed[0], "CreditNoteID": note_id}
    told = tuple(errors or [_NO_REASON]) if is_refused else ()
    return ElementResult(0, not is_refused, note_id, None, element, told, ())


def match_elements(
    sent_numbers: Sequence[str | None],
    results: Sequence[ElementResult],
    *,
    sent_ids: Sequence[TargetId | None] = (),
    sent_urls: Sequence[str | None] = (),
) -> list[ElementResult | None]:
    """Return for each sent record its element, or None if its outcome is unknown.

    That elements come back in the order sent is not promised, so an update is matched by its id, a
    create by our own number, else by our link, and only an element without a number by its place.
    """
    ids = [*sent_ids, *[None] * (len(sent_numbers) - len(sent_ids))]
    sent = list(zip(sent_numbers, ids, strict=True))
    at = {result.index: result for result in results}
    by_id = _unique({index: result.target_id for index, result in at.items()})
    by_number = _unique({index: result.number for index, result in at.items()})
    found = [by_id.get(target_id) for _, target_id in sent]
    for place, (number, target_id) in enumerate(sent):
        index = by_number.get(number)
        if found[place] is None and index is not None and _may_be(at[index], target_id):
            found[place] = index
    by_url = _unique({index: _url(result) for index, result in at.items()})
    for place, url in enumerate(sent_urls):
        index = by_url.get(url)
        if found[place] is None and index is not None and _may_be(at[index], ids[place]):
            found[place] = index
    # A place means something only if nothing is missing and all that can be matched is in place.
    if sorted(at) == list(range(len(sent))) and all(
        index in {None, place} for place, index in enumerate(found)
    ):
        for place, (_, target_id) in enumerate(sent):
            if at[place].number is None and _may_be(at[place], target_id):
                found[place] = place
    return [None if index is None else at[index] for index in found]


def _parse(entity: Entity, index: int, element: Mapping[str, Any]) -> ElementResult:
    target_id = _target_id(element.get(_ID_FIELDS[entity]))
    number = element.get(_NUMBER_FIELDS[entity])
    errors = messages_of(element, "ValidationErrors")
    is_refused = _is_refused(element, errors)
    return ElementResult(
        index=index,
        ok=not is_refused and target_id is not None,
        target_id=target_id,
        number=number if isinstance(number, str) and number else None,
        element=element,
        errors=tuple(errors or [_NO_REASON]) if is_refused else (),
        warnings=tuple(messages_of(element, "Warnings")),
    )


def _is_refused(element: Mapping[str, Any], errors: list[str]) -> bool:
    status = str(element.get("StatusAttributeString") or "").upper()
    if status in {"OK", "WARNING"}:
        return False
    flags = (element.get("HasErrors"), element.get("HasValidationErrors"))
    return status == "ERROR" or bool(errors) or True in flags


def _url(result: ElementResult) -> str | None:
    url = result.element.get("Url")
    return url if isinstance(url, str) and url else None


def _target_id(value: object) -> TargetId | None:
    """Return the id; a failed new element has one of zeroes only (Xero, requests and responses)."""
    if not isinstance(value, str) or not value.strip("0-"):
        return None
    return TargetId(value)


def _unique(values: Mapping[int, str | None]) -> dict[str | None, int]:
    """Return the index by value, without values that occur twice: they cannot tell."""
    counts = Counter(values.values())
    return {
        value: index for index, value in values.items() if value is not None and counts[value] == 1
    }


def _may_be(result: ElementResult, target_id: TargetId | None) -> bool:
    """Say whether an element fits a record; a failed update may come back with an id of zeroes."""
    return target_id is None or result.target_id in {None, target_id}
