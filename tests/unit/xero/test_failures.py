"""Messages are recognised by fragments; unknown ones stay unknown."""

import pytest

from sfxero.xero.failures import HINTS, Refusal, classify, hint_for

MESSAGES = [
    (
        "The contact name Acme is already assigned to another contact. The contact name must…",
        Refusal.NAME_TAKEN,
    ),
    (
        "The Contact Number 001A is already assigned to another contact",
        Refusal.CONTACT_NUMBER_TAKEN,
    ),
    (
        "The Account Number already exists. Please enter a different Account Number.",
        Refusal.ACCOUNT_NUMBER_TAKEN,
    ),
    ("The contact name must be unique across all active contacts.", Refusal.NAME_TAKEN),
    ("Invoice # must be unique.", Refusal.INVOICE_NUMBER_TAKEN),
    ("Credit note # must be unique.", Refusal.NOTE_NUMBER_TAKEN),
    ("The contact has been archived.", Refusal.ARCHIVED_CONTACT),
    (
        "The document date cannot be before the end of year lock date, currently set at 30 June",
        Refusal.LOCKED_PERIOD,
    ),
    ("Account code '999' is not a valid code for this document.", Refusal.ACCOUNT_CODE_INVALID),
    (
        "Account code '200' has been archived, or has been deleted. Each line item must…",
        Refusal.ACCOUNT_CODE_INVALID,
    ),
    ("Account code or ID must be specified", Refusal.ACCOUNT_CODE_INVALID),
    (
        "The TaxType code 'INPUT' cannot be used with account code '200'.",
        Refusal.TAX_TYPE_INVALID,
    ),
    ("Item code 'X' is not valid", Refusal.ITEM_CODE_INVALID),
    ("Organisation is not subscribed to currency EUR", Refusal.CURRENCY_NOT_ENABLED),
    ("Invoice not of valid status for modification", Refusal.NOT_VALID_STATUS),
    (
        "This document cannot be edited as it has a payment or credit note allocated to it.",
        Refusal.PAYMENT_ALLOCATED,
    ),
    ("The invoice total does not equal the sum of the lines.", Refusal.TOTAL_MISMATCH),
    ("The line total 1 does not match the expected line total 2", Refusal.TOTAL_MISMATCH),
    ("The discount rate '150' is invalid.", Refusal.DISCOUNT_INVALID),
    ("A Contact must be specified for this type of transaction", Refusal.CONTACT_MISSING),
    ("One or more line items must be specified", Refusal.LINES_MISSING),
    ("You have reached the limit of invoices you can approve", Refusal.PLAN_LIMIT),
    ("Something new", Refusal.OTHER),
]


@pytest.mark.parametrize(("message", "refusal"), MESSAGES)
def test_a_message_is_recognised_in_any_case_and_spacing(message: str, refusal: Refusal) -> None:
    assert classify([message]) is refusal
    assert classify([message.upper().replace(" ", "  ")]) is refusal


def test_of_several_messages_the_one_that_calls_for_an_answer_counts() -> None:
    assert classify(["Email address is not valid", MESSAGES[0][0]]) is Refusal.NAME_TAKEN


def test_no_message_is_an_unknown_reason() -> None:
    assert classify([]) is Refusal.OTHER


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_reason_tells_a_person_what_to_do(refusal: Refusal) -> None:
    assert hint_for(refusal).endswith(".")
    assert set(HINTS) == set(Refusal)
