"""`sfxero sandbox bookkeeper`: what people do inside Xero."""

from typing import Annotated

import typer

from sfxero.cli.sandbox_calls import DEFAULT_URL, UrlOption, call, fields_of, pick, show, stop

app = typer.Typer(name="bookkeeper", no_args_is_help=True, help="What people do inside Xero.")

InvoiceArgument = Annotated[str, typer.Argument(help="Invoice number or InvoiceID.")]
ContactArgument = Annotated[str, typer.Argument(help="Contact name or ContactID.")]
AmountOption = Annotated[str | None, typer.Option(help="All that is owed, if not given.")]
FieldsOption = Annotated[list[str], typer.Option("--set", help="Field=value, as Xero names it.")]


@app.command()
def pay(
    invoice: InvoiceArgument, *, amount: AmountOption = None, url: UrlOption = DEFAULT_URL
) -> None:
    """Pay an invoice."""
    _on_invoice(url, invoice, "pay", {} if amount is None else {"amount": amount})


@app.command(name="part-pay")
def part_pay(
    invoice: InvoiceArgument,
    *,
    amount: Annotated[str, typer.Option(help="Less than is owed.")],
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Pay a part of an invoice."""
    _on_invoice(url, invoice, "pay", {"amount": amount})


@app.command(name="delete-payment")
def delete_payment(
    payment: Annotated[str, typer.Argument(help="PaymentID.")], *, url: UrlOption = DEFAULT_URL
) -> None:
    """Delete a payment; its invoice is open again."""
    show(call(url, "POST", f"/xero/payments/{payment}/delete"))


@app.command()
def credit(
    invoice: InvoiceArgument, *, amount: AmountOption = None, url: UrlOption = DEFAULT_URL
) -> None:
    """Credit an invoice by a credit note."""
    _on_invoice(url, invoice, "credit", {} if amount is None else {"amount": amount})


@app.command()
def void(invoice: InvoiceArgument, *, url: UrlOption = DEFAULT_URL) -> None:
    """Void an invoice."""
    _on_invoice(url, invoice, "void", None)


@app.command()
def edit(invoice: InvoiceArgument, *, fields: FieldsOption, url: UrlOption = DEFAULT_URL) -> None:
    """Change fields of an invoice."""
    _on_invoice(url, invoice, "edit", fields_of(fields))


@app.command()
def archive(contact: ContactArgument, *, url: UrlOption = DEFAULT_URL) -> None:
    """Archive a contact."""
    show(call(url, "POST", f"/xero/contacts/{_contact_id(url, contact)}/archive"))


@app.command()
def merge(
    contact: ContactArgument,
    *,
    into: Annotated[str, typer.Option(help="The contact that stays.")],
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Merge a contact into another one."""
    order = {"into": _contact_id(url, into)}
    show(call(url, "POST", f"/xero/contacts/{_contact_id(url, contact)}/merge", body=order))


@app.command()
def lock(
    *,
    period: Annotated[str | None, typer.Option(help="Lock up to this day, YYYY-MM-DD.")] = None,
    year_end: Annotated[str | None, typer.Option(help="Lock for advisers too.")] = None,
    unlock: Annotated[bool, typer.Option("--unlock", help="Take both locks away.")] = False,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Lock a period."""
    if not unlock and period is None and year_end is None:
        stop("Give --period, --year-end or --unlock.")
    show(call(url, "POST", "/xero/lock", body={"period": period, "year_end": year_end}))


@app.command()
def disconnect(*, url: UrlOption = DEFAULT_URL) -> None:
    """Disconnect all apps from the organisation."""
    show(call(url, "POST", "/xero/disconnect"))


@app.command()
def reconnect(*, url: UrlOption = DEFAULT_URL) -> None:
    """Connect the apps again."""
    show(call(url, "POST", "/xero/reconnect"))


def _on_invoice(url: str, invoice: str, action: str, body: dict[str, object] | None) -> None:
    rows = call(url, "GET", "/state", query={"full": "1"})["xero"]["invoice_rows"]
    key = pick(rows, invoice, by=("invoice_id", "number"), what="invoices")
    show(call(url, "POST", f"/xero/invoices/{key}/{action}", body=body))


def _contact_id(url: str, contact: str) -> str:
    rows = call(url, "GET", "/state", query={"full": "1"})["xero"]["contact_rows"]
    return pick(rows, contact, by=("contact_id", "name"), what="contacts")
