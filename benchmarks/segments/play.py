"""One release, judged twice at the same looks: with the groups apart, and by the total alone."""

import math
from typing import NamedTuple

import numpy as np

from benchmarks.segments.rows import LOOK, SMALL, Floats, Row
from palier.evidence.objective import (
    Counts,
    Evidence,
    ObjectiveRule,
    Verdict,
    begin_stage,
    has_failed,
    judge,
    observe,
    start_evidence,
)
from palier.simulate.case import Case
from palier.simulate.engine import objectives_of

NAME = f"group-{SMALL}"
"""The group that is hurt where one is."""


class Found(NamedTuple):
    """What one judge said of one release."""

    seconds: float
    """When it failed the candidate; infinite where it never did."""
    reason: str = ""
    groups: tuple[str, ...] = ()
    """The groups that it named."""
    proven: bool = False
    """Whether a candidate that it never failed could be promoted at the end."""


class Result(NamedTuple):
    """What both said of the same release."""

    apart: Found
    total: Found


def rules(*, limit: float = 0.1) -> tuple[ObjectiveRule, ObjectiveRule]:
    """The rules of an objective with `segmentBy` and of the same one without, as the operator makes them."""
    apart, total = (objectives_of(Case(max_errors=limit, segment_share=share))[0].rule for share in (0.05, 0.0))
    if not (isinstance(apart, ObjectiveRule) and isinstance(total, ObjectiveRule)):
        raise TypeError("an errorRate is judged as a share")
    return apart, total


def play(row: Row, *, seed: int, run: int) -> Result:
    """Play one release to its end, or until both have failed the candidate; the same for the same seed and run."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(run,)))
    judges = [_Judge(rule) for rule in rules()]
    places = random.random(row.mix.bad.size) if row.mix.sticks else None
    for look in range(row.looks):
        weight = row.weight(look)
        if look and weight != row.weight(look - 1):
            for one in judges:
                one.evidence = begin_stage(one.evidence)
        harm = np.zeros(row.mix.bad.size)
        harm[SMALL] = row.harm
        split = weight if places is None else (places < weight).astype(float)
        candidate = _counts(row, row.mix.candidate * split, row.mix.bad + harm, random)
        stable = _counts(row, row.mix.stable * (1 - split), row.mix.bad, random)
        for one in judges:
            one.look(candidate, stable, at=(look + 1) * LOOK)
        if all(math.isfinite(one.found.seconds) for one in judges):
            break
    return Result(*(one.end() for one in judges))


class _Judge:
    """The evidence under one rule, until it fails the candidate."""

    def __init__(self, rule: ObjectiveRule) -> None:
        self.rule = rule
        self.evidence: Evidence = start_evidence()
        self.found = Found(math.inf)

    def look(self, candidate: list[Counts], stable: list[Counts], *, at: float) -> None:
        if math.isfinite(self.found.seconds):
            return
        segments = {f"group-{number}": pair for number, pair in enumerate(zip(candidate, stable, strict=True))}
        self.evidence = observe(
            self.evidence,
            _sum(candidate),
            _sum(stable),
            self.rule,
            segments=segments if self.rule.segmented else {},
        )
        if has_failed(self.evidence, self.rule):
            judgement = judge(self.evidence, self.rule, promotion=False)
            self.found = Found(at, judgement.reason, judgement.segments)

    def end(self) -> Found:
        """What it has said, and what it says of a promotion."""
        if math.isfinite(self.found.seconds):
            return self.found
        return self.found._replace(proven=judge(self.evidence, self.rule, promotion=True).verdict is Verdict.PASS)


def _counts(row: Row, shares: Floats, bad: Floats, random: np.random.Generator) -> list[Counts]:
    """One arm's events of one look in every group."""
    totals = random.poisson(row.rate * LOOK * shares)
    together = row.mix.clusters > 0
    chance = bad.copy()
    if together.any():
        size = 1 / row.mix.clusters[together] - 1
        chance[together] = random.beta(bad[together] * size, (1 - bad[together]) * size)
    found = random.binomial(totals, chance)
    return [Counts(int(total), int(hits), int(hits)) for total, hits in zip(totals, found, strict=True)]


def _sum(counts: list[Counts]) -> Counts:
    bad = sum(one.bad for one in counts)
    return Counts(sum(one.total for one in counts), bad, bad)
