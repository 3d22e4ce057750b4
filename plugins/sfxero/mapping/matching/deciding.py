"""Deciding: which pairs are taken, which a person is asked about; never a guess."""

from typing import Final

import numpy as np
import pandas as pd

from sfxero.mapping.matching import rules
from sfxero.mapping.matching.evidence import Numbers
from sfxero.mapping.matching.scoring import PLACE_OF

MOST_SHOWN: Final = 5
"""Candidates of one account that are shown to a person, the best first."""
_NO_RIVAL: Final = -(10**6)


def decide(pairs: pd.DataFrame, held: Numbers, *, is_active: Numbers) -> pd.DataFrame:
    """Add to pairs (account, contact, score) whether each is accepted, and what comes near it.

    `pair` is a pair's place among those given. Other candidates of the same account are near,
    other accounts of the same contact are rivals. Of each account the accepted pair remains, else
    the best few. The order of the pairs does not matter.
    """
    is_kept = _is_kept(pairs, held[:, PLACE_OF[rules.CONTACT_NUMBER]])
    pairs, held = pairs[is_kept], held[is_kept]
    rank, has_near = _standing(pairs, "account")
    _, has_rival = _standing(pairs, "contact")
    decided = pairs.assign(
        pair=np.flatnonzero(is_kept),
        rank=rank,
        has_near=has_near,
        has_rival=has_rival,
        is_active=is_active[pairs["contact"].to_numpy()],
        is_proven=_is_proven(held),
    )
    decided["is_accepted"] = (
        (decided["score"] >= rules.ACCEPT)
        & decided["is_proven"]
        & decided["is_active"]
        & ~decided["has_near"]
        & ~decided["has_rival"]
        & (decided["rank"] == 0)
    )
    is_taken = decided["account"].isin(decided.loc[decided["is_accepted"], "account"])
    shown = decided["is_accepted"] | (~is_taken & (decided["rank"] < MOST_SHOWN))
    return decided[shown].sort_values(["account", "rank"], ignore_index=True)


def _is_kept(pairs: pd.DataFrame, is_numbered: Numbers) -> Numbers:
    """Where a contact carries an account's id, nothing else is a candidate of either."""
    kept = np.ones(len(pairs), bool)
    for side in ("account", "contact"):
        kept &= ~pairs[side].isin(pairs.loc[is_numbered, side]).to_numpy()
    return kept | is_numbered


def _is_proven(held: Numbers) -> Numbers:
    """A pair is taken by its number, or by its name; by a similar name only with a number."""

    def holds(rule: rules.Rule) -> Numbers:
        column: Numbers = held[:, PLACE_OF[rule]]
        return column

    numbers = holds(rules.TAX_NUMBER) | holds(rules.ACCOUNT_NUMBER)
    by_name = holds(rules.NAME) | (holds(rules.NAME_SIMILAR) & numbers)
    proven: Numbers = holds(rules.CONTACT_NUMBER) | by_name
    return proven


def _standing(pairs: pd.DataFrame, side: str) -> tuple[Numbers, Numbers]:
    """Return each pair's rank among those of its record, and whether another comes near it."""
    other = "contact" if side == "account" else "account"
    record, score = pairs[side].to_numpy(), pairs["score"].to_numpy()
    order = np.lexsort((pairs[other].to_numpy(), -score, record))
    starts = np.flatnonzero(np.diff(record[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    places = np.arange(len(order)) - np.repeat(starts, lengths)
    best = score[order[starts]]
    second = np.where(lengths > 1, score[order[np.minimum(starts + 1, len(order) - 1)]], _NO_RIVAL)
    rival = np.where(places == 0, np.repeat(second, lengths), np.repeat(best, lengths))
    rank, has_near = np.empty(len(order), np.int64), np.empty(len(order), bool)
    rank[order] = places
    has_near[order] = score[order] - rival <= rules.NEAR
    return rank, has_near
