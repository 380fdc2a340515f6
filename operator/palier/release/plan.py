"""Which stages does a release go through? They are pinned when it starts, so that no edit moves its traffic later."""

from palier.api.spec.release import ReleaseRules, Stage
from palier.api.v1alpha1 import ModelDeployment
from palier.measuring.warm_up import NO_WARM_UP, WarmUp, choose_warm_up


def plan_of(rules: ReleaseRules, *, first: bool, proves: bool = True) -> tuple[Stage, ...]:
    """The stages of a release that starts now.

    The first revision of all meets no stage that compares: there is nothing to compare it with.

    Args:
        rules: `spec.release`.
        first: whether no revision serves yet.
        proves: whether golden answers say something without another version beside: there is a least score.
    """
    if not first:
        return tuple(rules.stages)
    return tuple(stage for stage in rules.stages if stage.load_test or (stage.golden and proves))


def warm_up_of(stage: Stage | None) -> WarmUp:
    """How long a candidate warms up in a stage; not at all where it answers no requests of users."""
    timed = (stage.shadow or stage.landing) if stage else None
    if timed is None:
        return NO_WARM_UP
    return choose_warm_up(
        timed.warm_up.seconds if timed.warm_up is not None else None,
        minimum=timed.min_duration.seconds,
        maximum=timed.max_duration.seconds,
    )


def proves_itself(deployment: ModelDeployment) -> bool:
    """Whether golden answers say something about a revision alone: the spec has a least score."""
    golden = deployment.spec.golden
    return golden is not None and golden.min_percent is not None


def pin_stages(deployment: ModelDeployment, plan: tuple[Stage, ...] | None) -> ModelDeployment:
    """The spec with the stages of the release in progress instead of those that are written there now.

    Args:
        deployment: the spec.
        plan: the stages of the release; None without one.
    """
    if plan is None or list(plan) == deployment.spec.release.stages:
        return deployment
    rules = deployment.spec.release.model_copy(update={"stages": list(plan)})
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update={"release": rules})})
