"""Evidence: the keys of both sides as numbers, so that whole columns of pairs compare at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, map_unique
from sfxero.mapping.matching import keys

Numbers: TypeAlias = "np.ndarray[Any, Any]"
NONE: Final = -1
_BLANK: Final = pa.scalar(" ", TEXT)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of both sides: the same number where it is the same, -1 where there is none."""

    accounts: Numbers
    contacts: Numbers
    is_shared: Numbers
    """By number: whether several accounts, or several active contacts, have it."""

    def same(self, left: Numbers, right: Numbers) -> Numbers:
        """Say of pairs whether both have it, and the same."""
        mine = self.accounts[left]
        same: Numbers = (mine == self.contacts[right]) & (mine != NONE)
        return same

    def differs(self, left: Numbers, right: Numbers) -> Numbers:
        """Say of pairs whether both have it, and not the same."""
        mine, theirs = self.accounts[left], self.contacts[right]
        differs: Numbers = (mine != theirs) & (mine != NONE) & (theirs != NONE)
        return differs

    def shared(self, left: Numbers) -> Numbers:
        """Say of accounts whether others have it, too."""
        shared: Numbers = self.is_shared[self.accounts[left]]
        return shared


class Evidence:
    """All keys of both sides."""

    def __init__(self, accounts: pa.Table, contacts: pa.Table) -> None:
        """Both tables have the columns of `sides`."""
        self.sides = (accounts, contacts)
        active = pc.equal(contacts["status"], pa.scalar("ACTIVE", TEXT))
        self.is_active: Numbers = active.to_numpy()
        self.words = self._columns("name", keys.words_of)
        self.name = self._key(*(_without_blanks(one) for one in self.words))
        self.digits = self._key(*(map_unique(one, keys.numbers_in) for one in self.words))
        self.owner = self._key(
            self._column(0, "id"), self._column(1, "contact_number", keys.account_id)
        )
        numbers = self._column(0, "account_number", keys.number_key)
        self.account_number = self._key(numbers, self._column(1, "account_number", keys.number_key))
        self.contact_number = self._key(numbers, self._column(1, "contact_number", keys.number_key))
        self.tax_number = self._key(*self._columns("tax_number", keys.tax_number_key))
        self.email = self._key(*self._columns("email", keys.email_key))
        self.domain = self._key(*map(self._domains, (0, 1)))
        self.phone = self._key(*self._columns("phone", keys.phone_key))
        codes = self._columns("postal_code", keys.number_key)
        self.place = self._key(*map(_joined, codes, self._columns("city", keys.street_key)))
        self.address = self._key(*map(_joined, codes, self._columns("street", keys.street_key)))
        self.start = self._key(*(pc.utf8_slice_codeunits(one, 0, 6) for one in self.words))
        self.end = self._key(*(pc.utf8_slice_codeunits(one, -6) for one in self.words))

    def _columns(
        self, name: str, function: Callable[[str], str | None]
    ) -> tuple[pa.Array, pa.Array]:
        return self._column(0, name, function), self._column(1, name, function)

    def _column(
        self, side: int, name: str, function: Callable[[str], str | None] | None = None
    ) -> pa.Array:
        column = self.sides[side].column(name).combine_chunks()
        return column if function is None else map_unique(column, function)

    def _domains(self, side: int) -> pa.Array:
        """Return the domain of the e-mail, else that of the web address."""
        of_email, of_website = (
            self._column(side, name, keys.domain_of) for name in ("email", "website")
        )
        return pc.coalesce(of_email, of_website)

    def _key(self, accounts: pa.Array, contacts: pa.Array) -> Key:
        encoded = pc.dictionary_encode(pa.concat_arrays([accounts, contacts]))
        numbers: Numbers = pc.fill_null(encoded.indices, NONE).to_numpy()
        mine, theirs = numbers[: len(accounts)], numbers[len(accounts) :]
        size = len(encoded.dictionary) + 1  # the last stands for none
        counts = [_counts(mine, size), _counts(theirs[self.is_active], size)]
        return Key(mine, theirs, (counts[0] > 1) | (counts[1] > 1))


def _counts(numbers: Numbers, size: int) -> Numbers:
    counts: Numbers = np.bincount(numbers[numbers != NONE], minlength=size)
    return counts


def _without_blanks(words: pa.Array) -> pa.Array:
    return pc.replace_substring(words, " ", "")


def _joined(first: pa.Array, second: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(first, second, _BLANK)
