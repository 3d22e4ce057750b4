"""Writes of payments, batch payments, allocations and history notes."""

from dataclasses import replace

from sfxero.sandbox.xero.bank import plan_bank_transaction, store_bank_transaction
from sfxero.sandbox.xero.batches import (
    Outcome,
    Resource,
    echo,
    known_id_of,
    write_batch,
    write_elements,
)
from sfxero.sandbox.xero.calls import Call, read_elements
from sfxero.sandbox.xero.credits import plan_allocation, remove_allocation, store_allocation
from sfxero.sandbox.xero.documents import lock_errors
from sfxero.sandbox.xero.failures import NotFound, ValidationFailed
from sfxero.sandbox.xero.fields import Fields, guid_or_none
from sfxero.sandbox.xero.models import BatchPayment, Payment, new_id
from sfxero.sandbox.xero.payments import (
    STATUS_ONLY,
    account_errors,
    account_of,
    delete_payment,
    deletion_refusal,
    plan_payment,
    store_payment,
)
from sfxero.sandbox.xero.reads_money import credit_of, recorded_id
from sfxero.sandbox.xero.rendering_money import (
    allocation_json,
    batch_json,
    note_json,
    payment_json,
)
from sfxero.sandbox.xero.replies import Json, Reply, json_reply

LONGEST_NOTE = 2500


def write_payments(call: Call) -> Reply:
    """Create payments, or delete the one of the path."""
    return write_batch(call, _PAYMENTS) if call.identifier is None else _delete_payment(call)


def write_bank_transactions(call: Call) -> Reply:
    """Take money in as an overpayment or a prepayment."""
    return write_batch(call, _BANK_TRANSACTIONS)


def write_batch_payments(call: Call) -> Reply:
    """Create batch payments, or delete the one of the path with its members."""
    return write_batch(call, _BATCHES) if call.identifier is None else _delete_batch(call)


def write_allocations(call: Call) -> Reply:
    """Allocate the credit of the path to invoices."""
    credit_of(call)
    return write_elements(call, read_elements(call, "Allocations"), _ALLOCATIONS)


def delete_allocation(call: Call) -> Reply:
    """Undo one allocation."""
    books, credit = call.books, credit_of(call)
    wanted = guid_or_none(call.part_id or "")
    for allocation in credit.allocations:
        if allocation.allocation_id == wanted:
            row = allocation_json(books, allocation)
            with books.writing():
                remove_allocation(books, allocation, user=call.user)
            return json_reply({**row, "IsDeleted": True})
    raise NotFound


def add_notes(call: Call) -> Reply:
    """Add notes to a record's history; they cannot be changed afterwards."""
    books, record_id = call.books, recorded_id(call)
    rows: list[Json] = []
    with books.writing():
        for raw in read_elements(call, "HistoryRecords"):
            fields = Fields(raw)
            details = fields.text("Details", longest=LONGEST_NOTE)
            errors = [*fields.errors, *([] if details else ["Details must be specified."])]
            if errors or details is None:
                messages = [{"Message": text} for text in errors]
                raise ValidationFailed([{**raw, "ValidationErrors": messages}])
            note = books.note(record_id, "Note", user=call.user, details=details)
            rows.append(note_json(books, note))
    return call.answer("HistoryRecords", rows)


def _write_payment(call: Call, raw: Json) -> Outcome:
    plan = plan_payment(call.books, raw)
    if plan.payment is None:
        return Outcome(echo(raw, "PaymentID", None), plan.errors)
    store_payment(call.books, plan.payment, user=call.user)
    return Outcome(payment_json(call.books, plan.payment))


def _write_allocation(call: Call, raw: Json) -> Outcome:
    books = call.books
    plan = plan_allocation(books, credit_of(call), raw)
    if plan.allocation is None:
        return Outcome(echo(raw, "AllocationID", None), plan.errors)
    store_allocation(books, plan.allocation, user=call.user)
    return Outcome(allocation_json(books, plan.allocation))


def _delete_payment(call: Call) -> Reply:
    books = call.books
    payment = books.payments[known_id_of(call, books.payments)]
    _check_status_only(call, "Payments", deletion_refusal(books, payment))
    with books.writing():
        deleted = delete_payment(books, payment, user=call.user)
    return call.answer("Payments", [payment_json(books, deleted)])


def _check_status_only(call: Call, plural: str, refusal: str | None) -> None:
    """The body is exactly `{"Status":"DELETED"}`."""
    [raw, *_] = read_elements(call, plural)
    if set(raw) != {"Status"} or raw["Status"] != "DELETED":
        refusal = STATUS_ONLY
    if refusal is not None:
        raise ValidationFailed([{**raw, "ValidationErrors": [{"Message": refusal}]}])


def _write_batch_payment(call: Call, raw: Json) -> Outcome:
    """All payments of a batch stand or fall together."""
    books, fields = call.books, Fields(raw)
    account, rows = account_of(books, fields.block("Account")), fields.rows("Payments") or []
    paid_on = fields.day("Date", books.today()) or books.today()
    reference = fields.text("Reference", longest=255)
    errors = [*fields.errors, *account_errors(account)]
    errors += [] if rows else ["A batch payment needs payments."]
    batch_id, payments = new_id(), list[Payment]()
    for row in rows:
        given = {**row, "Account": raw.get("Account"), "Date": paid_on.isoformat()}
        plan = plan_payment(books, given)
        errors += plan.errors
        if plan.payment is not None:
            payments.append(replace(plan.payment, batch_id=batch_id))
    if len({one.document_id for one in payments}) < len(payments):
        errors.append("A batch payment may pay each invoice once.")
    if errors or account is None:
        return Outcome(echo(raw, "BatchPaymentID", None), tuple(errors))
    for payment in payments:
        store_payment(books, payment, user=call.user)
    batch = BatchPayment(
        batch_id=batch_id,
        kind="RECBATCH" if payments[0].kind == "ACCRECPAYMENT" else "PAYBATCH",
        account_code=account.code,
        paid_on=paid_on,
        updated_at=books.clock.now(),
        payment_ids=tuple(one.payment_id for one in payments),
        reference=reference,
    )
    books.put_batch(batch)
    books.note(batch_id, "Created", user=call.user)
    return Outcome(batch_json(books, batch))


def _delete_batch(call: Call) -> Reply:
    books, table = call.books, call.books.batch_table
    batch = table.rows[known_id_of(call, table.rows)]
    refusal = next(lock_errors(books, batch.paid_on), None)
    if batch.status == "DELETED":
        refusal = "Batch payment not of valid status for modification"
    _check_status_only(call, "BatchPayments", refusal)
    with books.writing():
        for payment_id in batch.payment_ids:
            delete_payment(books, books.payments[payment_id], user=call.user)
        deleted = replace(batch, status="DELETED", updated_at=books.clock.now())
        books.put_batch(deleted)
    return call.answer("BatchPayments", [batch_json(books, deleted)])


def _write_bank_transaction(call: Call, raw: Json) -> Outcome:
    plan = plan_bank_transaction(call.books, raw, app=call.bearer.app.client_id)
    if plan.errors:
        return Outcome(echo(raw, "BankTransactionID", None), plan.errors)
    return Outcome(store_bank_transaction(call.books, plan, user=call.user))


_PAYMENTS = Resource(
    "Payments",
    "PaymentID",
    "HasValidationErrors",
    lambda books: books.payments,
    _write_payment,
)
_ALLOCATIONS = Resource(
    "Allocations",
    "AllocationID",
    None,
    lambda _books: {},
    _write_allocation,
)
_BATCHES = Resource(
    "BatchPayments",
    "BatchPaymentID",
    "HasValidationErrors",
    lambda books: books.batch_table.rows,
    _write_batch_payment,
)
_BANK_TRANSACTIONS = Resource(
    "BankTransactions",
    "BankTransactionID",
    "HasErrors",
    lambda _books: {},
    _write_bank_transaction,
)
