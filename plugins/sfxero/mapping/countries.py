"""Countries and their states (ISO 3166) by the codes and names that people write."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sfxero.mapping.names import name_key

if TYPE_CHECKING:
    from pycountry.db import Data

# What ISO does not call them, as a key of `_key`.
_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "uk": "GB",
        "greatbritain": "GB",
        "england": "GB",
        "scotland": "GB",
        "wales": "GB",
        "northernireland": "GB",
        "holland": "NL",
        "russia": "RU",
        "turkey": "TR",
    }
)


class NotJudged(Exception):
    """A function of a country knows no rule for the text there."""


def country_code(text: str) -> str | None:
    """Return the two capitals of a country, by its code or name in English; None if unknown."""
    key = _key(text)
    found = _countries()
    return found.get(key) or found.get(key.removeprefix("the"))


def state_code(text: str, country: str) -> str:
    """Return the code of a state, such as `NSW`, by its code or name; NotJudged if unknown."""
    return _find_state(text, country)[0]


def state_name(text: str, country: str) -> str:
    """Return the name of a state, such as `New South Wales`, likewise."""
    return _find_state(text, country)[1]


def _find_state(text: str, country: str) -> tuple[str, str]:
    found = _states(country_code(country) or "").get(_key(text))
    if found is None:
        raise NotJudged
    return found


def _key(text: str) -> str:
    return name_key(text.replace(".", ""))


@cache
def _countries() -> dict[str, str]:
    import pycountry  # its tables take their time

    keys = ("alpha_2", "alpha_3", "name", "official_name", "common_name")
    found = dict(_OTHER_NAMES)
    for one in pycountry.countries:
        fields = dict(one)
        found |= {_key(fields[key]): one.alpha_2 for key in keys if key in fields}
    return found


@cache
def _states(country: str) -> dict[str, tuple[str, str]]:
    """Return code and name of a country's states, by what each may be called."""
    import pycountry

    by_name: dict[str, list[Data]] = defaultdict(list)
    states = [one for one in pycountry.subdivisions if one.country_code == country]
    for one in states:
        by_name[_key(_name(one))].append(one)
    found = {}
    for key, ones in by_name.items():
        # A province and a part of it can have one name; two equals would be a guess.
        highest = [one for one in ones if one.parent_code is None] or ones
        if len(highest) == 1:
            found[key] = _told(highest[0])
    return found | {_key(_told(one)[0]): _told(one) for one in states}


def _told(state: "Data") -> tuple[str, str]:
    return state.code.partition("-")[2], _name(state)


def _name(state: "Data") -> str:
    """Return a name without what ISO puts behind it in brackets: the same in another language."""
    name: str = state.name.partition(" [")[0]
    return name
