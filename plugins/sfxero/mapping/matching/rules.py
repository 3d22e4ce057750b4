"""The rules of matching: what speaks for a pair, what against it, and with how many points."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ACCEPT: Final = 80
"""From here on a pair is taken, if nothing else comes near it."""
REVIEW: Final = 25
"""From here on a person is asked."""
NEAR: Final = 20
"""Two pairs that are no further apart than this are ambiguous."""
SIMILAR: Final = 90
ALIKE: Final = 80
UNLIKE: Final = 55
"""How alike two names are, of 100, as written or with their words in order (rapidfuzz)."""


class Decision(StrEnum):
    """What matching says of a pair, or of an account without one."""

    ACCEPT = "accept"
    REVIEW = "review"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason, with its points."""

    name: str
    points: int


CONTACT_NUMBER: Final = Rule("contact_number", 200)
TAX_NUMBER: Final = Rule("tax_number", 60)
TAX_NUMBER_SHARED: Final = Rule("tax_number_shared", 20)
ACCOUNT_NUMBER: Final = Rule("account_number", 40)
EMAIL: Final = Rule("email", 40)
EMAIL_SHARED: Final = Rule("email_shared", 5)
DOMAIN: Final = Rule("domain", 20)
DOMAIN_SHARED: Final = Rule("domain_shared", 5)
NAME: Final = Rule("name", 40)
NAME_SIMILAR: Final = Rule("name_similar", 20)
NAME_ALIKE: Final = Rule("name_alike", 10)
ADDRESS: Final = Rule("address", 20)
PLACE: Final = Rule("place", 5)
PHONE: Final = Rule("phone", 15)
NAME_DIFFERS: Final = Rule("name_differs", -20)
TAX_NUMBER_DIFFERS: Final = Rule("tax_number_differs", -60)
NUMBER_OF_ANOTHER: Final = Rule("number_of_another", -200)

RULES: Final = (
    CONTACT_NUMBER, TAX_NUMBER, TAX_NUMBER_SHARED, ACCOUNT_NUMBER, EMAIL, EMAIL_SHARED, DOMAIN,
    DOMAIN_SHARED, NAME, NAME_SIMILAR, NAME_ALIKE, ADDRESS, PLACE, PHONE, NAME_DIFFERS,
    TAX_NUMBER_DIFFERS, NUMBER_OF_ANOTHER,
)  # fmt: skip
"""All of them, in the order in which reasons are told."""
