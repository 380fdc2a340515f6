"""`python -m benchmarks.drift`: false alarms and delays of what watches a promoted version.

Seeded: the same command gives the same numbers, with any number of processes.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.drift.concept import run_concept
from benchmarks.drift.data import run_data

REPORTS: Mapping[str, Callable[..., tuple[str, bool]]] = {"concept": run_concept, "data": run_data}
"""By the name of its file: what plays a report, and tells it and whether its goals are met."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and write the reports; 1 where a goal is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("--only", choices=tuple(REPORTS), help="one report (default: all)")
    parser.add_argument(
        "--streams",
        type=int,
        default=100,
        metavar="N",
        help="streams of each row, or half of them for a shift of features (default 100)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (default: all cores)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all streams (default 1)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results", metavar="FOLDER", help="of the reports"
    )
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    all_met = True
    for name in (asked.only,) if asked.only else REPORTS:
        begun = time.monotonic()
        written, met = REPORTS[name](streams=asked.streams, seed=asked.seed, jobs=asked.jobs)
        (asked.out / f"{name}.md").write_text(written, encoding="utf-8")
        all_met = all_met and met
        print(f"{asked.out / name}.md after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        print("\n".join(line[2:] for line in written.splitlines() if line.startswith(("- met", "- **not met**"))))
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
