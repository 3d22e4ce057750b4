"""The three-way merge: what became of each field since both sides last agreed, in whole columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, flags
from sfxero.mapping.shared_fields import ONE_WAY, Policy

_NOTHING: Final = pa.scalar("", TEXT)


class Verdict(StrEnum):
    """What is to be done about a field of a pair."""

    NOTHING = "nothing"
    """Neither side changed, or what changed is not to flow."""
    AGREED = "agreed"
    """Both sides hold the same now, and did not when they last agreed."""
    TO_XERO = "to_xero"
    TO_SALESFORCE = "to_salesforce"
    ASK = "ask"
    """Both sides changed, and a person decides."""


@dataclass(frozen=True, slots=True)
class Sides:
    """One field of many pairs, aligned; null is an empty field.

    `agreed` are both sides' values when they last agreed: each side is compared with its own, since
    a service may store a value in another form than the one it was given.
    """

    salesforce: pa.Array
    xero: pa.Array
    agreed_salesforce: pa.Array
    agreed_xero: pa.Array

    @classmethod
    def of(cls, *columns: Sequence[str | None]) -> Self:
        """Make them of four lists, in the order of the fields."""
        return cls(*(pa.array(column, TEXT) for column in columns))


@dataclass(frozen=True, slots=True)
class Merged:
    """The verdicts of one field, and where both sides had changed."""

    verdicts: list[Verdict]
    is_conflict: np.ndarray


def merge(
    sides: Sides,
    policy: Policy,
    *,
    is_salesforce_newer: Sequence[bool],
    decided: Sequence[str] | None = None,
    can_be_emptied: bool = True,
) -> Merged:
    """Decide about one field of each pair.

    `is_salesforce_newer` says whose record changed last. `decided` holds a person's words, `xero`,
    `salesforce` or '', for the very values that both sides have now. Where Xero cannot be emptied,
    what it holds fills whatever was emptied in Salesforce, so that both come to hold the same.
    """
    same = _same(sides.salesforce, sides.xero)
    ours = ~_same(sides.salesforce, sides.agreed_salesforce)
    theirs = ~_same(sides.xero, sides.agreed_xero)
    refilled = np.zeros(same.shape, dtype=bool)
    if not can_be_emptied:
        refilled = ~same & (ours | theirs) & _empty(sides.salesforce)
    both = ours & theirs & ~same & ~refilled
    wins_ours, is_open = _mastered(policy, np.array(is_salesforce_newer, dtype=bool))
    if decided is not None:
        words = np.array(decided, dtype="U10")
        wins_ours = np.where(words == "", wins_ours, words == "salesforce")
        is_open = is_open & (words == "")
    flows_back = policy != ONE_WAY
    rules = {
        Verdict.AGREED: same & (ours | theirs),
        Verdict.ASK: both & is_open,
        Verdict.TO_XERO: (ours & ~theirs & ~same & ~refilled) | (both & wins_ours),
        Verdict.TO_SALESFORCE: ((theirs & ~ours & ~same) | (both & ~wins_ours) | refilled)
        & flows_back,
    }
    verdicts = np.select(
        list(rules.values()), [one.value for one in rules], default=Verdict.NOTHING.value
    )
    return Merged([Verdict(one) for one in verdicts.tolist()], both)


def _mastered(policy: Policy, is_salesforce_newer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where Salesforce wins a conflict, and where nobody does yet."""
    shape = is_salesforce_newer.shape
    wins = {
        "newest": is_salesforce_newer,
        "xero": np.zeros(shape, dtype=bool),
    }.get(policy, np.ones(shape, dtype=bool))
    return wins, np.full(shape, policy == "ask")


def _empty(values: pa.Array) -> np.ndarray:
    return flags(pc.is_null(values))


def _same(left: pa.Array, right: pa.Array) -> np.ndarray:
    return flags(pc.equal(pc.fill_null(left, _NOTHING), pc.fill_null(right, _NOTHING)))
