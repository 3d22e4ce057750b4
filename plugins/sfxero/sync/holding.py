"""What holds an invoice back beside its own rules: its account, its lines and its history."""

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

from sfxero.mapping.result import NOT_WON, OUT_OF_SCOPE, TransformResult
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.sync.scope import OBJECT_OF, Scope

ACCOUNT_WAITS: Final = (
    "account_quarantined",
    "Cure the account; the invoice follows by itself.",
)
CONTACT_ARCHIVED: Final = (
    "account_contact_archived",
    (
        "Xero makes out no invoice to an archived contact: restore it, merge it into another, or "
        "choose one with `sfxero links follow`."
    ),
)
ACCOUNT_GONE: Final = (
    "account_missing",
    "The account is deleted, or hidden from the integration user: choose another, or restore it.",
)
_RULE_OF_SKIP: Final = {
    NOT_WON: (
        "invoiced_but_not_won",
        "IsWon",
        (
            "The opportunity was reopened or deleted after invoicing: void or credit the invoice "
            "in Xero, or win the opportunity again."
        ),
    ),
    OUT_OF_SCOPE: (
        "invoiced_but_out_of_scope",
        "invoices.when",
        (
            "The opportunity no longer meets the route's condition: void or credit the invoice "
            "in Xero, or correct the opportunity or the condition."
        ),
    ),
}


def held_back(
    scope: Scope, result: TransformResult, lines: Any, *, ended: AbstractSet[SourceId] = frozenset()
) -> list[Finding]:
    """Refuse invoices that cannot go though they meet their own rules; `lines` is their frame.

    Of the `ended` it is known what becomes of them.
    """
    return [
        *_without_account(scope, result),
        *_with_refused_lines(scope, result, lines),
        *(one for one in _not_wanted_any_more(scope, result) if one.source_id not in ended),
    ]


def refused_lines(scope: Scope) -> set[SourceId]:
    """Return the lines that the run's suites refused."""
    found = scope.ledger.quarantine.refused_ids(scope.run_id, scope.route, Entity.OPPORTUNITY_LINE)
    return set(found)


def _without_account(scope: Scope, result: TransformResult) -> Iterator[Finding]:
    """Find invoices whose account is in quarantine, is nowhere, or whose contact is archived.

    They would wait for ever, or be refused time and again. Those that Xero has as they are wished
    wait for nothing.
    """
    from sfxero.staging.reader import read_latest

    quarantined = set(scope.ledger.quarantine.open_ids(scope.route, Entity.ACCOUNT))
    frame = read_latest(scope.staged(OBJECT_OF[Entity.ACCOUNT]))
    known = {one for one, gone in zip(frame["Id"], frame["IsDeleted"], strict=True) if not gone}
    pairs = result.documents.parents()
    parents = {account for _, account in pairs if account}
    unread = [one for one in parents if one not in known]
    known |= set(scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, unread))
    astray = scope.ledger.links.astray(scope.tenant)
    told = {
        account: CONTACT_ARCHIVED
        if account in astray
        else ACCOUNT_WAITS
        if account in quarantined
        else ACCOUNT_GONE
        for account in parents
        if account in astray or account in quarantined or account not in known
    }
    if not told:
        return
    held = {source_id: account for source_id, account in pairs if account in told}
    for source_id in _new_or_changed(scope, result, held):
        rule, hint = told[held[source_id]]
        yield _finding(source_id, rule, scope.spec.invoices.account, held[source_id], hint)


def _new_or_changed(
    scope: Scope, result: TransformResult, concerned: Collection[SourceId]
) -> Iterator[SourceId]:
    """Yield which of the invoices are not in Xero as they are wished."""
    links = scope.ledger.links.get_many(scope.tenant, Entity.INVOICE, concerned)
    for one in result.documents:
        link = links.get(one.source_id)
        if one.source_id in concerned and (link is None or link.content_hash != one.content_hash):
            yield one.source_id


def _with_refused_lines(scope: Scope, result: TransformResult, lines: Any) -> Iterator[Finding]:
    """Find invoices one of whose lines a suite refused: without it the rest is not the sale."""
    refused = refused_lines(scope)
    if not refused:
        return
    pairs = zip(lines["Id"], lines["OpportunityId"], strict=True)
    line_of = {parent: line for line, parent in pairs if line in refused}
    for source_id, _ in result.documents.parents():
        if source_id in line_of:
            hint = "Correct the product; quarantine names it with its rule."
            line = str(line_of[source_id])
            yield _finding(source_id, "line_refused", "OpportunityLineItems", line, hint)


def _not_wanted_any_more(scope: Scope, result: TransformResult) -> Iterator[Finding]:
    """Find what was invoiced and is now reopened, deleted, or outside the route's condition.

    What is under way may have been invoiced: the next run, which reads it again, will know.
    """
    rules = {source_id: _RULE_OF_SKIP[rule] for source_id, rule in result.skipped}
    rules |= dict.fromkeys(result.removed, _RULE_OF_SKIP[NOT_WON])
    linked = scope.ledger.links.get_many(scope.tenant, Entity.INVOICE, list(rules))
    numbers = {source_id: link.target_number for source_id, link in linked.items()}
    sent = scope.ledger.outbox.under_way(scope.tenant, Entity.INVOICE, rules)
    for source_id in sorted(sent | set(numbers)):
        rule, field, hint = rules[source_id]
        yield _finding(source_id, rule, field, numbers.get(source_id), hint)


def _finding(source_id: SourceId, rule: str, field: str, value: str | None, hint: str) -> Finding:
    return Finding(Entity.OPPORTUNITY, source_id, rule, field, value, hint)
