"""What `status` says about golden answers: what was asked of which revision, what came of it, and who judged."""

from typing import Annotated

from pydantic import Field

from palier.api.rule import ATOMIC, ApiObject
from palier.api.status.conditions import Timestamp
from palier.api.status.values import Count, Figure, Message, Reason, Revision, Verdict


class JudgeStatus(ApiObject):
    """Who judged, how far the judge can be believed, and what it has cost."""

    model: Annotated[str, Field(max_length=253)]
    """The judging model."""
    model_digest: Annotated[str, Field(max_length=128)] | None = None
    """Its digest, as the spec gives it."""
    prompt_digest: Annotated[str, Field(max_length=64)] | None = None
    """SHA-256 of the prompt for the judge."""
    calibration_pairs: Count | None = None
    """Pairs that people had judged before; 0 without a calibration."""
    agreement: Figure | None = None
    """Share of them on which judge and people agree, between 0 and 1."""
    kappa: Figure | None = None
    """The same beyond chance: Cohen's kappa."""
    votes: Count | None = None
    """Votes that came in."""
    failed_votes: Count | None = None
    """Votes that never came or could not be read."""
    position_changes: Count | None = None
    """Pairs on which the judge changed its mind with their order."""
    tokens: Count | None = None
    """Tokens of all votes."""
    cost: Figure | None = None
    """What they cost, in the currency of `spec.budget`."""


class GoldenStatus(ApiObject):
    """What one examination with golden answers found."""

    candidate: Revision
    """The revision that was examined."""
    stable: Revision | None = None
    """The revision that it was compared with."""
    digest: Annotated[str, Field(max_length=64)]
    """Digest of the corpus and of how answers are scored."""
    attempt: Count | None = None
    """Which try of its release it was, from 0."""
    measured_at: Timestamp
    """When it ended."""
    about: Annotated[list[Annotated[str, Field(max_length=512)]], Field(max_length=4), ATOMIC] | None = None
    """Which models, versions and prompts were compared."""
    verdict: Verdict
    """`Pass`, `Fail` or `NoEvidence`."""
    reason: Reason
    """Why, as one CamelCase word."""
    message: Message
    """Why, as a sentence with its numbers."""
    requests: Count | None = None
    """Requests of the corpus, repetitions counted."""
    scored: Count | None = None
    """Those whose answers have a score."""
    score: Figure | None = None
    """Mean score of the candidate, between 0 and 1."""
    stable_score: Figure | None = None
    """Mean score of stable."""
    difference_low: Figure | None = None
    """Where the difference of both, candidate less stable, lies at least, with 95 % confidence."""
    difference_high: Figure | None = None
    """Where it lies at most."""
    worst: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=8), ATOMIC] | None = None
    """Ids of the requests on which the candidate lost most."""
    judge: JudgeStatus | None = None
    """Who judged, where a language model did."""
