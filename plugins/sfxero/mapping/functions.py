"""Named functions that a field rule may apply; each sees every distinct text once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from stdnum.au import abn as australian_business_number

_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015]+")


@dataclass(frozen=True, slots=True)
class NamedFunction:
    """`call` gives the value for Xero, or None for one that cannot be used, by `rule`."""

    call: Callable[[str], str | None]
    rule: str
    hint: str


def trim(text: str) -> str:
    """Return the text with each run of white space as one space."""
    return " ".join(text.split())


def upper(text: str) -> str:
    """Return the text in capitals."""
    return text.upper()


def abn(text: str) -> str | None:
    """Return an Australian Business Number as 11 digits, or None if its checksum is wrong."""
    digits = _SEPARATORS.sub("", text)
    return digits if australian_business_number.is_valid(digits) else None


FUNCTIONS: Final[Mapping[str, NamedFunction]] = {
    "trim": NamedFunction(trim, "text_invalid", "Give the field a text."),
    "upper": NamedFunction(upper, "text_invalid", "Give the field a text."),
    "abn": NamedFunction(
        abn, "abn_invalid", "Correct the ABN in Salesforce: 11 digits with a valid checksum."
    ),
}
