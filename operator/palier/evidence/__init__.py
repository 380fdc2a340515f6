"""Is the candidate worse? Exact tests on counts that stay valid however often somebody looks.

Everything here is pure: counts come in, evidence and verdicts come out. Nothing in this package knows Kubernetes,
Prometheus or the time of day.
"""

from palier.evidence.objective import (
    Counts,
    Evidence,
    Judgement,
    ObjectiveRule,
    Verdict,
    begin_stage,
    combined,
    fresh,
    judge,
    observe,
)

__all__ = [
    "Counts",
    "Evidence",
    "Judgement",
    "ObjectiveRule",
    "Verdict",
    "begin_stage",
    "combined",
    "fresh",
    "judge",
    "observe",
]
