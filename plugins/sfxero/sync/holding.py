"""What holds an invoice back beside its own rules: its account, its lines and its history."""

from collections.abc import Iterator
from typing import Any, Final

from sfxero.mapping.result import TransformResult
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.sync.scope import OBJECT_OF, Scope

_ACCOUNT_WAITS: Final = (
    "account_quarantined",
    "Cure the account; the invoice follows by itself.",
)
_ACCOUNT_GONE: Final = (
    "account_missing",
    "The account is deleted, or hidden from the integration user: choose another, or restore it.",
)


def held_back(scope: Scope, result: TransformResult, lines: Any) -> list[Finding]:
    """Refuse invoices that cannot go though they meet their own rules; `lines` is their frame."""
    return [
        *_without_account(scope, result),
        *_with_refused_lines(scope, result, lines),
        *_not_won_any_more(scope, result),
    ]


def refused_lines(scope: Scope) -> set[SourceId]:
    """Return the lines that the run's suites refused."""
    found = scope.ledger.quarantine.refused_ids(scope.run_id, scope.route, Entity.OPPORTUNITY_LINE)
    return set(found)


def _without_account(scope: Scope, result: TransformResult) -> Iterator[Finding]:
    """Find invoices whose account is in quarantine, or is nowhere: they would wait for ever."""
    from sfxero.staging.reader import read_latest

    quarantined = set(scope.ledger.quarantine.open_ids(scope.route, Entity.ACCOUNT))
    frame = read_latest(scope.staged(OBJECT_OF[Entity.ACCOUNT]))
    known = {one for one, gone in zip(frame["Id"], frame["IsDeleted"], strict=True) if not gone}
    parents = {one.parent_source_id for one in result.documents if one.parent_source_id}
    unread = [one for one in parents if one not in known]
    known |= set(scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, unread))
    for one in result.documents:
        account = one.parent_source_id
        if account in quarantined or account not in known:
            rule, hint = _ACCOUNT_WAITS if account in quarantined else _ACCOUNT_GONE
            yield _finding(one.source_id, rule, scope.spec.invoices.account, account, hint)


def _with_refused_lines(scope: Scope, result: TransformResult, lines: Any) -> Iterator[Finding]:
    """Find invoices one of whose lines a suite refused: without it the rest is not the sale."""
    refused = refused_lines(scope)
    if not refused:
        return
    pairs = zip(lines["Id"], lines["OpportunityId"], strict=True)
    line_of = {parent: line for line, parent in pairs if line in refused}
    for one in result.documents:
        if one.source_id in line_of:
            hint = "Correct the product; quarantine names it with its rule."
            line = str(line_of[one.source_id])
            yield _finding(one.source_id, "line_refused", "OpportunityLineItems", line, hint)


def _not_won_any_more(scope: Scope, result: TransformResult) -> Iterator[Finding]:
    gone = [*(source_id for source_id, _ in result.skipped), *result.removed]
    linked = scope.ledger.links.get_many(scope.tenant, Entity.INVOICE, gone)
    for source_id, link in linked.items():
        yield _finding(
            source_id,
            "invoiced_but_not_won",
            "IsWon",
            link.target_number,
            "The opportunity was reopened or deleted after invoicing: void or credit the invoice "
            "in Xero, or win the opportunity again.",
        )


def _finding(source_id: SourceId, rule: str, field: str, value: str | None, hint: str) -> Finding:
    return Finding(Entity.OPPORTUNITY, source_id, rule, field, value, hint)
