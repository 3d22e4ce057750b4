"""Staged numbers that are finer than their field says: how they are kept beside it.

A field has so many decimals, and its column as many; yet the API takes more, and formulas give
more. The column then holds the number rounded, as the org shows it, and this text the exact one.
"""

from typing import Final

FINER: Final = "(finer)"
"""Name of the column; null where a record has no such number."""


def piece_before(path: str) -> str:
    """Return what stands before a field's exact number, which ends with the text or a semicolon."""
    return f";{path}="
