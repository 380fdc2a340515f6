"""The fields of `spec`, without the rules between them."""

from typing import Annotated

from pydantic import Field

from palier.api.rule import BY_NAME, ApiObject
from palier.api.spec.answers import Answers
from palier.api.spec.budget import Budget
from palier.api.spec.golden import Golden
from palier.api.spec.objectives import Objective, Signals
from palier.api.spec.release import ReleaseRules
from palier.api.spec.scale import Scale
from palier.api.spec.serving import ModelVersion, Serving
from palier.api.spec.shadow import Shadow
from palier.api.spec.traffic import Traffic
from palier.api.spec.values import Email
from palier.api.spec.watch import Watch


class Owner(ApiObject):
    """The Scalability Owner: the accountable person for this model in production."""

    name: Annotated[str, Field(min_length=3, max_length=100)]
    """Name of the person or of the role, at least 3 characters. Example: `NLP platform lead`."""
    email: Email
    """Where this owner is reached when a release is held or rolled back. Example: `nlp-platform@example.com`."""
    team: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """The owner's team. Example: `nlp`."""


class SpecFields(ApiObject):
    """The fields of a spec; the rules between them are in `palier.api.rules` and join them in `v1alpha1`."""

    owner: Owner
    """The accountable person for this model in production."""
    model: ModelVersion
    """Which model is served; any change here makes a new revision."""
    serving: Serving
    """How the model is served; any change here except of `replicas` and `placement.surge` makes a new revision."""
    traffic: Traffic
    """How users reach the model."""
    signals: Signals | None = None
    """The series of the pods that objectives read, where no preset of `model.runtime` names them or other ones are
    wanted."""
    objectives: Annotated[list[Objective], Field(max_length=16), BY_NAME] = Field(default_factory=list)
    """The promises that every candidate is judged by; at most 16. Without any, only readiness is checked."""
    budget: Budget | None = None
    """What serving may cost: a candidate that would cost more at `scale.target` is refused by the stage `loadTest`."""
    scale: Scale | None = None
    """The traffic that production has to carry, and how capacity and cost at it are found."""
    answers: Answers = Field(default_factory=Answers)
    """How two answers to the same request are compared, in the shadow and with golden answers."""
    golden: Golden | None = None
    """Requests whose good answers are known, for the stage `golden`."""
    shadow: Shadow = Field(default_factory=Shadow)
    """How requests are copied in the stage `shadow`."""
    release: ReleaseRules = Field(default_factory=ReleaseRules)
    """How a new revision becomes stable."""
    watch: Watch = Field(default_factory=Watch)
    """What is watched after a promotion, and what follows from it."""
