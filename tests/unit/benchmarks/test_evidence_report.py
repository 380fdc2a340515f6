"""The report of the benchmark of evidence hides no engine that decides nothing."""

from functools import cache

from benchmarks.evidence.numbers import Summary, summary
from benchmarks.evidence.play import Result
from benchmarks.evidence.report import Facts, report
from benchmarks.evidence.rows import ENGINES, ROWS


def summarize_endings(rollbacks: int, promotions: int, undecided: int) -> Summary:
    """What so many runs with each ending come down to."""
    kinds = ["rollback"] * rollbacks + ["promote"] * promotions + ["undecided"] * undecided
    return summary([Result(kind, 600.0, 3.0, False, 9.0, 0.0, 60.0) for kind in kinds])


@cache
def write_report() -> list[str]:
    """The lines of a report in which Palier promotes half of everything, and the others promote all."""
    ours, theirs = summarize_endings(1, 10, 9), summarize_endings(0, 20, 0)
    found = {(row.key, name): ours if name == "palier" else theirs for row in ROWS for name in ENGINES}
    facts = Facts(seed=1, versions={}, found=found, goals=[], ranks=[], curves=[], quick=True)
    return report(facts).splitlines()


def lines_of(title: str) -> list[str]:
    """The lines that are about a row, or about an engine in each row with harm."""
    return [line for line in write_report() if line.startswith(f"| {title} |")]


def test_what_became_of_equal_candidates_stands_beside_their_false_rollbacks() -> None:
    """Of every row: promoted and undecided, for every engine."""
    for row in ROWS:
        if row.harmless and not row.blind:
            false, others = lines_of(row.title)
            assert false.startswith(f"| {row.title} | 5.00 [")
            assert others == f"| {row.title} | 50.0 / 45.0 | 100.0 / 0.0 | 100.0 / 0.0 | 100.0 / 0.0 | 100.0 / 0.0 |"


def test_a_missed_candidate_was_promoted_or_not() -> None:
    """The two are no equal misses."""
    assert {line.split(" | ")[2] for line in lines_of("Palier")} == {"50.0 / 45.0"}
    assert {line.split(" | ")[2] for line in lines_of("Flagger")} == {"100.0 / 0.0"}
