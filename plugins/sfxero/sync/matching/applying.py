"""Applying: an edited review file becomes links in the ledger, all of it or nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sfxero.ledger.linking import Pair
from sfxero.mapping.matching.keys import account_id
from sfxero.model.ids import SourceId, TargetId, TenantId, to_18
from sfxero.model.outbox import SourceVersion
from sfxero.model.states import Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select
from sfxero.sync.matching.review_file import ACCEPT, REJECT, Answer
from sfxero.sync.scope import OBJECT_OF
from sfxero.xero.accounting import Accounting
from sfxero.xero.snapshots import snapshot

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

_ANSWERS: Final = frozenset({ACCEPT, REJECT, ""})
_AGAIN: Final = "Run `sfxero match` again, and answer its new file."


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row that cannot be applied; nothing is, as long as there is one."""

    line: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file comes to: the pairs to link, or its mistakes."""

    pairs: Sequence[Pair]
    mistakes: Sequence[Mistake]


def check(
    answers: Sequence[Answer],
    tenant: TenantId,
    *,
    ledger: "Ledger",
    salesforce: SalesforceClient,
    accounting: Accounting,
) -> Checked:
    """Hold the accepted rows against both services and the ledger as they are now."""
    accepted, mistakes = _sorted_out(answers)
    wanted = {one.contact_id for one in accepted.values()}
    contacts = {
        contact_id: element
        for element in accounting.contacts_in_full()
        if (contact_id := str(element.get("ContactID")).lower()) in wanted
    }
    stamps = _account_stamps(salesforce, {*accepted, *_owners(contacts.values())})
    pairs: dict[int, Pair] = {}
    for source_id, one in accepted.items():
        problem = _problem(one, source_id, stamps, contacts.get(one.contact_id))
        if problem is None:
            pairs[one.line] = _pair(one, source_id, contacts[one.contact_id], stamps[source_id])
        else:
            mistakes.append(problem)
    found = ledger.linking.objections(tenant, Entity.CONTACT, list(pairs.values()))
    mistakes += [
        Mistake(line, f"account {pair.source_id}: {found[pair.source_id]}", _AGAIN)
        for line, pair in pairs.items()
        if pair.source_id in found
    ]
    return Checked(list(pairs.values()), sorted(mistakes, key=lambda one: one.line))


def accepted_pairs(answers: Sequence[Answer]) -> dict[SourceId, TargetId]:
    """Return the pairs that a file accepts, as undoing them needs them."""
    accepted, _ = _sorted_out(answers)
    return {source_id: TargetId(one.contact_id) for source_id, one in accepted.items()}


def _sorted_out(answers: Sequence[Answer]) -> tuple[dict[SourceId, Answer], list[Mistake]]:
    """Return the accepted rows by account, and the rows that contradict themselves or others."""
    accepted: dict[SourceId, Answer] = {}
    takers: dict[str, Answer] = {}
    mistakes: list[Mistake] = []
    rejected = {_told_pair(one): one.line for one in answers if one.answer == REJECT}
    for one in answers:
        if one.answer not in _ANSWERS:
            hint = "Write accept or reject, or leave it empty."
            mistakes.append(Mistake(one.line, f"the answer {one.answer!r} is none", hint))
        elif one.answer == ACCEPT and _told_pair(one) in rejected:
            message = f"the same pair is rejected in line {rejected[_told_pair(one)]}"
            mistakes.append(Mistake(one.line, message, "Decide for one of the two."))
        elif one.answer == ACCEPT:
            problem = _contradiction(one, accepted, takers)
            if problem is None:
                accepted[to_18(one.account_id)] = one
                takers[one.contact_id] = one
            else:
                mistakes.append(problem)
    return accepted, mistakes


def _told_pair(one: Answer) -> tuple[str, str]:
    return account_id(one.account_id) or one.account_id, one.contact_id


def _contradiction(
    one: Answer, accepted: Mapping[SourceId, Answer], takers: Mapping[str, Answer]
) -> Mistake | None:
    if not one.contact_id:
        return Mistake(one.line, "accepted, and no contact is named", "Fill in its contact_id.")
    source_id = account_id(one.account_id)
    if source_id is None or not _has_form(source_id):
        hint = "It begins with 001 and has 15 or 18 characters, in Salesforce's own case."
        return Mistake(one.line, f"{one.account_id!r} is no id of an account", hint)
    if source_id in accepted:
        message = f"account {source_id} was accepted in line {accepted[source_id].line} already"
        return Mistake(one.line, message, "Accept one contact of an account.")
    if one.contact_id in takers:
        message = (
            f"contact {one.contact_id} was accepted in line {takers[one.contact_id].line} already"
        )
        hint = "Merge the accounts in Salesforce, or accept one of them."
        return Mistake(one.line, message, hint)
    return None


def _problem(
    one: Answer,
    source_id: SourceId,
    stamps: Mapping[SourceId, datetime],
    contact: Mapping[str, Any] | None,
) -> Mistake | None:
    """Say why a pair cannot be linked as both services are now."""
    if source_id not in stamps:
        return Mistake(one.line, f"the org has no account {source_id}", _AGAIN)
    if contact is None:
        message = f"the Xero organisation has no contact {one.contact_id}"
        return Mistake(one.line, message, _AGAIN)
    status = contact.get("ContactStatus")
    if status != "ACTIVE":
        hint = "Restore it in Xero, or accept another contact."
        return Mistake(one.line, f"contact {one.contact_id} is {status}", hint)
    owner = _owner(contact)
    # One that the org has no more, since it was merged or deleted, cannot be accepted for it.
    if owner not in {None, source_id} and (owner in stamps or not _has_form(owner)):
        message = f"contact {one.contact_id} carries the id of another account, {owner}"
        return Mistake(one.line, message, "Accept that account for it, or another contact.")
    return None


def _owner(contact: Mapping[str, Any]) -> SourceId | None:
    """Return the account whose id a contact carries."""
    return account_id(str(contact.get("ContactNumber") or ""))


def _owners(contacts: Iterable[Mapping[str, Any]]) -> set[SourceId]:
    """Return those accounts that the org can be asked for."""
    owners = map(_owner, contacts)
    return {one for one in owners if one is not None and _has_form(one)}


def _has_form(source_id: SourceId) -> bool:
    """Say whether the last three characters fit: a query with an id whose do not is refused."""
    return to_18(source_id[:15]) == source_id


def _pair(one: Answer, source_id: SourceId, contact: Mapping[str, Any], stamp_at: datetime) -> Pair:
    """Make a link that is older than any reading of the account, so that a run's wish is newer."""
    return Pair(
        source_id=source_id,
        target_id=TargetId(str(contact["ContactID"])),
        snapshot=snapshot(Entity.CONTACT, contact),
        target_number=contact.get("ContactNumber") or None,
        version=SourceVersion(stamp_at=stamp_at, read_at=stamp_at),
        note=f"match {one.why}".strip(),
    )


def _account_stamps(
    client: SalesforceClient, source_ids: Iterable[SourceId]
) -> dict[SourceId, datetime]:
    """Return how new each live account is."""
    name = OBJECT_OF[Entity.ACCOUNT]
    rows = (
        row
        for where in id_chunks(source_ids, "Id")
        for row in client.query(select(name, ("Id", "SystemModstamp"), where=where))
    )
    return {
        SourceId(str(row["Id"])): datetime.fromisoformat(str(row["SystemModstamp"])) for row in rows
    }
