"""`palier simulate`: what would Palier, or another tool, have done with this traffic?"""

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from palier.api.spec.values import Proof
from palier.cli.commands import Commands, new_command
from palier.cli.simulate.values import parse_whole, seconds, share, span, stages, write_time
from palier.cli.simulate.watches import WATCHES, choose_watch
from palier.cli.terminal import print_json, print_text, warn
from palier.simulate.case import MINUTE, OBJECTIVES, Case, Stage
from palier.simulate.scenarios import SCENARIOS

if TYPE_CHECKING:
    from palier.cli.simulate.file import FileChanges
    from palier.simulate.runs import Plan

PROOFS = tuple(proof.value for proof in Proof if proof is not Proof.WITHIN_LIMIT)
"""The strengths of proof without the older name of one of them."""

ENGINES = ("palier", "argo", "flagger", "kayenta", "naive")

DESCRIPTION = """\
Plays seeded traffic to a decision engine and tells what happens: how often a good candidate is rolled back, how
often a bad one is missed, how long the decision takes and how many requests fail meanwhile.

  palier simulate --scenario aa                                     are good candidates left alone?
  palier simulate --scenario errors --error-delta 0.05              5 percentage points more failures
  palier simulate --scenario errors --error-delta 0.05 --engine flagger --set threshold=5
  palier simulate --scenario latency --latency-factor 1.5 --rps 20 --weight 20
  palier simulate deployment.yaml --scenario low-traffic            with the objectives and stages of a file
  palier simulate --scenario errors --error-delta 0.005 --proof BelowTheLimit
  palier simulate --scenario errors --json | jq .medianSecondsToRollback
  palier simulate --scenario concept-drift --accuracy-after 0.85    after the promotion: labels instead of requests
  palier simulate --scenario world-or-model --former-accuracy-after 0.9    and why: the former version answers as well
  palier simulate --list                                            all scenarios

A scenario is a set of parameters; every option below changes one of them. Run number i of a seed is the same traffic
for every engine. Palier's decisions come from the code that the operator runs.

Shares are written 0.05 or 5%; times 30, 30s, 5m or 1h30m. A candidate that is bad and not rolled back counts as
infinitely late in the quantiles of times; an infinite quantile is "never", in JSON null. Times count from the start of
the canary. Extra failures are the requests that only failed, or were too slow, because the candidate served them, up to
the rollback or the end."""


def add_command(commands: Commands) -> None:
    """Add `palier simulate` to the commands."""
    summary = "play traffic to the decision engine, or to another tool's rules"
    command = new_command(commands, "simulate", summary, DESCRIPTION)
    command.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a ModelDeployment: its first errorRate and latency objectives with their proof, its stages and "
        "onNoEvidence are used",
    )
    _add_main_options(command)
    _add_case_options(command)
    for watch in WATCHES.values():
        watch.add_options(command)
    command.set_defaults(run=_run, command=command)


def _add_main_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--list", action="store_true", help="print the scenarios, one sentence each, and the knobs")
    command.add_argument("--scenario", choices=(*SCENARIOS, *WATCHES), default="aa", metavar="NAME", help="default: aa")
    command.add_argument("--engine", choices=ENGINES, default="palier", help="who decides (default: palier)")
    command.add_argument("--runs", type=_count, default=200, metavar="N", help="releases to simulate (default: 200)")
    command.add_argument("--seed", type=_seed, default=1, metavar="S", help="same seed, same numbers (default: 1)")
    command.add_argument("--jobs", type=_count, metavar="N", help="processes (default: one for each CPU)")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="turn a knob of another tool; see --list"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--plot", metavar="FILE", help="draw when runs are rolled back (.svg or .png; needs palier[plot])"
    )


CASE_OPTIONS: Mapping[str, tuple[tuple[str, Any, str, str], ...]] = {
    "traffic": (
        ("rps", float, "R", "requests per second of both revisions together (100)"),
        ("minutes", float, "M", "length of the canary (60, or the longest times of the stages)"),
        ("look", seconds, "TIME", "time between two looks of Palier (30s)"),
        ("scrape", seconds, "TIME", "time between two scrapes of a pod (15s)"),
        ("stable-pods", int, "N", "pods of stable (3)"),
        ("candidate-pods", int, "N", "pods of the candidate (1)"),
        ("base-error", share, "SHARE", "share of failed requests of stable (0.005)"),
        ("base-error-end", share, "SHARE", "share of failed requests of stable at the end, reached evenly (no change)"),
        ("latency-median", seconds, "TIME", "median response time of stable (100ms)"),
        ("latency-spread", float, "SIGMA", "standard deviation of its logarithm (0.6)"),
        ("diurnal", share, "SHARE", "swing of traffic and errors over the time"),
        ("burst", float, "RATIO", "traffic jumps between two levels of this ratio, about every minute"),
    ),
    "what is wrong with the candidate": (
        ("error-delta", share, "SHARE", "share of failed requests above stable's: 0.05 is 5 percentage points"),
        ("onset", seconds, "TIME", "when the candidate becomes worse (0)"),
        ("ramp", seconds, "TIME", "how long its errors take to grow to the full difference (0)"),
        ("latency-factor", float, "FACTOR", "its response times as a multiple of stable's"),
        ("slow-for", seconds, "TIME", "how long it is slow (to the end)"),
        ("slow-part", share, "SHARE", "share of its answers that are slow while it is (all)"),
        ("bad-pod", span, "START+LENGTH", "a bad spell of one of its pods, which is not the version's fault"),
        ("cost-factor", float, "FACTOR", "its mean cost of a request as a multiple of stable's"),
        ("cost-spread", float, "SIGMA", "standard deviation of the logarithm of a cost (1.2)"),
    ),
    "what is wrong with the world": (
        ("overdispersion", share, "SHARE", "correlation of failures within 15 s, each revision for itself"),
        ("outage", span, "START+LENGTH", "a shared outage, such as 20m+5m"),
        ("outage-share", share, "SHARE", "share of requests that fail in it (0.1)"),
        ("pod-speed-spread", float, "SIGMA", "how unlike the pods' response times are: 0.05 for some 5 %"),
        ("pod-error-spread", float, "SIGMA", "how unlike their odds of a failure are"),
        ("pod-speed-drift", float, "SIGMA", "how far the response times of every pod wander, each for itself"),
        ("pod-error-drift", float, "SIGMA", "how far its odds of a failure wander"),
        ("drift-time", seconds, "TIME", "after which a pod has forgotten where it was (20m)"),
        ("spells", float, "N", "bad spells of every pod of either revision in an hour, at random"),
        ("spell-time", seconds, "TIME", "their mean length (3m)"),
        ("spell-share", share, "SHARE", "share of the requests to a pod that fail in its bad spell (0.5)"),
        ("poison", float, "N", "poisoned requests in an hour: every try of one fails"),
        ("poison-tries", int, "N", "how often each is tried, at one revision, within seconds (10)"),
        ("churn", seconds, "TIME", "every pod restarts or is replaced after this time"),
        ("missing", share, "SHARE", "share of scrapes that fail"),
        ("target-gone", span, "START+LENGTH", "Prometheus does not know the candidate's pods"),
        ("prometheus-down", span, "START+LENGTH", "Prometheus is down"),
        ("segment-share", share, "SHARE", "share of a segment of users; only its errors differ then"),
        (
            "segment-share-candidate",
            share,
            "SHARE",
            "share of the segment among the candidate's requests (as --segment-share)",
        ),
        ("segment-base-error", share, "SHARE", "share of failed requests in the segment on stable (as elsewhere)"),
    ),
    "objectives": (
        ("max-errors", share, "SHARE", "largest allowed share of failed requests (0.01)"),
        ("latency-threshold", seconds, "TIME", "longest time of a good answer (300ms)"),
        ("percentile", int, "P", "share of good answers in percent, 50 to 99 (95)"),
        ("max-cost", float, "COST", "largest allowed mean cost of a request; stable's is 1 (1.05)"),
        ("most-cost", float, "COST", "largest cost of one request, which lets the mean be proven (none is stated)"),
    ),
}
"""By the title of their group: the name of a parameter of a case, how it is read, what stands for it, and its help."""


def _add_case_options(command: argparse.ArgumentParser) -> None:
    groups = {title: command.add_argument_group(title) for title in CASE_OPTIONS}
    for title, options in CASE_OPTIONS.items():
        for name, kind, metavar, text in options:
            groups[title].add_argument(f"--{name}", type=kind, metavar=metavar, help=text.replace("%", "%%"))
    release = groups["traffic"].add_mutually_exclusive_group()
    release.add_argument("--weight", type=int, metavar="W", help="percent of the requests for the candidate (10)")
    release.add_argument(
        "--stages",
        type=stages,
        metavar="W[:MIN[:MAX]],...",
        help="stages with their shortest and longest times instead, such as 5:10m:1h,25,50 (1m and 1h)",
    )
    groups["objectives"].add_argument(
        "--objectives", type=_names, metavar="NAME,...", help=f"which are promised: {', '.join(OBJECTIVES)}"
    )
    groups["objectives"].add_argument(
        "--proof",
        choices=[proof.value for proof in Proof],
        metavar="NAME",
        help=f"what a promotion has to prove: {', '.join(PROOFS)} (BelowTwiceTheLimit)",
    )
    groups["objectives"].add_argument(
        "--rollback-without-evidence",
        action="store_const",
        const=True,
        help="roll back when a stage's longest time is over without a verdict",
    )


def _run(options: argparse.Namespace) -> None:
    if options.list:
        # Only now: the parser must not wait for NumPy to load.
        from palier.cli.simulate.page import list_scenarios  # noqa: PLC0415

        print_text(list_scenarios())
        return
    if watch := choose_watch(options, [name for group in CASE_OPTIONS.values() for name, *_ in group]):
        watch.run_simulation(options, jobs=options.jobs or _cpus())
        return
    try:
        file = _read_file(options.file) if options.file else None
        case = _case(options, file)
        plan = _plan(options, case, file.proofs if file else {})
    except ValueError as error:
        options.command.error(f"argument --{error}")
    for note in _notes(case):
        warn(f"palier: {note}")
    if options.plot:
        from palier.cli.simulate.plot import check_plot  # noqa: PLC0415

        check_plot(options.plot)
    (print_json if options.json else print_text)(_run_simulation(options, plan))


def _read_file(path: str) -> "FileChanges":
    # Only now: the other commands must not wait for the API's models to load.
    from palier.cli.simulate.file import file_changes  # noqa: PLC0415

    file = file_changes(path)
    for note in file.notes:
        warn(f"palier: {note}")
    return file


def _case(options: argparse.Namespace, file: "FileChanges | None") -> Case:
    """The scenario, changed by the file, changed by the options."""
    changes: dict[str, Any] = dict(SCENARIOS[options.scenario].changes) | (file.changes if file else {})
    given = {one.name: value for one in fields(Case) if (value := getattr(options, one.name, None)) is not None}
    if options.weight is not None:
        changes["stages"] = (Stage(options.weight, 0.0, 0.0),)
    changes |= given
    if "minutes" not in changes:
        changes["minutes"] = _minutes(changes)
    written = options.stages is not None or (options.file and options.weight is None)
    if not written:
        # Stages without times of their own share the time evenly.
        chosen = changes.get("stages", Case().stages)
        each = changes["minutes"] * MINUTE / len(chosen)
        changes["stages"] = tuple(replace(stage, minimum=each, maximum=each) for stage in chosen)
    case = Case(**changes)
    _check_events(case)
    return case


def _minutes(changes: Mapping[str, Any]) -> float:
    longest = sum(stage.maximum for stage in changes.get("stages", ())) / MINUTE
    return longest or Case().minutes


def _check_events(case: Case) -> None:
    """Refuse a case whose point lies after its end."""
    if case.onset >= case.duration:
        raise ValueError(f"onset: {write_time(case.onset)} is not before the end ({write_time(case.duration)})")
    events = {
        "outage": case.outage,
        "bad-pod": case.bad_pod,
        "target-gone": case.target_gone,
        "prometheus-down": case.prometheus_down,
    }
    for name, event in events.items():
        if event.length and event.start >= case.duration:
            raise ValueError(f"{name}: {write_time(event.start)} is not before the end ({write_time(case.duration)})")


def _notes(case: Case) -> list[str]:
    """Where stable itself does not keep the promises, no candidate can prove that it does."""
    notes = []
    if "errors" in case.objectives and case.base_error > case.max_errors:
        notes.append(
            f"stable itself fails {case.base_error:.2%} of its requests and {case.max_errors:.2%} are allowed: "
            "see --base-error and --max-errors"
        )
    slow, allowed = case.slow_share(), 1 - case.percentile / 100
    if "latency" in case.objectives and slow > allowed:
        notes.append(
            f"stable itself answers {slow:.2%} of its requests later than {write_time(case.latency_threshold)} and "
            f"{allowed:.2%} are allowed: see --latency-median and --latency-threshold"
        )
    return notes


def _plan(options: argparse.Namespace, case: Case, proofs: Mapping[str, Proof]) -> "Plan":
    from palier.simulate.runs import Plan, check  # noqa: PLC0415

    if options.proof and options.engine != "palier":
        raise ValueError(f"proof: only Palier proves anything, and {options.engine} decides here")
    if options.proof:
        proofs = dict.fromkeys(case.objectives, Proof(options.proof))
    plan = Plan(case, engine=options.engine, seed=options.seed, settings=tuple(options.set), proofs=proofs)
    check(plan)
    return plan


def _run_simulation(options: argparse.Namespace, plan: "Plan") -> str:
    from palier.cli.simulate.page import page  # noqa: PLC0415
    from palier.cli.simulate.pool import play_all  # noqa: PLC0415
    from palier.simulate.measures import parameters, summary  # noqa: PLC0415
    from palier.simulate.runs import play  # noqa: PLC0415
    from palier.simulate.waiting import describe_proofs  # noqa: PLC0415

    runs = play_all(partial(play, plan), options.runs, jobs=options.jobs or _cpus())
    result = {
        "scenario": options.scenario,
        "engine": options.engine,
        "seed": options.seed,
        "candidateIsWorse": plan.case.candidate_is_worse,
        **summary(runs, plan.case),
        "settings": list(plan.settings),
        **(describe_proofs(plan) if plan.engine == "palier" else {}),
        "parameters": parameters(plan.case),
    }
    if options.plot:
        from palier.cli.simulate.plot import draw  # noqa: PLC0415

        draw(options.plot, result, runs)
    return json.dumps(result) if options.json else page(result, runs)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_count, _seed = partial(parse_whole, least=1), partial(parse_whole, least=0)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))
