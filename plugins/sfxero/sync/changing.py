"""Opportunities that changed after they were invoiced: what the route does about them is planned.

The policy travels with each entry; publishing holds it against what Xero says when it goes.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.result import NOT_WON, Document, TransformResult
from sfxero.model.differences import DifferenceKind
from sfxero.model.outbox import (
    APPROVAL,
    LOOKED_AT,
    NOTHING_WRITTEN,
    ON_CHANGE,
    ChangePolicy,
    PlannedEntry,
    SourceVersion,
    looked_at,
)
from sfxero.model.states import Entity
from sfxero.sync.bodies import payload_hash
from sfxero.sync.crediting import credit_of, same_sale
from sfxero.sync.judging import DRAFTS, asks, told
from sfxero.sync.scope import Scope

if TYPE_CHECKING:
    from datetime import datetime

    from sfxero.ledger.links import Link

_CHUNK: Final = 4_096
_STATUS: Final = re.compile(r'"Status":"[A-Z]*"')
_NOT_WON_ANY_MORE: Final = "the opportunity is not won any more: its invoice is to be voided"
_BY_THE_ROUTE: Final = "the route's rules have changed since, and make another invoice of it"

_CREDIT: Final = ChangePolicy.CREDIT_NOTE
_ADDS: Final = frozenset({_CREDIT, ChangePolicy.REISSUE})
"""Policies that put another document beside the invoice."""

Meta = Callable[[Document], Mapping[str, str]]


def with_policy(
    scope: Scope, documents: Iterable[Document], meta: Meta
) -> Iterator[tuple[Document, Mapping[str, str]]]:
    """Yield documents with what goes along with each: the policy, and why a person is asked."""
    policy = ChangePolicy(scope.spec.invoices.on_change)
    if policy is ChangePolicy.UPDATE:
        yield from ((one, meta(one)) for one in documents)
        return
    rest = iter(documents)
    while chunk := list(islice(rest, _CHUNK)):
        ids = [one.source_id for one in chunk]
        linked = scope.ledger.links.get_many(scope.tenant, Entity.INVOICE, ids)
        for one in chunk:
            given = {**meta(one), ON_CHANGE: policy}
            link = linked.get(one.source_id)
            why = _why_asked(scope, policy, one, link)
            reasons = "; ".join(filter(None, (given.get(APPROVAL), why)))
            yield one, {**given, **_asked(reasons, link)} if reasons else given


def replace_voided(scope: Scope, result: TransformResult) -> None:
    """Let invoices that people have voided go again, if a reconciliation found them and may."""
    repair = scope.spec.reconcile.repair
    allowed = {
        DifferenceKind.INVOICE_VOIDED: repair.invoice_voided,
        DifferenceKind.INVOICE_DELETED: repair.invoice_deleted,
    }
    kinds = [kind for kind, rule in allowed.items() if rule == "reissue"]
    if scope.is_history or not kinds:
        return
    gone = scope.ledger.differences.targets(scope.route, kinds)
    wished = {source_id for source_id, _ in result.documents.parents()} & gone.keys()
    theirs = {source_id: gone[source_id] for source_id in sorted(wished)}
    scope.ledger.outbox.replace(scope.tenant, Entity.INVOICE, theirs)


def void_wishes(
    scope: Scope, result: TransformResult, frame: Any, *, read_at: "datetime"
) -> list[PlannedEntry]:
    """Return the wish that there be no invoice, of each opportunity that was won and is not.

    `frame` holds the run's opportunities. Those that a person linked were not ours to make.
    """
    if scope.spec.invoices.on_reopen == "list":
        return []
    reopened = [source_id for source_id, rule in result.skipped if rule == NOT_WON]
    linked = scope.ledger.links.get_many(scope.tenant, Entity.INVOICE, reopened)
    theirs = frame[frame["Id"].isin(list(linked))]
    stamps = dict(zip(theirs["Id"], theirs["SystemModstamp"], strict=True))
    return [
        _void_wish(scope, link, SourceVersion(stamps[source_id].to_pydatetime(), read_at))
        for source_id, link in linked.items()
        if link.source_snapshot != NOTHING_WRITTEN
    ]


def _void_wish(scope: Scope, link: "Link", version: SourceVersion) -> PlannedEntry:
    """Wish for what was written last, but void.

    It is the same wish whatever was written last: a credit note may settle after it was planned.
    """
    payload = _STATUS.sub('"Status":"VOIDED"', link.source_snapshot, count=1)
    is_asked = scope.spec.invoices.on_reopen == "ask"
    asked = _asked(_NOT_WON_ANY_MORE, link) if is_asked else {}
    return PlannedEntry(
        route=scope.route,
        tenant=scope.tenant,
        entity=Entity.INVOICE,
        source_id=link.source_id,
        payload=payload,
        content_hash=payload_hash(f"void {link.target_id}"),
        version=version,
        mapping_version=scope.spec.mapping_version,
        meta={ON_CHANGE: ChangePolicy.VOID, **asked},
        is_migration=scope.is_history,
    )


def _asked(why: str, link: "Link | None") -> dict[str, str]:
    """Return why a person is asked, and of which state of the invoice the answer will be."""
    told = {APPROVAL: why}
    return told if link is None else {**told, LOOKED_AT: looked_at(link.target_snapshot)}


def _why_asked(
    scope: Scope, policy: ChangePolicy, document: Document, link: "Link | None"
) -> str | None:
    if link is None or link.content_hash == document.content_hash:
        return None
    held = json.loads(link.target_snapshot)
    status = str(held.get("Status"))
    if asks(policy, status):
        return told(policy, held)
    if policy not in _ADDS:
        return None
    # A new table of codes must not void, or credit, a year of invoices on its own, whoever has
    # touched an opportunity or approved a draft since.
    if link.mapping_version != scope.spec.mapping_version:
        return _BY_THE_ROUTE
    if status in DRAFTS:
        return None
    return _why_not_credited(scope, document, link, held) if policy is _CREDIT else None


def _why_not_credited(
    scope: Scope, document: Document, link: "Link", held: Mapping[str, Any]
) -> str | None:
    """Say why no credit note can bring about what is wished: then a person decides."""
    if document.parent_source_id is None:
        return None
    parents = [document.parent_source_id]
    contacts = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, parents)
    contact = contacts.get(document.parent_source_id)
    if contact is None or contact.target_id != held.get("ContactID"):
        return f"{told(_CREDIT, held)}; its account changed"
    if same_sale(link.source_snapshot, document.payload):
        return None
    credit = credit_of(link.source_snapshot, document.payload)
    return f"{told(_CREDIT, held)}; {credit}" if isinstance(credit, str) else None
