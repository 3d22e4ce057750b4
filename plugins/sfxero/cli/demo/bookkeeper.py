"""The bookkeeper of the demo: pays some invoices, so that there is something to show."""

from decimal import Decimal
from typing import Final

import httpx

PAID_WHOLE: Final = 20
PAID_HALF: Final = 10
_CENT: Final = Decimal("0.01")


def pay_some(sandbox_url: str) -> int:
    """Pay some invoices whole and some by half through the control plane; returns how many."""
    with httpx.Client(base_url=f"{sandbox_url}/_sandbox", timeout=60) as http:
        state = http.get("/state", params={"full": 1}).raise_for_status().json()["xero"]
        owed = [one for one in state["invoice_rows"] if Decimal(one["amount_due"]) > _CENT]
        chosen = sorted(owed, key=lambda one: str(one["number"]))[: PAID_WHOLE + PAID_HALF]
        for place, invoice in enumerate(chosen):
            due = Decimal(invoice["amount_due"])
            amount = due if place < PAID_WHOLE else (due / 2).quantize(_CENT)
            path = f"/xero/invoices/{invoice['invoice_id']}/pay"
            http.post(path, json={"amount": format(amount, "f")}).raise_for_status()
    return len(chosen)
