"""Control of the webhook: what a developer sets in the app's settings."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from sfxero.sandbox.xero.webhooks import CATEGORIES, Webhooks

Category = Literal["CONTACT", "INVOICE", "CREDITNOTE", "PREPAYMENT", "OVERPAYMENT"]


class HookOrder(BaseModel):
    """The receiver; without a key one is made up."""

    model_config = ConfigDict(extra="forbid")

    url: str
    categories: Annotated[tuple[Category, ...], Field(min_length=1)] = CATEGORIES  # type: ignore[assignment]  # the same names
    key: str | None = None
    ca_file: str | None = None


def add_webhook(router: APIRouter, webhooks: Webhooks) -> None:
    """Everything under `/_sandbox/xero/webhook`."""

    @router.get("/webhook")
    async def show() -> dict[str, object]:
        return _state(webhooks)

    @router.put("/webhook")
    async def subscribe(order: HookOrder) -> dict[str, object]:
        try:
            hook = await webhooks.subscribe(
                order.url, frozenset(order.categories), key=order.key, ca_file=order.ca_file
            )
        except (ValueError, OSError) as error:
            raise HTTPException(400, str(error)) from None
        return {**_state(webhooks), "key": hook.key}

    @router.post("/webhook/enable")
    async def enable() -> dict[str, object]:
        await webhooks.enable()
        return _state(webhooks)

    @router.post("/webhook/pump")
    async def pump() -> dict[str, object]:
        await webhooks.pump()
        return _state(webhooks)

    @router.delete("/webhook")
    async def remove() -> dict[str, object]:
        webhooks.reset()
        return _state(webhooks)


def _state(webhooks: Webhooks) -> dict[str, object]:
    hook = webhooks.hook
    state: dict[str, object] = {
        "status": hook.status if hook else "none",
        "pending": webhooks.pending,
        "log": [one.as_json() for one in webhooks.log],
    }
    if hook is not None:
        state |= {
            "url": hook.url,
            "categories": sorted(hook.categories),
            "told_up_to": hook.told_up_to,
            "failing_since": hook.failing_since.isoformat() if hook.failing_since else None,
            "next_at": hook.next_at.isoformat() if hook.next_at else None,
        }
    return state
