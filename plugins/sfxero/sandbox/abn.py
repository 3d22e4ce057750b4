"""Australian business numbers: eleven digits, the first two of which check the others."""

import random

_ABN_WEIGHTS = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)


def make_abn(chance: random.Random) -> str:
    """Return the 11 digits of a valid ABN."""
    digits = [chance.randrange(10) for _ in range(9)]
    checked = sum(w * d for w, d in zip(_ABN_WEIGHTS[2:], digits, strict=True))
    return f"{99 - checked % 89}" + "".join(map(str, digits))


def is_abn(text: str) -> bool:
    """Return whether the text is an ABN with a right checksum, spaces aside."""
    digits = text.replace(" ", "")
    if len(digits) != 11 or not (digits.isascii() and digits.isdigit()):
        return False
    total = sum(w * int(d) for w, d in zip(_ABN_WEIGHTS, digits, strict=True))
    return (total - _ABN_WEIGHTS[0]) % 89 == 0
