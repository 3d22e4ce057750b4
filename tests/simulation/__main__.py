"""Command line: many seeds on all cores, or one seed with all that happens in it."""

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator

from tests.simulation.history import Outcome, briefly, simulate
from tests.simulation.seeds import first_of_commit

_TOLD_EVERY_S = 20.0


def main() -> int:
    """Return 1 if a seed broke a promise."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="live through one seed and tell all of it")
    parser.add_argument("--seeds", type=int, default=500, help="how many seeds")
    parser.add_argument(
        "--first", type=int, help="the first of them; drawn from the commit if not given"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--digests", action="store_true", help="print each seed's fingerprint")
    given = parser.parse_args()
    # What the sync logs about simulated troubles would drown what is said here.
    logging.disable(logging.WARNING)
    if given.seed is not None:
        return _tell_one(simulate(given.seed))
    first = first_of_commit() if given.first is None else given.first
    seeds = range(first, first + given.seeds)
    _say(f"seeds {first} to {seeds[-1]} in {given.processes} processes")
    outcomes = _outcomes(seeds, processes=given.processes)
    return _tell(outcomes, of=given.seeds, shows_digests=given.digests)


def _outcomes(seeds: Iterable[int], *, processes: int) -> Iterator[Outcome]:
    if processes == 1:
        yield from map(briefly, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=logging.disable, initargs=(logging.WARNING,)) as pool:
        yield from pool.imap_unordered(briefly, seeds, chunksize=5)


def _tell(outcomes: Iterable[Outcome], *, of: int, shows_digests: bool) -> int:
    started = told_at = time.monotonic()
    done, bad, calls, virtual_s = 0, 0, 0, 0.0
    for outcome in outcomes:
        done, calls = done + 1, calls + outcome.calls
        virtual_s += outcome.virtual_s
        if shows_digests:
            _say(f"{outcome.seed} {outcome.digest}")
        if outcome.violations:
            bad += 1
            _say(f"seed {outcome.seed} broke a promise; see: make simulate SEED={outcome.seed}")
            for violation in outcome.violations[:5]:
                _say(f"  {violation}")
        if time.monotonic() - told_at > _TOLD_EVERY_S:
            told_at = time.monotonic()
            _say(f"{done} of {of} seeds, {bad} broke a promise, {done / (told_at - started):.1f}/s")
    took_s = time.monotonic() - started
    _say(
        f"{done} seeds, {bad} broke a promise; {done / took_s:.1f} seeds/s, {calls} calls, "
        f"{virtual_s / 3600:.0f} virtual hours in {took_s:.0f} s"
    )
    return 1 if bad else 0


def _tell_one(outcome: Outcome) -> int:
    for line in outcome.log:
        _say(line)
    for violation in outcome.violations:
        _say(violation)
    _say(f"seed {outcome.seed}: {len(outcome.violations)} violations, digest {outcome.digest}")
    return 1 if outcome.violations else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
