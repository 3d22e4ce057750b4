"""Xero's addresses ignore case: Xero's own Python client asks for `/Connections`."""

from collections.abc import Mapping

from sfxero.sandbox.strikes import App, Receive, Scope, Send

_KNOWN: Mapping[str, str] = {
    name.lower(): name for name in ("api.xro", "connect", "connections", "identity")
}


class XeroPaths:
    """Writes the first part of a Xero path as the routes do; all other paths pass."""

    def __init__(self, app: App) -> None:
        """Wrap the routes."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            first, slash, rest = scope["path"].removeprefix("/").partition("/")
            known = _KNOWN.get(first.lower())
            if known is not None and known != first:
                scope = {**scope, "path": f"/{known}{slash}{rest}"}
        await self._app(scope, receive, send)
