"""Look-alikes: records of one side that look like one, to be merged by a person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sfxero.mapping.matching import rules
from sfxero.mapping.matching.evidence import NONE, Evidence
from sfxero.mapping.matching.rules import Rule


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Records of one side with the same name and one thing more in common."""

    ids: tuple[str, ...]
    also_same: Rule


def look_alikes(evidence: Evidence, *, side: int) -> Sequence[LookAlikes]:
    """Return groups of accounts (side 0) or active contacts (side 1), each once."""
    found: dict[tuple[str, ...], Rule] = {}
    ids = np.array(evidence.sides[side]["id"].to_pylist(), object)
    is_live = np.ones(len(ids), bool) if side == 0 else evidence.is_active
    keys = (
        (evidence.tax_number, rules.TAX_NUMBER),
        (evidence.email, rules.EMAIL),
        (evidence.address, rules.ADDRESS),
    )
    for key, rule in keys:
        name, other = ((one.accounts, one.contacts)[side] for one in (evidence.name, key))
        rows = pd.DataFrame({"name": name, "other": other, "id": ids})
        rows = rows[is_live & (name != NONE) & (other != NONE)]
        rows = rows[rows.duplicated(["name", "other"], keep=False)]
        for _, group in rows.groupby(["name", "other"])["id"]:
            found.setdefault(tuple(group), rule)
    return [LookAlikes(one, rule) for one, rule in sorted(found.items())]
