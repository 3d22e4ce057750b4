"""Matches 50,000 accounts with 50,000 contacts whose true pairs are known; one JSON line."""

import argparse
import json
import resource
import time
from collections import Counter

from tests.benchmarks.matching_world import Books, Maker

from sfxero.mapping.matching.matching import Matches, match
from sfxero.mapping.matching.rules import Decision
from sfxero.mapping.matching.sides import table_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    books = Maker(given.seed).make(given.rows)
    before_mib = _peak_mib()
    began = time.perf_counter()
    matches = match(table_of(books.accounts), table_of(books.contacts))
    seconds = time.perf_counter() - began
    told = {
        "seed": given.seed,
        "accounts": len(books.accounts),
        "contacts": len(books.contacts),
        "seconds": round(seconds, 1),
        "peak_mib": _peak_mib(),
        "peak_mib_before": before_mib,
        "pairs_compared": matches.pairs_compared,
        **quality(books, matches),
    }
    print(json.dumps(told))  # noqa: T201 - what it is for


def quality(books: Books, matches: Matches) -> dict[str, object]:
    """Hold what was accepted and what was shown against the truth."""
    accepted = {
        one.account_id: str(one.contact_id)
        for one in matches.rows
        if one.decision is Decision.ACCEPT
    }
    shown = {(one.account_id, one.contact_id) for one in matches.rows}
    true = {one for one, contacts in books.truth.items() if contacts}
    found = {one for one in true if any((one, contact) in shown for contact in books.truth[one])}
    right = books.pairs_in(accepted)
    return {
        "accepted": len(accepted),
        "false": len(accepted) - right,
        "precision": round(right / len(accepted), 5) if accepted else None,
        "recall_accepted": round(right / len(true), 4),
        "recall_with_review": round(len(found) / len(true), 4),
        "left_to_review": dict(Counter(books.kinds[one] for one in sorted(found - set(accepted)))),
    }


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
