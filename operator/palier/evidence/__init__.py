"""Is the candidate worse? Exact tests on counts that stay valid however often somebody looks.

Everything here is pure: counts come in, evidence and verdicts come out. Nothing in this package knows Kubernetes,
Prometheus or the time of day.
"""

from palier.evidence.objective import (
    Amounts,
    Counts,
    Evidence,
    Judgement,
    MeanRule,
    ObjectiveRule,
    Rule,
    ScoreRule,
    Verdict,
    begin_stage,
    combined,
    failed,
    fresh,
    judge,
    observe,
)

__all__ = [
    "Amounts",
    "Counts",
    "Evidence",
    "Judgement",
    "MeanRule",
    "ObjectiveRule",
    "Rule",
    "ScoreRule",
    "Verdict",
    "begin_stage",
    "combined",
    "failed",
    "fresh",
    "judge",
    "observe",
]
