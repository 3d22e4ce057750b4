"""Money that belongs to no invoice yet: overpayments and prepayments (xero-api, 5.5)."""

from dataclasses import replace

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.credits import CreditPlan, blank_credit
from sfxero.sandbox.xero.documents import (
    AMOUNT_TYPES,
    changed_contact,
    common_errors,
    contact_of,
    currency_rate,
    lock_errors,
    with_lines,
)
from sfxero.sandbox.xero.fields import Fields
from sfxero.sandbox.xero.models import Credit, new_id
from sfxero.sandbox.xero.payments import account_errors, account_of
from sfxero.sandbox.xero.rendering import contact_stub, line_json
from sfxero.sandbox.xero.rendering_money import account_stub
from sfxero.sandbox.xero.replies import Json, day_text, ms_day, ms_moment

# Other bank transactions exist in Xero; this sandbox takes those that make a credit.
KINDS = frozenset(
    {"RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT", "SPEND-OVERPAYMENT", "SPEND-PREPAYMENT"}
)


def plan_bank_transaction(books: Books, raw: Json, *, app: str) -> CreditPlan:
    """Read and check one transaction; nothing is stored."""
    fields = Fields(raw)
    kind = fields.choice("Type", "", KINDS)
    contact_plan = contact_of(books, fields, None)
    credit = blank_credit(books, contact_plan, kind=kind, app=app)
    account = account_of(books, fields.block("BankAccount"))
    currency = fields.text("CurrencyCode", credit.currency_code) or credit.currency_code
    no_tax = "NoTax" if kind.endswith("OVERPAYMENT") else "Exclusive"
    credit = replace(
        credit,
        status="AUTHORISED",
        reference=fields.text("Reference", longest=255),
        dated_on=fields.day("Date", credit.dated_on) or credit.dated_on,
        line_amount_types=fields.choice("LineAmountTypes", no_tax, AMOUNT_TYPES),
        currency_code=currency,
        currency_rate=currency_rate(books, fields, currency),
        account_code=account.code if account else None,
        bank_transaction_id=new_id(),
    )
    if kind.endswith("OVERPAYMENT"):
        # The whole sum sits on the debtors' account, which no other line may use.
        rows = fields.rows("LineItems") or []
        fields = Fields({**raw, "LineItems": [{**row, "AccountCode": "830"} for row in rows]})
    credit, line_errors = with_lines(
        books, fields, credit, old_types=credit.line_amount_types, four_decimals=False
    )
    errors = (
        *(contact_plan.errors if contact_plan else ()),
        *fields.errors,
        *([] if kind else ["Bank transaction type must be specified."]),
        *common_errors(books, credit),
        *line_errors,
        *account_errors(account),
        *lock_errors(books, credit.dated_on),
    )
    return CreditPlan(credit, changed_contact(books, contact_plan), errors)


def store_bank_transaction(books: Books, plan: CreditPlan, *, user: str) -> Json:
    """Store the credit that the money makes; returns the transaction's row."""
    if plan.contact is not None:
        books.put_contact(plan.contact)
    books.put_credit(plan.credit)
    books.note(plan.credit.credit_id, "Created", user=user)
    return bank_transaction_json(books, plan.credit)


def bank_transaction_json(books: Books, credit: Credit) -> Json:
    """A bank transaction with the id of the credit it made."""
    offset = books.switches.date_offset
    return {
        "BankTransactionID": credit.bank_transaction_id,
        "Type": credit.kind,
        f"{credit.family.removesuffix('s')}ID": credit.credit_id,
        "BankAccount": account_stub(books, credit.account_code or ""),
        "Contact": contact_stub(books.contacts[credit.contact_id]),
        "DateString": day_text(credit.dated_on),
        "Date": ms_day(credit.dated_on, offset),
        "Status": "AUTHORISED",
        "IsReconciled": False,
        "Reference": credit.reference or "",
        "LineAmountTypes": credit.line_amount_types,
        "LineItems": [line_json(line, four_decimals=False) for line in credit.lines],
        "SubTotal": credit.totals.sub_total,
        "TotalTax": credit.totals.total_tax,
        "Total": credit.totals.total,
        "CurrencyCode": credit.currency_code,
        "CurrencyRate": credit.currency_rate,
        "UpdatedDateUTC": ms_moment(credit.updated_at, offset),
        "HasAttachments": False,
    }
