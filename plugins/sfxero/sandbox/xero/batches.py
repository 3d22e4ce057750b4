"""Write batches: one result per element, or one refusal for all (xero-api, 3.2 and 3.5)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.calls import Call, read_elements
from sfxero.sandbox.xero.failures import NotFound, ValidationFailed
from sfxero.sandbox.xero.fields import guid_or_none
from sfxero.sandbox.xero.replies import ZERO_ID, Json, Reply


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one element."""

    row: Json
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of element: how it is named, found and written."""

    plural: str
    id_name: str
    flag: str | None
    known: Callable[[Books], Mapping[str, object]]
    write_one: Callable[[Call, Json], Outcome]


def write_batch(call: Call, resource: Resource) -> Reply:
    """Write all elements of the body, or the one of the path."""
    elements = read_elements(call, resource.plural)
    if call.identifier is not None:
        known_id = known_id_of(call, resource.known(call.books))
        elements = [{**elements[0], resource.id_name: known_id}]
    return write_elements(call, elements, resource)


def write_elements(call: Call, elements: list[Json], resource: Resource) -> Reply:
    """Write these elements, each with a result of its own or all under one refusal."""
    per_element = call.query.get("summarizeErrors", "").strip().lower() == "false"
    with call.books.writing() as transaction:
        # An unreadable element raises, which undoes the whole request.
        outcomes = [resource.write_one(call, element) for element in elements]
        failed = [one for one in outcomes if one.errors]
        if failed and not per_element and not call.books.switches.partial_commit:
            transaction.revert()
    if failed and not per_element:
        raise ValidationFailed([refused(one, resource.flag) for one in failed])
    rows = [
        refused(one, resource.flag) if one.errors else {**one.row, "StatusAttributeString": "OK"}
        for one in outcomes
    ]
    return call.answer(resource.plural, rows)


def known_id_of(call: Call, known: Mapping[str, object]) -> str:
    """The id of the path; a number is accepted on reads only."""
    found = guid_or_none(call.identifier or "")
    if found is None or found not in known:
        raise NotFound
    return found


def refused(outcome: Outcome, flag: str | None) -> Json:
    """A refused element with its messages."""
    return {
        **outcome.row,
        "StatusAttributeString": "ERROR",
        **({flag: True} if flag else {}),
        "ValidationErrors": [{"Message": text} for text in outcome.errors],
    }


def echo(raw: Json, id_name: str, known_id: str | None) -> Json:
    """What was sent, under its id; a refused new element has the all-zero one."""
    return {**raw, id_name: known_id or ZERO_ID}
