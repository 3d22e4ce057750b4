"""Which entries wait for a person's word, and how the question to the person reads."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from sfxero.mapping.result import Document, TransformResult
from sfxero.mapping.spec import ApprovalSection
from sfxero.model.outbox import APPROVAL
from sfxero.sync.memory import Memory

if TYPE_CHECKING:
    from sfxero.ledger.approvals import Question

FIRST_OF_ACCOUNT: Final = "first invoice of the account"
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&-])")


def approval_meta(
    rules: ApprovalSection | None, result: TransformResult, memory: Memory
) -> Callable[[Document], Mapping[str, str]]:
    """Return what gives each document's `meta`, with why it must be approved, if it must be.

    The transform has judged the route's condition; what was invoiced before, the ledger knows.
    """
    if rules is None or not rules.first_of_account:
        return lambda one: one.meta
    parents = {one for _, one in result.documents.parents() if one is not None}
    invoiced = memory.invoiced(sorted(parents))

    def meta(one: Document) -> Mapping[str, str]:
        if one.parent_source_id is None or one.parent_source_id in invoiced:
            return one.meta
        reasons = [one.meta.get(APPROVAL), FIRST_OF_ACCOUNT]
        return {**one.meta, APPROVAL: "; ".join(filter(None, reasons))}

    return meta


def subject(question: "Question") -> str:
    """Return the question's headline; an invoice that Xero is to number has no number yet."""
    number = f"{question.number}:" if question.number else "of"
    customer = f" to {question.customer}" if question.customer else ""
    return f"Invoice {number} {question.currency} {question.total:,.2f}{customer}"


def body(question: "Question") -> str:
    """Return, as Markdown, what a person must know to decide; values cannot turn into markup."""
    # A void asks about an invoice that the customer has.
    customer = {"Customer": question.customer} if question.customer else {}
    rows = {
        "Why you are asked": question.why,
        **customer,
        "Total": f"{question.currency} {question.total:,.2f}",
        "of it tax": f"{question.tax:,.2f}",
        "Dated": question.dated_on,
        "Opportunity": question.url,
        "Entry": f"{question.entry_id} of route {question.route}",
    }
    lines = [f"| {name} | {_plain(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _plain(text: str) -> str:
    """Let a text stand as it is, whatever signs a customer's name has; a link stays a link."""
    if text.startswith("https://") and not re.search(r"[\s|<>]", text):
        return f"<{text}>"
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
