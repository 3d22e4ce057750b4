"""Candidates: the pairs that are worth a look, found by keys that both sides share."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT
from sfxero.mapping.matching.evidence import NONE, Evidence, Key, Numbers

MOST_PAIRS: Final = 2_500
"""A key that makes more pairs than this is too common to look at each of them."""
MOST_LOOSE_PAIRS: Final = 400
"""The same for keys that say little, such as one word of a name."""
_SHORTEST_WORD: Final = 3
_MOST_WORDS: Final = 6


def candidates(evidence: Evidence) -> tuple[Numbers, Numbers]:
    """Return pairs of places (account, contact), each once, in order."""
    width = max(len(evidence.is_active), 1)
    found = [
        left.astype(np.int64) * width + right for left, right in _blocks(evidence) if len(left)
    ]
    pairs = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    return pairs // width, pairs % width


def too_common(evidence: Evidence) -> Numbers:
    """Say of each account whether its name is one that too many have to look at each."""
    counts = _pair_counts(evidence.name)
    mine = evidence.name.accounts
    common: Numbers = (counts > MOST_PAIRS)[mine] & (mine != NONE)
    return common


def _blocks(evidence: Evidence) -> Iterator[tuple[Numbers, Numbers]]:
    exact = (
        evidence.owner, evidence.account_number, evidence.contact_number, evidence.tax_number,
        evidence.email, evidence.name, evidence.address, evidence.phone,
    )  # fmt: skip
    for key in exact:
        yield _joined(key, most=MOST_PAIRS)
    for key in (evidence.domain, evidence.start, evidence.end):
        yield _joined(key, most=MOST_LOOSE_PAIRS)
    words = [_words(side) for side in evidence.words]
    yield _joined_rows(*words, most=MOST_LOOSE_PAIRS)
    yield _joined_rows(*map(_word_pairs, words), most=MOST_LOOSE_PAIRS)


def _joined(key: Key, *, most: int) -> tuple[Numbers, Numbers]:
    rows = [
        pd.DataFrame({"key": numbers, "row": np.arange(len(numbers))})
        for numbers in (key.accounts, key.contacts)
    ]
    return _joined_rows(*(one[one["key"] != NONE] for one in rows), most=most)


def _joined_rows(
    accounts: pd.DataFrame, contacts: pd.DataFrame, *, most: int
) -> tuple[Numbers, Numbers]:
    """Join rows by key, but for keys that make too many pairs; both orders give the same."""
    counts = pd.concat(
        [accounts["key"].value_counts(), contacts["key"].value_counts()], axis=1, join="inner"
    )
    kept = counts.index[(counts.iloc[:, 0] * counts.iloc[:, 1]) <= most]
    mine, theirs = (one[one["key"].isin(kept)] for one in (accounts, contacts))
    pairs = mine.merge(theirs, on="key")
    return pairs["row_x"].to_numpy(), pairs["row_y"].to_numpy()


def _pair_counts(key: Key) -> Numbers:
    size = len(key.is_shared)
    counts = [
        np.bincount(one[one != NONE], minlength=size).astype(np.int64)
        for one in (key.accounts, key.contacts)
    ]
    product: Numbers = counts[0] * counts[1]
    return product


def _words(names: pa.Array) -> pd.DataFrame:
    """Return each name's words by row, but for the shortest."""
    split = pc.split_pattern(pc.fill_null(names, pa.scalar("", TEXT)), " ")
    words = pc.list_flatten(split)
    rows = pc.list_parent_indices(split).to_numpy()
    is_long = pc.greater_equal(pc.utf8_length(words), _SHORTEST_WORD).to_numpy(zero_copy_only=False)
    frame = pd.DataFrame({"key": words.filter(pa.array(is_long)).to_pandas(), "row": rows[is_long]})
    return frame.drop_duplicates()


def _word_pairs(words: pd.DataFrame) -> pd.DataFrame:
    """Return each two of a name's words by row: a slip in a third word leaves them."""
    few = words[words.groupby("row").cumcount() < _MOST_WORDS]
    pairs = few.merge(few, on="row")
    pairs = pairs[pairs["key_x"] < pairs["key_y"]]
    return pd.DataFrame({"key": pairs["key_x"] + " " + pairs["key_y"], "row": pairs["row"]})
