"""Matching as a whole: two tables in, a decision with its reasons for every account out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from sfxero.mapping.matching import rules
from sfxero.mapping.matching.candidates import candidates, too_common
from sfxero.mapping.matching.deciding import decide
from sfxero.mapping.matching.evidence import Evidence, Numbers
from sfxero.mapping.matching.look_alikes import LookAlikes, look_alikes
from sfxero.mapping.matching.rules import Decision, Rule
from sfxero.mapping.matching.scoring import score

NEAR: Final = "another contact comes near"
RIVAL: Final = "another account comes near"
ARCHIVED: Final = "archived in Xero"
TOO_COMMON: Final = "too many have this name"

_SLICE: Final = 250_000
"""Pairs that are scored at once: the memory they take does not grow with their number."""


@dataclass(frozen=True, slots=True)
class Match:
    """One account with one candidate, or without any."""

    account_id: str
    contact_id: str | None
    decision: Decision
    score: int = 0
    reasons: tuple[Rule, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """Every account at least once, by id, its best candidate first."""

    rows: Sequence[Match]
    same_accounts: Sequence[LookAlikes]
    same_contacts: Sequence[LookAlikes]
    pairs_compared: int


def match(accounts: pa.Table, contacts: pa.Table) -> Matches:
    """Match accounts with contacts; both tables as `sides` makes them, in any order."""
    accounts, contacts = (side.sort_by("id").combine_chunks() for side in (accounts, contacts))
    evidence = Evidence(accounts, contacts)
    left, right = candidates(evidence)
    pairs, held = _scored(evidence, left, right)
    decided = decide(pairs, held, is_active=evidence.is_active)
    return Matches(
        list(_rows(decided, held, evidence)),
        look_alikes(evidence, side=0),
        look_alikes(evidence, side=1),
        pairs_compared=len(left),
    )


def _scored(evidence: Evidence, left: Numbers, right: Numbers) -> tuple[pd.DataFrame, Numbers]:
    """Return the pairs that are worth a person's look, and which rules hold of each."""
    frames, rules_held = [], []
    for start in range(0, max(len(left), 1), _SLICE):
        mine, theirs = left[start : start + _SLICE], right[start : start + _SLICE]
        points, held = score(evidence, mine, theirs)
        kept = points >= rules.REVIEW
        frames.append(
            pd.DataFrame({"account": mine[kept], "contact": theirs[kept], "score": points[kept]})
        )
        rules_held.append(held[kept])
    pairs, held = pd.concat(frames, ignore_index=True), np.concatenate(rules_held)
    # What speaks for a contact that was merged speaks for the one that it was merged into.
    pairs["contact"] = _survivors(evidence.sides[1])[pairs["contact"].to_numpy()]
    best = pairs.sort_values("score", ascending=False, kind="stable")
    best = best.drop_duplicates(["account", "contact"]).sort_index()
    return best.reset_index(drop=True), held[best.index.to_numpy()]


def _survivors(contacts: pa.Table) -> Numbers:
    """Return for each contact the place of the one that it was merged into at last, or its own."""
    ids, merged_to = (contacts[name].to_pylist() for name in ("id", "merged_to"))
    places = {one: place for place, one in enumerate(ids)}
    survivors = np.arange(len(ids))
    for place, target in enumerate(merged_to):
        seen = {place}
        while (
            target is not None and (found := places.get(target)) is not None and found not in seen
        ):
            seen.add(found)
            survivors[place], target = found, merged_to[found]  # noqa: PLW2901 - walks the chain
    return survivors


def _rows(decided: pd.DataFrame, held: Numbers, evidence: Evidence) -> Iterator[Match]:
    account_ids, contact_ids = (side["id"].to_pylist() for side in evidence.sides)
    common = too_common(evidence)
    by_account: dict[int, list[Any]] = {}
    for row in decided.itertuples(index=False):
        found: Any = row
        by_account.setdefault(int(found.account), []).append(found)
    for place, account_id in enumerate(account_ids):
        for row in by_account.get(place, ()):
            yield Match(
                account_id,
                contact_ids[row.contact],
                Decision.ACCEPT if row.is_accepted else Decision.REVIEW,
                int(row.score),
                tuple(rules.RULES[one] for one in np.flatnonzero(held[row.pair])),
                tuple(_notes(row)),
            )
        if place not in by_account:
            if common[place]:
                yield Match(account_id, None, Decision.REVIEW, notes=(TOO_COMMON,))
            else:
                yield Match(account_id, None, Decision.NONE)


def _notes(row: Any) -> Iterator[str]:
    if row.has_near:
        yield NEAR
    if row.has_rival:
        yield RIVAL
    if not row.is_active:
        yield ARCHIVED
