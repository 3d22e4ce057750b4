"""The kinds of difference that a reconciliation may find, each with its words and its next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final


class DifferenceKind(StrEnum):
    """Every difference has one of these names."""

    # Known, and on its way or held for a stated reason: these do not fail a run.
    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    AWAITING_APPROVAL = "awaiting_approval"
    QUARANTINED = "quarantined"
    DEAD_LETTER = "dead_letter"
    DISCARDED = "discarded"
    NOT_READ_YET = "not_read_yet"
    CHANGED_WHILE_READING = "changed_while_reading"
    DATED_OTHERWISE = "dated_otherwise"
    ROUNDED_OTHERWISE = "rounded_otherwise"
    # A record is missing on one side.
    NOT_INVOICED = "not_invoiced"
    INVOICE_MISSING = "invoice_missing"
    INVOICE_VOIDED = "invoice_voided"
    INVOICE_DELETED = "invoice_deleted"
    OPPORTUNITY_MISSING = "opportunity_missing"
    OPPORTUNITY_DELETED = "opportunity_deleted"
    OPPORTUNITY_REOPENED = "opportunity_reopened"
    OPPORTUNITY_OUT_OF_SCOPE = "opportunity_out_of_scope"
    INVOICE_WITHOUT_OPPORTUNITY = "invoice_without_opportunity"
    DUPLICATE_INVOICE = "duplicate_invoice"
    # The ledger's own pairs.
    LINK_MISSING = "link_missing"
    LINK_SHARED = "link_shared"
    LINK_ELSEWHERE = "link_elsewhere"
    LEDGER_DIFFERS = "ledger_differs"
    # Both are there and say different things.
    OPPORTUNITY_CHANGED = "opportunity_changed"
    AMOUNT_EDITED = "amount_edited"
    AMOUNTS_DIFFER = "amounts_differ"
    ROUNDING_DIFFERS = "rounding_differs"
    TAX_DIFFERS = "tax_differs"
    CURRENCY_DIFFERS = "currency_differs"
    STATE_DIFFERS = "state_differs"
    EDITED_IN_XERO = "edited_in_xero"
    CREDIT_NOTE_OPEN = "credit_note_open"
    INVOICE_INCONSISTENT = "invoice_inconsistent"
    # What the opportunity shows of the invoice.
    SHOWN_DIFFERS = "shown_differs"
    PAID_SHOWN_DIFFERS = "paid_shown_differs"
    DUE_SHOWN_DIFFERS = "due_shown_differs"
    CREDITED_SHOWN_DIFFERS = "credited_shown_differs"
    PAYMENT_STATUS_SHOWN_DIFFERS = "payment_status_shown_differs"
    PAID_ON_SHOWN_DIFFERS = "paid_on_shown_differs"
    ADDRESS_SHOWN_DIFFERS = "address_shown_differs"
    # Accounts and contacts.
    ACCOUNT_MISSING = "account_missing"
    ACCOUNT_DELETED = "account_deleted"
    CONTACT_MISSING = "contact_missing"
    CONTACT_ARCHIVED = "contact_archived"
    # Sums.
    AGED_DIFFERS = "aged_differs"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What people read of a kind; an explained one does not fail the run."""

    title: str
    next_step: str
    is_explained: bool = False
    can_resend: bool = False


def _explained(title: str, next_step: str) -> KindFacts:
    return KindFacts(title, next_step, is_explained=True)


_K = DifferenceKind
KINDS: Final[Mapping[DifferenceKind, KindFacts]] = {
    _K.WAITING: _explained(
        "Waits in the outbox", "Nothing: the next run sends it."
    ),
    _K.IN_FLIGHT: _explained(
        "Is being sent", "Nothing: the next drain settles it."
    ),
    _K.AWAITING_APPROVAL: _explained(
        "Waits for a person's approval", "Approve or reject it."
    ),
    _K.QUARANTINED: _explained(
        "Refused by a rule", "Cure what the rule names in Salesforce; it then goes by itself."
    ),
    _K.DEAD_LETTER: _explained(
        "Given up on", "Cure the cause, then `sfxero dead-letters replay`."
    ),
    _K.DISCARDED: _explained(
        "A person said that it shall not go", "Nothing, unless it shall go after all."
    ),
    _K.NOT_READ_YET: _explained(
        "Changed since the last sync", "Nothing: the next sync reads it."
    ),
    _K.CHANGED_WHILE_READING: _explained(
        "Sent while the books were read, so not compared",
        "Nothing: the next reconciliation compares it.",
    ),
    _K.DATED_OTHERWISE: _explained(
        "Dated otherwise than it was closed, by the route's rule", "Nothing."
    ),
    _K.ROUNDED_OTHERWISE: _explained(
        "Differs by cents, within the route's tolerance or by its conversion", "Nothing."
    ),
    _K.NOT_INVOICED: KindFacts(
        "Won, without an invoice and without a reason",
        "Let the sync read it again: allow `resend`, or trigger it with `full_refresh`.",
        can_resend=True,
    ),
    _K.INVOICE_MISSING: KindFacts(
        "The invoice is not in Xero",
        "Look whether the right organisation is connected; else enter the invoice again.",
    ),
    _K.INVOICE_VOIDED: KindFacts(
        "Voided in Xero, still won in Salesforce",
        "Reopen the opportunity, or allow `reissue`: it is invoiced again under a next number.",
    ),
    _K.INVOICE_DELETED: KindFacts(
        "Deleted in Xero, still won in Salesforce",
        "Reopen the opportunity, or allow `reissue`: it is invoiced again under a next number.",
    ),
    _K.OPPORTUNITY_MISSING: KindFacts(
        "The opportunity is gone from Salesforce", "Void or credit the invoice, or accept it."
    ),
    _K.OPPORTUNITY_DELETED: KindFacts(
        "The opportunity lies in the recycle bin", "Restore it, or void or credit the invoice."
    ),
    _K.OPPORTUNITY_REOPENED: KindFacts(
        "Invoiced, and no longer won", "Win it again, or void or credit the invoice."
    ),
    _K.OPPORTUNITY_OUT_OF_SCOPE: KindFacts(
        "Invoiced, and no longer in the route's scope",
        "Correct the record or the route, or void or credit the invoice.",
    ),
    _K.INVOICE_WITHOUT_OPPORTUNITY: KindFacts(
        "An invoice of ours that belongs to no won opportunity",
        "Find out who entered it; void it, or give it another number.",
    ),
    _K.DUPLICATE_INVOICE: KindFacts(
        "A second live invoice for one opportunity", "Void the one that is not paid."
    ),
    _K.LINK_MISSING: KindFacts(
        "In both systems, and unknown to the ledger",
        "Allow `resend`: the sync finds the invoice by its number and adopts it.",
        can_resend=True,
    ),
    _K.LINK_SHARED: KindFacts(
        "Two opportunities stand for one invoice", "Restore the ledger from its backup."
    ),
    _K.LINK_ELSEWHERE: KindFacts(
        "The ledger's pair is not the pair that the invoice names",
        "Restore the ledger from its backup.",
    ),
    _K.LEDGER_DIFFERS: KindFacts(
        "Salesforce and Xero agree, the ledger does not",
        "Restore the ledger from its backup; `sfxero audit verify` tells when it was changed.",
    ),
    _K.OPPORTUNITY_CHANGED: KindFacts(
        "Changed in Salesforce after it was invoiced, and not sent",
        "Allow `resend`: it goes as `invoices.on_change` says.",
        can_resend=True,
    ),
    _K.AMOUNT_EDITED: KindFacts(
        "The amount was edited in Xero", "Undo the edit in Xero, or correct the opportunity."
    ),
    _K.AMOUNTS_DIFFER: KindFacts(
        "Salesforce, ledger and Xero each have another amount",
        "Decide which one is right, and correct the others.",
    ),
    _K.ROUNDING_DIFFERS: KindFacts(
        "Differs by a rounding of cents", "Accept it, or correct the opportunity's products."
    ),
    _K.TAX_DIFFERS: KindFacts(
        "Xero has other tax than was agreed", "Look at the invoice's tax rates in Xero."
    ),
    _K.CURRENCY_DIFFERS: KindFacts(
        "The currencies differ", "Void the invoice and enter it in the opportunity's currency."
    ),
    _K.STATE_DIFFERS: KindFacts(
        "The invoice went back to an earlier state", "Approve it again in Xero."
    ),
    _K.EDITED_IN_XERO: KindFacts(
        "Edited by hand in Xero", "Undo the edit, or accept it."
    ),
    _K.CREDIT_NOTE_OPEN: KindFacts(
        "A credit note of the sync's is not used up, and its invoice is owed, void or settled",
        "Allocate it to its invoice in Xero; where that is void, void it, too.",
    ),
    _K.INVOICE_INCONSISTENT: KindFacts(
        "Xero's own figures do not add up", "Ask Xero; read the invoice again tomorrow."
    ),
    _K.SHOWN_DIFFERS: KindFacts(
        "The opportunity shows another invoice, or another state of it",
        "Allow `shown: resend`; look at the dead letters of `xero_to_salesforce`.",
    ),
    _K.PAID_SHOWN_DIFFERS: KindFacts(
        "The opportunity shows another amount paid",
        "Allow `shown: resend`; look at the dead letters of `xero_to_salesforce`.",
    ),
    _K.DUE_SHOWN_DIFFERS: KindFacts(
        "The opportunity shows another amount due",
        "Allow `shown: resend`; look at the dead letters of `xero_to_salesforce`.",
    ),
    _K.CREDITED_SHOWN_DIFFERS: KindFacts(
        "The opportunity shows another amount credited",
        "Allow `shown: resend`; look at the dead letters of `xero_to_salesforce`.",
    ),
    _K.PAYMENT_STATUS_SHOWN_DIFFERS: KindFacts(
        "The opportunity shows another payment status",
        "Allow `shown: resend`; look at the dead letters of `xero_to_salesforce`.",
    ),
    _K.PAID_ON_SHOWN_DIFFERS: KindFacts(
        "The opportunity shows another day of payment",
        "Allow `shown: resend`; look at the dead letters of `xero_to_salesforce`.",
    ),
    _K.ADDRESS_SHOWN_DIFFERS: KindFacts(
        "The opportunity leads to another address than its invoice's",
        "Allow `shown: resend`; look at the dead letters of `xero_to_salesforce`.",
    ),
    _K.ACCOUNT_MISSING: KindFacts(
        "The account is gone from Salesforce", "Accept it, or archive the contact."
    ),
    _K.ACCOUNT_DELETED: KindFacts(
        "The account lies in the recycle bin, or was merged",
        "Restore it, or let the surviving account take over the contact.",
    ),
    _K.CONTACT_MISSING: KindFacts(
        "The contact is not in Xero", "Look whether the right organisation is connected."
    ),
    _K.CONTACT_ARCHIVED: KindFacts(
        "The contact was archived or merged in Xero",
        "Restore it in Xero: no invoice can be made out to it.",
    ),
    _K.AGED_DIFFERS: KindFacts(
        "Xero's aged receivables say otherwise than its invoices", "Read both again; ask Xero."
    ),
    _K.UNEXPLAINED: KindFacts(
        "Sums differ and no record tells why", "Report it: the comparison has a hole."
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the records, what each side says, and by how much.

    `key` names the record for the ledger: the opportunity or account, else the invoice or contact.
    `amount` is what Xero has more than the other side, null where no money differs.
    """

    kind: DifferenceKind
    key: str
    field: str
    source_id: str | None
    target_id: str | None
    number: str | None
    salesforce: str | None
    ledger: str | None
    xero: str | None
    amount: Decimal | None
    currency: str | None
    dated_on: date | None
