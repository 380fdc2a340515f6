"""Rules between the stages that compare answers, their settings and the objectives that they serve: what needs what."""

from typing import Final

from palier.api.rule import Reason, Rule
from palier.api.spec.objectives import Objective, TimeSignal
from palier.api.spec.spec import SpecFields
from palier.api.spec.values import Duration, Router

RESERVED: Final = ("shadow-coverage", "shadow-left-out")
"""Names of the objectives that every shadow has."""

_CEL_SHADOWED: Final = "self.release.stages.exists(stage, has(stage.shadow))"
_CEL_IN_SHADOW_ONLY: Final = "self.objectives.exists(one, has(one.agreement) || has(one.slowdown))"
_TIMED: Final = (TimeSignal.LATENCY, TimeSignal.TIME_TO_FIRST_TOKEN)
"""What a shadow's proxy can time."""
_CEL_JUDGED_IN_SHADOW: Final = (
    "has(self.objectives) && self.objectives.exists(one, has(one.errorRate) || has(one.agreement) || has(one.slowdown)"
    f" || has(one.latency) && one.latency.signal in {[signal.value for signal in _TIMED]})"
)


def judged_in_shadow(objective: Objective) -> bool:
    """Whether the shadow proxy can measure an objective."""
    if objective.latency is not None:
        return objective.latency.signal in _TIMED
    return (objective.agreement or objective.slowdown or objective.error_rate) is not None


def _in_shadow_only(spec: SpecFields) -> bool:
    return any(one.agreement is not None or one.slowdown is not None for one in spec.objectives)


def _checks_named(spec: SpecFields) -> bool:
    known = {check.name for check in spec.answers.effective_checks}
    asked = {one.agreement.check for one in spec.objectives if one.agreement is not None}
    return asked <= known | {None}


def _experiments_decided(spec: SpecFields) -> bool:
    shares = {
        one.name for one in spec.objectives if (one.latency or one.error_rate or one.ratio or one.product) is not None
    }
    return all(stage.experiment is None or stage.experiment.objective in shares for stage in spec.release.stages)


def _can_keep_users_apart(spec: SpecFields) -> bool:
    gateway = spec.traffic.gateway
    return gateway is None or gateway.sticky is None or gateway.router is Router.ENVOY_GATEWAY


def _labels_in_time(spec: SpecFields) -> bool:
    delays = [one.label_delay.seconds for one in spec.objectives if one.label_delay is not None]
    return all(stage.max_duration.seconds > max(delays, default=0.0) for stage in spec.release.canaries)


def _cel_longer(duration: str) -> str:
    """CEL whether a duration is longer than the label delay of `one`; one that cannot be read is refused elsewhere."""
    return f"!{duration}.matches(r'{Duration.form}') || duration({duration}) > duration(one.labelDelay)"


def quality_rules() -> tuple[Rule, ...]:
    """The rules of `spec`."""
    return (
        Rule(
            cel=f"!{_CEL_SHADOWED} || has(self.traffic.gateway)",
            holds=lambda spec: spec.release.shadow is None or spec.traffic.gateway is not None,
            message="a shadow stage needs traffic.gateway: only a gateway copies requests",
            field=".traffic",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel="!self.release.stages.exists(stage, has(stage.golden)) || has(self.golden)",
            holds=lambda spec: spec.release.golden is None or spec.golden is not None,
            message="a golden stage needs spec.golden, the requests whose good answers are known",
            field=".golden",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=f"!has(self.objectives) || !{_CEL_IN_SHADOW_ONLY} || {_CEL_SHADOWED}",
            holds=lambda spec: spec.release.shadow is not None or not _in_shadow_only(spec),
            message=(
                "agreement and slowdown objectives compare answers in the shadow: they need a shadow stage, such as"
                " shadow: {percent: 20}"
            ),
            field=".release",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=f"!{_CEL_SHADOWED} || {_CEL_JUDGED_IN_SHADOW}",
            holds=None,  # such a shadow passes nobody, and a release that is past it goes on
            message=(
                "a shadow stage needs an objective that it can judge: latency or time to first token, errorRate,"
                ' agreement or slowdown, such as agreement: {minPercent: "97"}'
            ),
            field=".objectives",
            reason=Reason.REQUIRED,
        ),
        Rule(
            cel=(
                f"!has(self.shadow.timeout) || !self.shadow.timeout.matches(r'{Duration.form}') ||"
                " self.release.stages.all(stage, !has(stage.shadow) ||"
                f" !stage.shadow.maxDuration.matches(r'{Duration.form}') ||"
                " duration(self.shadow.timeout) < duration(stage.shadow.maxDuration))"
            ),
            holds=None,  # without a verdict the deadline of the stage decides
            message=(
                "shadow.timeout must be shorter than the maxDuration of the shadow stage, because a request that hangs"
                " holds back the counts of those after it, such as timeout: 30s and maxDuration: 30m"
            ),
            field=".shadow",
        ),
        Rule(
            cel=(f"!has(self.objectives) || self.objectives.all(one, !(one.name in {list(RESERVED)}))"),
            holds=lambda spec: not {one.name for one in spec.objectives} & set(RESERVED),
            message=f"the objectives {' and '.join(RESERVED)} are Palier's own, for the sample of a shadow",
            field=".objectives",
            reason=Reason.FORBIDDEN,
        ),
        Rule(
            cel=(
                "!has(self.objectives) || self.objectives.all(one, !has(one.agreement) || !has(one.agreement.check) ||"
                " (has(self.answers.checks) && self.answers.checks.size() > 0 ? self.answers.checks.exists(check,"
                " check.name == one.agreement.check) : one.agreement.check == 'answer'))"
            ),
            holds=_checks_named,
            message="the check of an agreement objective must be the name of a check in spec.answers.checks",
            field=".objectives",
        ),
        Rule(
            cel=(
                "!has(self.objectives) || self.objectives.all(one, !has(one.labelDelay) ||"
                f" !one.labelDelay.matches(r'{Duration.form}') || self.release.stages.all(stage,"
                f" (!has(stage.canary) || {_cel_longer('stage.canary.maxDuration')}) &&"
                f" (!has(stage.experiment) || {_cel_longer('stage.experiment.duration')})))"
            ),
            holds=_labels_in_time,
            message="a labelDelay must be shorter than the maxDuration of every canary, and than an experiment",
            field=".objectives",
        ),
        Rule(
            cel=(
                "self.release.stages.all(stage, !has(stage.experiment) || has(self.objectives) &&"
                " self.objectives.exists(one, one.name == stage.experiment.objective &&"
                " (has(one.latency) || has(one.errorRate) || has(one.ratio) || has(one.product))))"
            ),
            holds=_experiments_decided,
            message=(
                "the objective of an experiment must be the name of a latency, errorRate, ratio or product objective"
            ),
            field=".release",
        ),
        Rule(
            cel=(
                "!has(self.traffic.gateway) || !has(self.traffic.gateway.sticky) ||"
                " has(self.traffic.gateway.router) && self.traffic.gateway.router == 'EnvoyGateway'"
            ),
            holds=_can_keep_users_apart,
            message="traffic.gateway.sticky needs traffic.gateway.router: EnvoyGateway, whose policy keeps users apart",
            field=".traffic",
            reason=Reason.REQUIRED,
        ),
    )
