"""Rules for invoice lines (xero-api, 5.2 to 5.4)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from sfxero.sandbox.xero.amounts import (
    FOUR,
    HUNDRED,
    cents,
    discount_of,
    expected_amount,
    gross_amount,
    taxed,
)
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.fields import Fields
from sfxero.sandbox.xero.models import Line, new_id, shared_number, shared_text
from sfxero.sandbox.xero.replies import Json
from sfxero.sandbox.xero.settings_seed import Account

MOST_TRACKING = 2
_SHARED_LENGTH = 200


@dataclass(frozen=True, slots=True)
class LineRules:
    """What the document around a line decides for it."""

    books: Books
    kind: str
    types: str
    unit_decimals: Decimal
    needs_account: bool

    @property
    def is_sale(self) -> bool:
        """Whether the document concerns a customer."""
        return self.kind.startswith(("ACCREC", "RECEIVE"))

    @property
    def mode(self) -> str:
        """The rounding mode."""
        return self.books.switches.rounding_mode


def read_lines(
    rows: list[Json], old: tuple[Line, ...], rules: LineRules
) -> tuple[tuple[Line, ...], list[str]]:
    """Read all lines; lines of the old document that are not sent are gone."""
    known = {line.line_id: line for line in old}
    lines: list[Line] = []
    errors: list[str] = []
    for row in rows:
        fields = Fields(row)
        line = _read(fields, known.get(fields.guid("LineItemID") or ""), rules)
        errors += [*fields.errors, *_reference_errors(line, rules)]
        lines.append(line)
    return tuple(lines), errors


def checked_again(
    lines: tuple[Line, ...], rules: LineRules, *, same_types: bool
) -> tuple[tuple[Line, ...], list[str]]:
    """Lines that were not sent, under a document that may have become stricter."""
    again = lines if same_types else tuple(_taxed_again(line, rules) for line in lines)
    return again, [error for line in again for error in _reference_errors(line, rules)]


def _taxed_again(line: Line, rules: LineRules) -> Line:
    line = replace(line, tax_type=_tax_type(Fields({}), line, rules))
    rates, types, mode = rules.books.tax_rates, rules.types, rules.mode
    return taxed(line, rates, types=types, mode=mode, override=None)


def _read(fields: Fields, old: Line | None, rules: LineRules) -> Line:
    base = _with_item(fields, old or Line(new_id()), rules)
    line = replace(
        base,
        description=fields.text("Description", base.description, longest=4000),
        quantity=fields.number("Quantity", base.quantity),
        unit_amount=fields.number("UnitAmount", base.unit_amount),
        discount_rate=fields.number("DiscountRate", base.discount_rate),
        discount_amount=fields.number("DiscountAmount", base.discount_amount),
        item_code=fields.text("ItemCode", base.item_code, longest=30),
        account_code=_account_code(fields, base, rules.books),
        tracking=_tracking(fields, base, rules.books),
    )
    line = _priced(fields, line, rules)
    line = replace(line, tax_type=_tax_type(fields, line, rules))
    override = fields.number("TaxAmount")
    rates, types, mode = rules.books.tax_rates, rules.types, rules.mode
    return _compact(taxed(line, rates, types=types, mode=mode, override=override))


def _with_item(fields: Fields, base: Line, rules: LineRules) -> Line:
    """What the line leaves out comes from its item, when that is new to the line."""
    item = rules.books.items.get(fields.text("ItemCode") or "")
    if item is None or item.code == base.item_code or not rules.is_sale:
        return base
    return replace(
        base,
        description=base.description or item.name,
        unit_amount=item.unit_price,
        account_code=item.account_code,
        tax_type=item.tax_type,
    )


def _compact(line: Line) -> Line:
    """Equal numbers and short texts are kept once, so that big books stay small."""
    description = line.description
    if description is not None and len(description) <= _SHARED_LENGTH:
        description = shared_text(description)
    return replace(
        line,
        description=description,
        quantity=_shared(line.quantity),
        unit_amount=_shared(line.unit_amount),
        line_amount=_shared(line.line_amount),
        tax_amount=shared_number(line.tax_amount, str(line.tax_amount)),
        item_code=line.item_code and shared_text(line.item_code),
        account_code=line.account_code and shared_text(line.account_code),
        tax_type=line.tax_type and shared_text(line.tax_type),
    )


def _shared(value: Decimal | None) -> Decimal | None:
    return None if value is None else shared_number(value, str(value))


def _priced(fields: Fields, line: Line, rules: LineRules) -> Line:
    """Round quantity and price, fill in what follows from the rest, check the amount."""
    sent, mode = fields.number("LineAmount"), rules.mode
    quantity, unit = line.quantity, line.unit_amount
    if quantity is None and unit is None and sent is None:
        if not line.description:
            fields.errors.append("Description may not be empty on a line without an amount.")
        return replace(line, line_amount=None)
    quantity = (Decimal(1) if quantity is None else quantity).quantize(FOUR, rounding=mode)
    if unit is None:
        unit = (sent or Decimal(0)) / quantity if quantity else Decimal(0)
    unit = unit.quantize(rules.unit_decimals, rounding=mode)
    line = _discounted(fields, replace(line, quantity=quantity, unit_amount=unit), rules)
    expected = expected_amount(line, mode)
    if sent is not None and sent != expected:
        fields.errors.append(
            f"The line total {sent:f} does not match the expected line total {expected:f}"
        )
    return replace(line, line_amount=expected)


def _discounted(fields: Fields, line: Line, rules: LineRules) -> Line:
    rate, amount = line.discount_rate, line.discount_amount
    if not rate and not amount:
        return replace(line, discount_rate=None, discount_amount=None)
    if rules.kind != "ACCREC":
        fields.errors.append("Discounts can only be given on sales invoices.")
    rate = rate.quantize(FOUR, rounding=rules.mode) if rate is not None else None
    amount = cents(amount, rules.mode) if amount is not None else None
    line = replace(line, discount_rate=rate, discount_amount=amount)
    if not _is_fair_discount(line):
        given = rate if rate is not None else amount
        fields.errors.append(
            f"The discount rate '{given:f}' is invalid. "
            "Discount must not be greater than the line total."
        )
    return line


def _is_fair_discount(line: Line) -> bool:
    if line.discount_rate is not None:
        return 0 <= line.discount_rate <= HUNDRED
    return 0 <= discount_of(line) <= max(gross_amount(line), Decimal(0))


def _account_code(fields: Fields, base: Line, books: Books) -> str | None:
    account_id = fields.guid("AccountID")
    if account_id is None:
        return fields.text("AccountCode", base.account_code)
    return books.account_codes.get(account_id, account_id)


def _tracking(fields: Fields, base: Line, books: Books) -> tuple[tuple[str, str], ...]:
    rows = fields.rows("Tracking")
    if rows is None:
        return base.tracking
    if len(rows) > MOST_TRACKING:
        fields.errors.append(f"A line may have at most {MOST_TRACKING} tracking categories.")
    found = []
    for row in map(Fields, rows):
        name, option = row.text("Name") or "", row.text("Option") or ""
        if option not in books.tracking.get(name, ()):
            fields.errors.append(f"The tracking category '{name}' has no option '{option}'.")
        found.append((name, option))
    return tuple(found)


def _tax_type(fields: Fields, line: Line, rules: LineRules) -> str | None:
    """What was sent, else the account's default; without tax there is no type to keep."""
    if line.line_amount is None:
        return None
    if rules.types == "NoTax":
        return "NONE"
    sent = fields.text("TaxType", None if line.tax_type == "NONE" else line.tax_type)
    account = rules.books.accounts.get(line.account_code or "")
    return sent or (account.tax_type if account else None)


def _reference_errors(line: Line, rules: LineRules) -> Iterator[str]:
    books = rules.books
    if line.item_code and line.item_code not in books.items:
        yield f"Item code '{line.item_code}' is not valid"
    if line.line_amount is None:
        return
    account = books.accounts.get(line.account_code or "")
    if line.account_code is None:
        if rules.needs_account:
            yield "Account code or ID must be specified"
    elif account is None or not account.fits_lines:
        yield f"Account code '{line.account_code}' is not a valid code for this document."
    elif account.status != "ACTIVE":
        yield (
            f"Account code '{account.code}' has been archived, or has been deleted. "
            "Each line item must reference a valid account."
        )
    yield from _tax_errors(line, account, rules)


def _tax_errors(line: Line, account: Account | None, rules: LineRules) -> Iterator[str]:
    if rules.types == "NoTax":
        return
    if line.tax_type is None:
        if rules.needs_account:
            yield "The TaxType field is mandatory"
        return
    rate = rules.books.tax_rates.get(line.tax_type)
    if rate is None:
        yield f"The TaxType code '{line.tax_type}' does not exist or cannot be used."
    elif account and account.account_class not in rate.classes:
        yield (
            f"The TaxType code '{line.tax_type}' cannot be used with account code '{account.code}'."
        )
