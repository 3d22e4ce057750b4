"""Scoring: which rules hold of each pair, and what they add up to."""

from typing import Final

import numpy as np
import pyarrow as pa
from rapidfuzz import fuzz, process

from sfxero.mapping.matching import rules
from sfxero.mapping.matching.evidence import Evidence, Key, Numbers

PLACE_OF: Final = {rule: place for place, rule in enumerate(rules.RULES)}
POINTS: Final = np.array([rule.points for rule in rules.RULES], np.int32)


def score(evidence: Evidence, left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """Return the points of each pair, and by pair and rule whether it holds."""
    held = np.zeros((len(left), len(rules.RULES)), bool)

    def note(rule: rules.Rule, mask: Numbers) -> None:
        held[:, PLACE_OF[rule]] = mask

    owner = evidence.owner
    note(rules.CONTACT_NUMBER, owner.same(left, right))
    # A number that has the form of an account's id and is not this one's, of an account we know.
    note(rules.NUMBER_OF_ANOTHER, owner.differs(left, right) & _is_known(owner, right))
    numbers = evidence.account_number.same(left, right) | evidence.contact_number.same(left, right)
    note(rules.ACCOUNT_NUMBER, numbers & ~evidence.account_number.shared(left))
    tax, email, domain = evidence.tax_number, evidence.email, evidence.domain
    same_email = email.same(left, right)
    for key, same, own, shared in (
        (tax, tax.same(left, right), rules.TAX_NUMBER, rules.TAX_NUMBER_SHARED),
        (email, same_email, rules.EMAIL, rules.EMAIL_SHARED),
        (domain, domain.same(left, right) & ~same_email, rules.DOMAIN, rules.DOMAIN_SHARED),
    ):
        is_shared = key.shared(left)
        note(own, same & ~is_shared)
        note(shared, same & is_shared)
    note(rules.TAX_NUMBER_DIFFERS, tax.differs(left, right))
    address = evidence.address.same(left, right)
    note(rules.ADDRESS, address)
    note(rules.PLACE, evidence.place.same(left, right) & ~address)
    note(rules.PHONE, evidence.phone.same(left, right))
    _compare_names(evidence, left, right, held)
    return held @ POINTS, held


def _compare_names(evidence: Evidence, left: Numbers, right: Numbers, held: Numbers) -> None:
    same = evidence.name.same(left, right)
    held[:, PLACE_OF[rules.NAME]] = same
    others = np.flatnonzero(~same)
    mine, theirs = (
        words.take(pa.array(rows[others])).to_pylist()
        for words, rows in zip(evidence.words, (left, right), strict=True)
    )
    # As written, and with the words in order: a slip in the first letter changes their order.
    likeness = np.maximum(
        *(
            process.cpdist(mine, theirs, scorer=scorer, dtype=np.float32, workers=-1)
            for scorer in (fuzz.ratio, fuzz.token_sort_ratio)
        )
    )
    # Numbers in names tell branches apart, however alike the rest is.
    same_digits = evidence.digits.same(left[others], right[others])
    alike = (likeness >= rules.ALIKE) & same_digits
    similar = alike & (likeness >= rules.SIMILAR)
    held[others, PLACE_OF[rules.NAME_SIMILAR]] = similar
    held[others, PLACE_OF[rules.NAME_ALIKE]] = alike & ~similar
    held[others, PLACE_OF[rules.NAME_DIFFERS]] = likeness < rules.UNLIKE


def _is_known(owner: Key, right: Numbers) -> Numbers:
    """Say of contacts whether the account that their number names is among ours."""
    known = np.zeros(len(owner.is_shared), bool)
    known[owner.accounts] = True
    is_known: Numbers = known[owner.contacts[right]]
    return is_known
