"""Why Xero refused a record, from fragments of its messages (whole sentences change)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Refusal(StrEnum):
    """A reason that calls for its own answer, or for its own words to a person."""

    NAME_TAKEN = "name_taken"
    CONTACT_NUMBER_TAKEN = "contact_number_taken"
    ACCOUNT_NUMBER_TAKEN = "account_number_taken"
    INVOICE_NUMBER_TAKEN = "invoice_number_taken"
    NOTE_NUMBER_TAKEN = "note_number_taken"
    ARCHIVED_CONTACT = "archived_contact"
    LOCKED_PERIOD = "locked_period"
    TAX_TYPE_INVALID = "tax_type_invalid"
    ACCOUNT_CODE_INVALID = "account_code_invalid"
    ITEM_CODE_INVALID = "item_code_invalid"
    CURRENCY_NOT_ENABLED = "currency_not_enabled"
    NOT_VALID_STATUS = "not_valid_status"
    PAYMENT_ALLOCATED = "payment_allocated"
    TOTAL_MISMATCH = "total_mismatch"
    DISCOUNT_INVALID = "discount_invalid"
    EMAIL_INVALID = "email_invalid"
    CONTACT_MISSING = "contact_missing"
    LINES_MISSING = "lines_missing"
    PLAN_LIMIT = "plan_limit"
    OTHER = "other"


_FRAGMENTS: Final[tuple[tuple[Refusal, tuple[str, ...]], ...]] = (
    (Refusal.NAME_TAKEN, ("contact name", "already assigned")),
    (Refusal.NAME_TAKEN, ("name must be unique",)),
    (Refusal.ACCOUNT_NUMBER_TAKEN, ("account number", "already")),
    (Refusal.CONTACT_NUMBER_TAKEN, ("already assigned to another contact",)),
    (Refusal.CONTACT_NUMBER_TAKEN, ("contact number", "already")),
    (Refusal.INVOICE_NUMBER_TAKEN, ("invoice #", "unique")),
    (Refusal.INVOICE_NUMBER_TAKEN, ("invoice number", "unique")),
    (Refusal.NOTE_NUMBER_TAKEN, ("credit note", "unique")),
    (Refusal.PAYMENT_ALLOCATED, ("payment", "allocated")),
    (Refusal.LOCKED_PERIOD, ("lock date",)),
    (Refusal.TAX_TYPE_INVALID, ("taxtype",)),
    (Refusal.TAX_TYPE_INVALID, ("tax type",)),
    (Refusal.ACCOUNT_CODE_INVALID, ("account code",)),
    (Refusal.ARCHIVED_CONTACT, ("contact", "archived")),
    (Refusal.ITEM_CODE_INVALID, ("item code",)),
    (Refusal.CURRENCY_NOT_ENABLED, ("not subscribed to currency",)),
    (Refusal.NOT_VALID_STATUS, ("not of valid status",)),
    (Refusal.TOTAL_MISMATCH, ("total does not equal the sum",)),
    (Refusal.TOTAL_MISMATCH, ("does not match the expected line total",)),
    (Refusal.DISCOUNT_INVALID, ("discount",)),
    (Refusal.EMAIL_INVALID, ("email", "valid")),
    (Refusal.CONTACT_MISSING, ("contact must be specified",)),
    (Refusal.LINES_MISSING, ("line items must be specified",)),
    (Refusal.PLAN_LIMIT, ("reached the limit of invoices",)),
)

HINTS: Final[Mapping[Refusal, str]] = {
    Refusal.NAME_TAKEN: "Another active Xero contact has this name: rename or merge one of them.",
    Refusal.CONTACT_NUMBER_TAKEN: "A Xero contact carries this account's id: look it up and adopt.",
    Refusal.ACCOUNT_NUMBER_TAKEN: "Another Xero contact has this account number: correct one.",
    Refusal.INVOICE_NUMBER_TAKEN: "Xero has an invoice of this number: look up whose it is.",
    Refusal.NOTE_NUMBER_TAKEN: "Give the other credit note another number in Xero, then replay.",
    Refusal.ARCHIVED_CONTACT: "Restore the contact in Xero, or merge it into an active one.",
    Refusal.LOCKED_PERIOD: "The date lies in a locked period: move the lock date or the date.",
    Refusal.TAX_TYPE_INVALID: "Correct the tax type in the route; not every account allows it.",
    Refusal.ACCOUNT_CODE_INVALID: "Correct the account code in the route, or create it in Xero.",
    Refusal.ITEM_CODE_INVALID: "Create the item in Xero, or correct the item code in the route.",
    Refusal.CURRENCY_NOT_ENABLED: "Add the currency in Xero, if its plan allows several.",
    Refusal.NOT_VALID_STATUS: "The invoice's status in Xero allows no such change.",
    Refusal.PAYMENT_ALLOCATED: "Remove the payment or credit in Xero first, or leave it as it is.",
    Refusal.TOTAL_MISMATCH: "Xero computes another total than predicted: report this with the id.",
    Refusal.DISCOUNT_INVALID: "Correct the discount of the opportunity's product.",
    Refusal.EMAIL_INVALID: "Correct the e-mail address in Salesforce.",
    Refusal.CONTACT_MISSING: "The contact is gone in Xero: check the account's link.",
    Refusal.LINES_MISSING: "Add products to the opportunity.",
    Refusal.PLAN_LIMIT: "The Xero plan allows no more approved invoices this month.",
    Refusal.OTHER: "Read Xero's message, correct the record, then replay it.",
}


def classify(errors: Iterable[str]) -> Refusal:
    """Return the first known reason among an element's messages, in the order of the table."""
    texts = [" ".join(error.casefold().split()) for error in errors]
    for refusal, fragments in _FRAGMENTS:
        if any(all(fragment in text for fragment in fragments) for text in texts):
            return refusal
    return Refusal.OTHER


def hint_for(refusal: Refusal) -> str:
    """Return what a person can do."""
    return HINTS[refusal]
