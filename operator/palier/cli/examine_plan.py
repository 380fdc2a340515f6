"""What `palier examine` is asked: by the operator in a file, or by a person in options."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from palier.api.spec.answers import Answers
from palier.cli.answers_file import answers_in
from palier.cli.files import read_plan, read_text
from palier.errors import InvalidSettings
from palier.golden.judge_plan import JudgePlan
from palier.golden.plan import GoldenPlan

_SETTINGS: Final = ("method", "timeout", "concurrency", "repeat", "seed", "min_score", "margin")
"""Fields of a plan that have options of their own."""
_OTHERS: Final = ("url", "stable", "answers_spec", "judge", "judge_model", "judge_prompt")
_ENCODING: Final = "utf-8-sig"


def plan_of(options: argparse.Namespace) -> GoldenPlan:
    """The plan that the options name or are.

    Raises:
        InvalidSettings: a file cannot be read, or says nothing that can be asked.
        SystemExit: the options do not go together.
    """
    if (options.answers is None) != (options.scores is None):
        options.command.error("--answers and --scores belong together: the answers, and what a scorer made of them")
    if options.collect and options.scores:
        options.command.error("--collect comes before the scorer, --answers and --scores after it")
    plan = _by_hand(options) if options.plan is None else _of_file(options)
    if plan.scored_elsewhere and not (options.collect or options.scores):
        raise InvalidSettings(f"--plan: {options.plan} wants a scorer: give --collect, or --answers and --scores")
    if options.plan and not plan.scored_elsewhere and (options.collect or options.scores):
        raise InvalidSettings(f"--plan: {options.plan} knows of no scorer: leave --collect, --answers and --scores out")
    if plan.judge is not None and bool(plan.judge.calibration_digest) != bool(options.calibration):
        raise InvalidSettings("--calibration: the plan's judge and the option do not agree whether there is one")
    return plan


def _of_file(options: argparse.Namespace) -> GoldenPlan:
    if any(getattr(options, name) is not None for name in (*_OTHERS, *_SETTINGS)):
        options.command.error("a plan has the addresses and all settings: give none beside --plan")
    plan = read_plan(options.plan, GoldenPlan.from_json, encoding=_ENCODING)
    if not plan.candidate_url or bool(plan.stable) != bool(plan.stable_url):
        raise InvalidSettings(f"--plan: {options.plan} lacks the address of a revision, so nobody can be asked")
    return plan


def _by_hand(options: argparse.Namespace) -> GoldenPlan:
    if options.url is None:
        options.command.error("an address is needed, such as http://localhost:8080/predict")
    scored_elsewhere = bool(options.collect or options.scores)
    if options.judge and scored_elsewhere:
        options.command.error("answers are scored by a judge or by a scorer, not by both")
    if options.judge and options.min_score is not None:
        options.command.error("a judge compares two answers: it gives no score to which --min could apply")
    if options.stable is None and options.min_score is None and not options.collect:
        options.command.error("say what the answers have to be as good as: --stable URL, or --min 90%")
    (candidate, path), stable = options.url, options.stable
    if stable is not None and stable[1] not in {"/", path}:
        options.command.error(f"--stable is asked at the candidate's path, {path}: write http://host:port alone")
    given: dict[str, Any] = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    return GoldenPlan(
        candidate="candidate",
        stable="" if stable is None else "stable",
        candidate_url=candidate,
        stable_url="" if stable is None else stable[0],
        path=path,
        answers=_answers(options.answers_spec) if options.answers_spec else Answers(),
        judge=_judge(options),
        scored_elsewhere=scored_elsewhere,
        **given,
    )


def _judge(options: argparse.Namespace) -> JudgePlan | None:
    if options.judge is None:
        if options.judge_model or options.judge_prompt or options.calibration:
            options.command.error("--judge-model, --judge-prompt and --calibration belong to --judge URL")
        return None
    if options.judge_model is None:
        options.command.error("--judge needs --judge-model, the name of the model that judges")
    plan = JudgePlan(
        url=options.judge, model=options.judge_model, calibration_digest="by hand" if options.calibration else ""
    )
    if not options.judge_prompt:
        return plan
    try:
        return replace(plan, prompt=read_text(options.judge_prompt, option="judge-prompt", encoding=_ENCODING))
    except ValueError as error:
        raise InvalidSettings(f"--judge-prompt: {error}") from error


def _answers(path: Path) -> Answers:
    return answers_in(read_text(path, option="answers-spec", encoding=_ENCODING), name=f"--answers-spec: {path}")
