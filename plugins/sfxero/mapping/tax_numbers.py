"""Tax numbers, each by the check of its country."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sfxero.mapping.countries import NotJudged, country_code

if TYPE_CHECKING:
    from stdnum.util import NumberValidationModule

_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015]+")
# Where the library has no number of the kind that it calls "vat".
_OTHER_KINDS: Final[Mapping[str, str]] = MappingProxyType({"US": "ein"})
_GREECE: Final = ("GR", "EL")
# Of Northern Ireland, which has a prefix of its own in the European Union.
_NORTHERN_IRELAND: Final = "XI"


def tax_number(text: str, country: str) -> str | None:
    """Return a tax number without separators, or None if it is none of its country.

    Numbers of the European Union have the prefix of their country. `country` is a code or a name;
    NotJudged is raised for one that is not known, or whose numbers are not.
    """
    from stdnum.exceptions import ValidationError

    code = country_code(country) or ""
    number, check = _with_check(_SEPARATORS.sub("", text).upper(), code)
    if check is None:
        raise NotJudged
    try:
        found: str = check.validate(number)
    except ValidationError:
        return None
    return found


def _with_check(number: str, code: str) -> "tuple[str, NumberValidationModule | None]":
    """Return a number as its check wants it, and the check; None if there is none."""
    from stdnum.eu import vat as of_union
    from stdnum.util import get_cc_module

    if code == "GB" and number.startswith(_NORTHERN_IRELAND):
        return number, of_union
    if code.lower() not in of_union.MEMBER_STATES:
        return number, get_cc_module(code, _OTHER_KINDS.get(code, "vat")) if code else None
    known = _GREECE if code in _GREECE else (code,)
    given = next((one for one in known if number.startswith(one)), "")
    return known[-1] + number.removeprefix(given), of_union
