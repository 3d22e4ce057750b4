"""Two reports in Xero's rows and cells: aged receivables of a contact, and the trial balance."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import BadPostData
from sfxero.sandbox.xero.fields import Fields, guid_or_none
from sfxero.sandbox.xero.models import ZERO, Credit, Invoice
from sfxero.sandbox.xero.postings import in_base, postings_of
from sfxero.sandbox.xero.replies import Json, Reply, day_text, ms_moment

_AGED_COLUMNS = ("Date", "Reference", "Due Date", "", "Total", "Paid", "Credited", "Due")
_BALANCE_COLUMNS = ("Account", "Debit", "Credit", "YTD Debit", "YTD Credit")
_SECTIONS = (
    ("Revenue", "REVENUE"),
    ("Expenses", "EXPENSE"),
    ("Assets", "ASSET"),
    ("Liabilities", "LIABILITY"),
    ("Equity", "EQUITY"),
)
_YEAR_STARTS = (7, 1)
_RETAINED = "960"


def read_aged_receivables(call: Call) -> Reply:
    """What one customer owes on a day, document by document."""
    books, query = call.books, Fields(dict(call.query))
    contact = books.contacts.get(guid_or_none(call.query.get("contactId", "")) or "")
    if contact is None:
        raise BadPostData("contactId must be the id of a contact.")
    on = query.day("date", books.today()) or books.today()
    first, last = query.day("fromDate", date.min) or date.min, query.day("toDate", on) or on
    rows = [
        row
        for row in _aged_rows(books, contact.contact_id, on)
        if first <= row[0] <= min(last, on) and row[1][3]
    ]
    sums = [sum((row[1][place] for row in rows), ZERO) for place in range(4)]
    section = [_row([*row[2], *map(_text, row[1])], row_id=row[3]) for row in rows]
    section.append(_row(["Total", "", "", "", *map(_text, sums)], kind="SummaryRow"))
    body: list[Json] = [
        _header(_AGED_COLUMNS),
        {"RowType": "Section", "Title": "", "Rows": section},
    ]
    name = "Aged Receivables By Contact"
    titles = [name, f"Invoices for {contact.name}", f"To {on:%d %B %Y}"]
    return _answer(call, "AgedReceivablesByContact", name, titles, body, on)


def read_trial_balance(call: Call) -> Reply:
    """The balances of all accounts: of the month, and of the year to date."""
    books = call.books
    on = Fields(dict(call.query)).day("date", books.today()) or books.today()
    month, year = _balances(books, on)
    body: list[Json] = [_header(_BALANCE_COLUMNS)]
    columns = [ZERO] * 4
    for title, kind in _SECTIONS:
        codes = [code for code in sorted(year) if books.accounts[code].account_class == kind]
        rows = []
        for code in codes:
            figures = [*_sides(month[code]), *_sides(year[code])]
            columns = [total + figure for total, figure in zip(columns, figures, strict=True)]
            account = books.accounts[code]
            cells = [f"{account.name} ({code})", *map(_text_or_blank, figures)]
            rows.append(_row(cells, row_id=account.account_id, id_name="account"))
        if rows:
            body.append({"RowType": "Section", "Title": title, "Rows": rows})
    total = _row(["Total", *map(_text, columns)], kind="SummaryRow")
    body.append({"RowType": "Section", "Title": "", "Rows": [total]})
    titles = ["Trial Balance", books.organisation.name, f"As at {on:%d %B %Y}"]
    return _answer(call, "TrialBalance", "Trial Balance", titles, body, on)


def _balances(books: Books, on: date) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Earlier years' income and expenses stand in the retained earnings."""
    start = date(on.year - ((on.month, on.day) < _YEAR_STARTS), *_YEAR_STARTS)
    month: dict[str, Decimal] = defaultdict(lambda: ZERO)
    year: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for posting in postings_of(books):
        if posting.on > on:
            continue
        passing = books.accounts[posting.account_code].account_class in {"REVENUE", "EXPENSE"}
        code = _RETAINED if passing and posting.on < start else posting.account_code
        year[code] += posting.amount
        if not passing or posting.on >= on.replace(day=1):
            month[code] += posting.amount
    return month, year


def _aged_rows(
    books: Books, contact_id: str, on: date
) -> Iterator[tuple[date, tuple[Decimal, Decimal, Decimal, Decimal], list[str], str]]:
    documents: list[Invoice | Credit] = [
        *(one for one in books.invoices_of(contact_id) if one.kind == "ACCREC"),
        *(one for one in books.credits_of(contact_id) if one.is_sales),
    ]
    for one in sorted(documents, key=lambda each: (each.dated_on, each.record_id)):
        if one.status in {"AUTHORISED", "PAID"}:
            due_on = one.due_on if isinstance(one, Invoice) else None
            texts = [
                day_text(one.dated_on),
                one.number or "",
                day_text(due_on) if due_on else "",
                "",
            ]
            yield one.dated_on, _aged(books, one, on), texts, one.record_id


def _aged(
    books: Books, document: Invoice | Credit, on: date
) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Total, paid, credited and due on a day; credits count against the debt."""
    sign = 1 if isinstance(document, Invoice) else -1
    paid = sum(
        (
            one.amount
            for one in map(books.payments.__getitem__, document.payments)
            if one.paid_on <= on
        ),
        ZERO,
    )
    credited = sum((one.amount for one in document.allocations if one.dated_on <= on), ZERO)
    mode, rate = books.switches.rounding_mode, document.currency_rate
    total, paid, credited = (
        sign * in_base(amount, rate, mode) for amount in (document.totals.total, paid, credited)
    )
    return total, paid, credited, total - paid - credited


def _sides(balance: Decimal) -> tuple[Decimal, Decimal]:
    return (balance, ZERO) if balance >= 0 else (ZERO, -balance)


def _text(value: Decimal) -> str:
    return f"{value:.2f}"


def _text_or_blank(value: Decimal) -> str:
    return _text(value) if value else ""


def _header(names: Iterable[str]) -> Json:
    return {"RowType": "Header", "Cells": [{"Value": name} for name in names]}


def _row(
    values: Iterable[str], *, kind: str = "Row", row_id: str = "", id_name: str = "invoiceID"
) -> Json:
    attributes: Json = {"Attributes": [{"Id": id_name, "Value": row_id}]} if row_id else {}
    return {"RowType": kind, "Cells": [{"Value": value, **attributes} for value in values]}


def _answer(
    call: Call, report_id: str, name: str, titles: list[str], rows: list[Json], on: date
) -> Reply:
    report: Json = {
        "ReportID": report_id,
        "ReportName": name,
        "ReportType": report_id,
        "ReportTitles": titles,
        "ReportDate": f"{on:%d %B %Y}",
        "UpdatedDateUTC": ms_moment(call.books.clock.now()),
        "Fields": [],
        "Rows": rows,
    }
    return call.answer("Reports", [report])
