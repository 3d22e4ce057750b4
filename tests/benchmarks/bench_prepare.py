"""Rows per second and memory of check and prepare, beside the plain lower bound.

    make bench-prepare ROWS=1000000

Prints a table, ends with one line of JSON and stores it under `results/`. The ways are measured in
turn, in processes of their own, so that a busy machine slows all of them alike: the ratios are
medians over pairs of neighbours. `bound` builds an Arrow array of line structs per invoice and
renders it with orjson, without rules and with binary floating point; `build` is the product's way
to the same bodies, with every rule of the demo route. `prepare` is the whole step with its ledger.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from prepare_rows import LINES_EACH, stage
from prepare_ways import DEMO
from stores import fresh, postgres

HERE = Path(__file__).parent
MOST_OVER_BOUND = 2.5
MOST_BUILD_MIB = 1024
MOST_CHECK_S_PER_MILLION = 8
MOST_CHECK_MIB = 700


def measured(way: str, folder: Path, *more: str) -> dict[str, Any]:
    """Run one way in a process of its own."""
    command = [sys.executable, str(HERE / "prepare_ways.py"), way, str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{way}: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def rounds(folder: Path, *, pairs: int) -> dict[str, list[dict[str, Any]]]:
    """Measure in turn."""
    found: dict[str, list[dict[str, Any]]] = {"bound": [], "build": [], "check": []}
    for _ in range(pairs):
        for way, turns in found.items():
            turns.append(measured(way, folder))
    return found


def in_ledgers(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Measure the whole step once in each kind of ledger that there is."""
    found = {}
    for name, server in {"prepare_sqlite": None, "prepare_postgres": postgres()}.items():
        if server is not None or name == "prepare_sqlite":
            with fresh(server, folder) as ledger:
                first = measured("prepare", folder, ledger)
                found[name] = [first]
                found[f"{name}_unchanged"] = [measured("prepare", folder, ledger)]
    return found


def ratio(above: list[dict[str, Any]], below: list[dict[str, Any]], key: str) -> float:
    """The median over pairs that were measured one after the other."""
    return round(median(a[key] / b[key] for a, b in zip(above, below, strict=True)), 3)


def figures_of(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return medians per way, and the ratios."""
    figures: dict[str, Any] = {}
    for way, turns in found.items():
        seconds = median(turn["seconds"] for turn in turns)
        figures |= {
            f"{way}_s": seconds,
            f"{way}_rows_per_s": round(turns[0]["rows"] / seconds),
            f"{way}_cpu_s": median(turn["cpu_s"] for turn in turns),
            f"{way}_peak_mib": max(turn["peak_mib"] for turn in turns),
            f"{way}_imported_mib": max(turn["imported_mib"] for turn in turns),
            f"{way}_all_s": [turn["seconds"] for turn in turns],
        }
    build, bound = found["build"], found["bound"]
    figures |= {
        "bound_build_s": median(turn["build_s"] for turn in bound),
        "build_build_s": median(turn["build_s"] for turn in build),
        "build_over_bound": ratio(build, bound, "build_s"),
        "build_over_bound_cpu": ratio(build, bound, "build_cpu_s"),
        "build_over_bound_with_reading": ratio(build, bound, "seconds"),
    }
    return figures


def goals_of(figures: dict[str, Any], rows: int) -> dict[str, bool]:
    """Say which goals hold; on a busy machine those of time need not."""
    most_s = MOST_CHECK_S_PER_MILLION * max(rows, 1_000_000) / 1_000_000
    return {
        f"build_over_bound <= {MOST_OVER_BOUND}": figures["build_over_bound"] <= MOST_OVER_BOUND,
        f"build_peak_mib <= {MOST_BUILD_MIB}": figures["build_peak_mib"] <= MOST_BUILD_MIB,
        f"check_s <= {most_s:g}": figures["check_s"] <= most_s,
        f"check_peak_mib <= {MOST_CHECK_MIB}": figures["check_peak_mib"] <= MOST_CHECK_MIB,
    }


def main() -> None:
    """Stage, measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="opportunity lines")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--no-ledger", action="store_true", help="leave the whole step out")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    given = parser.parse_args()
    from sfxero.mapping.loader import load_route

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage(folder / "staging", load_route(DEMO), lines=given.rows)
        found = rounds(folder, pairs=given.pairs)
        if not given.no_ledger:
            found |= in_ledgers(folder)
    figures = {
        "rows": given.rows,
        "invoices": given.rows // LINES_EACH,
        "cores": psutil.cpu_count(),
        **figures_of(found),
        "load": round(os.getloadavg()[0], 2),
    }
    figures["goals"] = goals_of(figures, given.rows)
    for key, value in figures.items():
        sys.stdout.write(f"{key:34} {value}\n")
    line = json.dumps(figures)
    given.results.mkdir(exist_ok=True)
    (given.results / f"prepare-{given.rows}.json").write_text(line + "\n", encoding="utf-8")
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
