"""Contact names that are unique in Xero, and how two of them compare."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

NAME_LIMIT: Final = 255
"""In units of UTF-16, of which an emoji or a rare character has two."""
# The last characters of an id tell records of one org apart best.
_SHORTEST_PART: Final = 6
_LONGEST_SUFFIX: Final = NAME_LIMIT - len(" ()") - 2
"""Leaves room for a character of the name."""
_ANGLE: Final = re.compile(r"[<>]")
_INVISIBLE: Final = frozenset({"Mn", "Me", "Cf", "Cc"})


def name_key(text: str) -> str:
    """Return what two names have in common that Xero may take for one: no case, accent, space."""
    return "".join(fold(text).split())


def fold(text: str) -> str:
    """Return a text without case, accents and invisible characters."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(
        one for one in folded if one.isspace() or unicodedata.category(one) not in _INVISIBLE
    )


def base_name(text: str) -> str:
    """Return a name as Xero takes it: no angle brackets, single spaces, at most 255 characters."""
    return _cut(" ".join(_ANGLE.sub("", text).split()), NAME_LIMIT)


def suffixed_name(base: str, suffix: str) -> str:
    """Return 'base (suffix)'; a long base is shortened, the suffix never, which must leave room."""
    ending = f" ({suffix})"
    return _cut(base, NAME_LIMIT - _length(ending)) + ending


def suffixed_names(base: str, account_number: str | None, source_id: str) -> Iterator[str]:
    """Return the names to try, in order, when the base belongs to another contact.

    An account number that leaves no room for the name is passed over.
    """
    if account_number and _length(account_number) <= _LONGEST_SUFFIX:
        yield suffixed_name(base, account_number)
    for length in range(_SHORTEST_PART, len(source_id) + 1):
        yield suffixed_name(base, source_id[-length:])


def still_fits(own: str, base: str, account_number: str | None, source_id: str) -> bool:
    """Tell whether a name given earlier still says what the record is called now."""
    return own == base or own in suffixed_names(base, account_number, source_id)


def has_suffix(name: str, key: str) -> bool:
    """Tell whether a name is one with this key and a suffix; those of long names may not show."""
    return name_key(name).startswith(f"{key}(")


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(_units(text)) // 2


def _cut(text: str, most: int) -> str:
    """Return a text of so many units at most; no character is cut in two."""
    if _length(text) > most:
        text = _units(text)[: 2 * most].decode("utf-16-le", errors="ignore")
    return text.rstrip()


def _units(text: str) -> bytes:
    return text.encode("utf-16-le", errors="surrogatepass")
