"""The closing table, computed from what was measured, with the definitions next to it."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from local.demo.measuring import Failures, Served
from local.demo.observation import Plan
from local.demo.terminal import WIDTH, Tone, paint
from local.demo.timeline import milliseconds

_HEADINGS = ("act", "outcome", "breach to 0 %", "requests", "failed: by the version", "otherwise", "p95")

DEFINITIONS = """\
breach to 0 %: from the moment at which the first bad answer of the candidate had reached a user (act 2: slower than \
250 ms, act 3: an error) until its weight was 0. Weight 0: the gateway's route says 0, and the last request that the \
candidate answered had been sent. This is what users saw, not what a single verdict took: evidence needs several bad \
answers before it is evidence.
failed, by the version: errors that the candidate's server itself answered. Otherwise: all other failed requests, \
whoever lost them (no answer, an answer made up by the gateway, an error of the stable version). Palier must cause none.
p95: of all users in the act, as they saw it, gateway included."""


_PLAN_HEADINGS = ("version", "verdict", "one replica carries", "replicas", "a month", "1,000 answers", "fits at most")

PLAN_DEFINITIONS = """\
one replica carries: the highest rate of arrivals, in requests per second, at which the load test found every promise \
kept: on this machine, within the CPU limit of the manifest. Replicas: for the plan's traffic, with the reserve that \
the manifest asks for. A month, 1,000 answers: what those replicas cost at OpenCost's default prices. Fits at most: \
the traffic, in requests per second, that the budget pays for. These numbers are Palier's own, from status.plan."""


@dataclass(frozen=True, slots=True)
class Result:
    """What an act came to. Times are seconds."""

    number: int
    name: str
    outcome: str
    why: str
    requests: int
    failures: Failures
    p95: float | None
    breach_to_zero: float | None = None
    served: Sequence[Served] = ()
    problems: Sequence[str] = ()  # where the act did not end as the story says
    plan: Plan | None = None

    @property
    def as_told(self) -> bool:
        """Whether everything went as the story says."""
        return not self.problems


def render(results: Sequence[Result], *, colour: bool) -> str:
    """Draw the table, the reasons, the served shares and the definitions."""
    rows = [_row(result) for result in results]
    widths = [max(len(row[column]) for row in [_HEADINGS, *rows]) for column in range(len(_HEADINGS))]
    lines = [paint(_join(_HEADINGS, widths), Tone.HEADING, colour=colour), "  ".join("─" * width for width in widths)]
    for result, row in zip(results, rows, strict=True):
        lines.append(paint(_join(row, widths), Tone.PLAIN if result.as_told else Tone.BAD, colour=colour))
    lines += ["", paint("why", Tone.HEADING, colour=colour)]
    for result in results:
        lines += _wrapped(f"{result.number}  ", result.why)
        for problem in result.problems:
            lines += [paint(line, Tone.BAD, colour=colour) for line in _wrapped("   ", f"not as told: {problem}")]
    if shares := [f"act {result.number}: {_shares(result.served)}" for result in results if result.served]:
        lines += ["", paint("share of answers from the candidate, counted (weight)", Tone.HEADING, colour=colour)]
        for share in shares:
            lines += _wrapped("   ", share)
    lines += ["", *_defined(DEFINITIONS, colour=colour)]
    if any(result.plan for result in results):
        lines += ["", *_plans(results, colour=colour)]
    return "\n".join(lines)


def _plans(results: Sequence[Result], *, colour: bool) -> list[str]:
    """What the plan takes with each version that was tested for it."""
    tested = [(result, result.plan) for result in results if result.plan]
    rows = [_plan_row(result, plan) for result, plan in tested]
    widths = [max(len(row[column]) for row in [_PLAN_HEADINGS, *rows]) for column in range(len(_PLAN_HEADINGS))]
    target = figure(tested[0][1].target)
    return [
        paint(f"what {target} requests/s would take", Tone.HEADING, colour=colour),
        _join(_PLAN_HEADINGS, widths),
        "  ".join("─" * width for width in widths),
        *(_join(row, widths) for row in rows),
        "",
        *_defined(PLAN_DEFINITIONS, colour=colour),
    ]


def _plan_row(result: Result, plan: Plan) -> tuple[str, ...]:
    return (
        f"{result.number}  {result.name}",
        plan.verdict,
        figure(plan.capacity),
        "-" if plan.replicas is None else str(plan.replicas),
        f"{figure(plan.monthly)} {plan.currency}" if plan.monthly else "-",
        f"{figure(plan.per_thousand)} {plan.currency}" if plan.per_thousand else "-",
        figure(plan.affordable, rounding=ROUND_FLOOR),
    )


def figure(number: str, *, rounding: str = ROUND_HALF_EVEN) -> str:
    """A number for people: whole from 100 on, else three digits; a dash when it is not known."""
    if not number:
        return "-"
    value = Decimal(number)
    rounded = value.quantize(Decimal(1).scaleb(min(0, value.adjusted() - 2)), rounding=rounding)
    return f"{rounded:,f}"


def _defined(text: str, *, colour: bool) -> list[str]:
    return [
        paint(line, Tone.QUIET, colour=colour)
        for definition in text.splitlines()
        for line in textwrap.wrap(definition, WIDTH)
    ]


def _row(result: Result) -> tuple[str, ...]:
    return (
        f"{result.number}  {result.name}",
        result.outcome,
        "-" if result.breach_to_zero is None else f"{result.breach_to_zero:.1f} s",
        str(result.requests),
        str(result.failures.own),
        str(result.failures.other),
        milliseconds(result.p95),
    )


def _join(row: Sequence[str], widths: Sequence[int]) -> str:
    left = 2  # words to the left, numbers to the right
    cells = (
        cell.ljust(width) if column < left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()


def _shares(shares: Sequence[Served]) -> str:
    parts = (
        f"{each.percent:.1f} % of {each.total} ({each.weight:g} %{'' if each.as_declared else ', BEYOND 3 SIGMA'})"
        for each in shares
    )
    return ", ".join(parts)


def _wrapped(mark: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False)
