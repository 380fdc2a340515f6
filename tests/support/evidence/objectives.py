"""Two objectives, and the evidence that looks gather about them."""

from collections.abc import Iterable

from palier.evidence.objective import Counts, Evidence, ObjectiveRule, observe, start_evidence

ERRORS = ObjectiveRule(name="errors", limit=0.01, margin=1.25, alpha=0.01)
LATENCY = ObjectiveRule(name="latency", limit=0.05, margin=1.1, alpha=0.01, bad_noun="slower than 250ms")


def arm(total: int, bad: int, bad_possible: int | None = None) -> Counts:
    """Counts of one arm; all bad ones surely bad unless told otherwise."""
    return Counts(total=total, bad=bad, bad_possible=bad if bad_possible is None else bad_possible)


def seen(
    looks: Iterable[tuple[Counts, Counts | None]], rule: ObjectiveRule = ERRORS, evidence: Evidence | None = None
) -> Evidence:
    """The evidence after these looks."""
    gathered = evidence or start_evidence()
    for candidate, stable in looks:
        gathered = observe(gathered, candidate, stable, rule)
    return gathered
