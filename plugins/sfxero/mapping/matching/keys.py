"""Keys: what two spellings of a name, number, address or domain have in common."""

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from sfxero.mapping.names import fold, name_key
from sfxero.model.ids import SourceId, to_18

COMPANY_FORMS: Final = frozenset(
    {
        "ab", "ag", "aps", "as", "asa", "bhd", "bv", "co", "company", "corp", "corporation",
        "doo", "gmbh", "inc", "incorporated", "kft", "kg", "kk", "limited", "llc", "llp", "lp",
        "ltd", "ltda", "mbh", "nv", "ohg", "oy", "oyj", "plc", "proprietary", "pte", "pty", "pvt",
        "sa", "sarl", "sas", "sdn", "se", "spa", "srl", "sro", "ug", "zrt",
    }
)  # fmt: skip
"""Words at the end of a name that tell a company's form and not which company it is."""

FREE_MAIL: Final = frozenset(
    {
        "126.com", "163.com", "aapt.net.au", "adam.com.au", "aol.com", "bigpond.com",
        "bigpond.com.au", "bigpond.net.au", "btinternet.com", "comcast.net", "dodo.com.au",
        "duck.com", "fastmail.com", "fastmail.fm", "free.fr", "gmail.com", "gmx.at", "gmx.com",
        "gmx.de", "gmx.net", "googlemail.com", "hey.com", "hotmail.co.uk", "hotmail.com",
        "hotmail.com.au", "hotmail.fr", "icloud.com", "iinet.net.au", "inbox.com",
        "internode.on.net", "laposte.net", "libero.it", "live.co.uk", "live.com", "live.com.au",
        "mac.com", "mail.com", "mail.ru", "me.com", "msn.com", "naver.com", "netspace.net.au",
        "ntlworld.com", "optusnet.com.au", "orange.fr", "outlook.com", "outlook.com.au",
        "ozemail.com.au", "pm.me", "proton.me", "protonmail.com", "qq.com", "rediffmail.com",
        "rocketmail.com", "sbcglobal.net", "sky.com", "skymesh.com.au", "slingshot.co.nz",
        "spin.net.au", "t-online.de", "talktalk.net", "telstra.com", "tpg.com.au", "tutanota.com",
        "verizon.net", "virginmedia.com", "vodafone.co.nz", "wanadoo.fr", "web.de",
        "westnet.com.au", "xtra.co.nz", "y7mail.com", "yahoo.co.nz", "yahoo.co.uk", "yahoo.com",
        "yahoo.com.au", "yahoo.de", "yahoo.fr", "yandex.ru", "ymail.com", "zoho.com",
    }
)  # fmt: skip
"""Domains under which anybody has an address: they say nothing about who it is."""

_STREET_WORDS: Final = {
    "avenue": "ave", "boulevard": "blvd", "circuit": "cct", "close": "cl", "court": "ct",
    "crescent": "cres", "drive": "dr", "esplanade": "esp", "highway": "hwy", "lane": "ln",
    "level": "lvl", "parade": "pde", "place": "pl", "road": "rd", "square": "sq", "street": "st",
    "suite": "ste", "terrace": "tce",
}  # fmt: skip
_ACCOUNT_ID: Final = re.compile(r"001[A-Za-z0-9]{12}([A-Za-z0-9]{3})?")
_JOINED: Final = re.compile("[.'`\u00b4\u2019]")
_PARTING: Final = re.compile(r"[\W_]+")
_PRIVATE_LIMITED: Final = re.compile(r"\bp/l\b")
_NOT_ALPHANUMERIC: Final = re.compile(r"[^0-9a-z]+")
_DIGITS: Final = re.compile(r"\d+")
_PHONE_DIGITS: Final = 9
_SHORTEST_PHONE: Final = 8
_SHORTEST_TAX_NUMBER: Final = 6


def words_of(name: str) -> str | None:
    """Return a name's own words: no case, accent, punctuation, article or company form."""
    text = _PRIVATE_LIMITED.sub("pty ltd", fold(name)).replace("&", " and ").replace("+", " and ")
    words = _PARTING.sub(" ", _JOINED.sub("", text)).split()
    kept = words[1:] if len(words) > 1 and words[0] == "the" else words
    while len(kept) > 1 and kept[-1] in COMPANY_FORMS:
        kept = kept[:-1]
        if len(kept) > 1 and kept[-1] == "and":  # of "& Co"
            kept = kept[:-1]
    return " ".join(kept) or None


def patterns_of(name: str) -> list[str]:
    """Return a name's own words as patterns for LIKE, which takes each letter for itself.

    What joins letters in the name may stand in them or not, as may a letter's accent. 'and' is left
    out, since it may be a sign.
    """
    letters, told = _lettered(name)
    found, start = [], 0
    for word in (words_of(name) or "").split():
        at = letters.find(word, start)
        if word != "and" and at >= 0:
            start = at + len(word)
            found.append("".join(told[at:start]))
    return found


def _lettered(name: str) -> tuple[str, list[str]]:
    """Return a name's letters as `words_of` has them, and of each what finds it in a text."""
    letters = ""
    told: list[str] = []
    for one in unicodedata.normalize("NFC", name).lower():
        if _JOINED.fullmatch(one):
            told[-1:] = [f"{last}%" for last in told[-1:]]
            continue
        key = fold(one)
        is_marked = key.isascii() and not one.isascii()
        letters += key
        told += [("%" if is_marked else one) if place == 0 else "" for place in range(len(key))]
    return letters, told


def numbers_in(words: str) -> str:
    """Return the numbers of a name: 'store 12' and 'store 13' are alike and not the same."""
    return " ".join(_DIGITS.findall(words))


def tax_number_key(text: str) -> str | None:
    """Return a tax number without spaces and a leading 'ABN'; None for a stopgap such as 0."""
    key = _NOT_ALPHANUMERIC.sub("", text.lower()).removeprefix("abn")
    return key if len(key) >= _SHORTEST_TAX_NUMBER and len(set(key)) > 1 else None


def number_key(text: str) -> str | None:
    """Return an account number without case and spaces."""
    return name_key(text) or None


def account_id(text: str) -> SourceId | None:
    """Return the id of an account, in 18 characters; None if the text is none."""
    return to_18(text.strip()) if _ACCOUNT_ID.fullmatch(text.strip()) else None


def email_key(text: str) -> str | None:
    """Return an address without case; None if it is none."""
    key = text.strip().lower()
    return key if "@" in key else None


def domain_of(text: str) -> str | None:
    """Return the domain of an e-mail or web address, unless anybody may have it."""
    key = text.strip().lower()
    if "@" in key:
        domain = key.rpartition("@")[2]
    else:
        try:
            domain = urlsplit(key if "//" in key else f"//{key}").hostname or ""
        except ValueError:
            return None
        domain = domain.removeprefix("www.")
    return domain if "." in domain and domain not in FREE_MAIL else None


def phone_key(text: str) -> str | None:
    """Return the last digits of a phone number, which all its spellings share."""
    digits = "".join(_DIGITS.findall(text))
    return digits[-_PHONE_DIGITS:] if len(digits) >= _SHORTEST_PHONE else None


def street_key(text: str) -> str | None:
    """Return a street without case, punctuation and long forms."""
    words = _PARTING.sub(" ", fold(text)).split()
    return "".join(_STREET_WORDS.get(word, word) for word in words) or None
