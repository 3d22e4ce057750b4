"""Takes secrets out of texts that come from outside, before they reach an error or a log."""

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
_LONGEST = 300
_PATTERNS: Final = (
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=!-]+", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{MASK}@"),
    (re.compile(r"(https?://[^\s?#]+)[?#]\S*", re.IGNORECASE), rf"\1?{MASK}"),
    (
        re.compile(
            r"(?i)\b(access_token|refresh_token|id_token|client_secret|password|assertion|session_?id)"
            r"([\"']?\s*[:=]\s*[\"']?)[^\"'&,\s}]+"
        ),
        rf"\1\2{MASK}",
    ),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` in one short line without the given secrets and what looks like one."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    for pattern, mask in _PATTERNS:
        text = pattern.sub(mask, text)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
