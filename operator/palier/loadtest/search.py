"""What to try next, and what was found: pure, from the steps so far and the plan alone.

The phases: `WarmUp` at a low rate, until the server answers; `Climb`, twice the rate until something fails; `Search`,
between the two, where the belief about the capacity (`estimate`) has its middle, until it is narrow; `Soak`, a little
below, for long. The soaked rate is the capacity. A step that the generator could not offer properly decides nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from palier.api.status.values import LoadTestPhase as Phase
from palier.loadtest import findings
from palier.loadtest.estimate import Belief, believe
from palier.loadtest.findings import SearchResult
from palier.loadtest.measure import SETTLING, Step, StepResult
from palier.loadtest.objectives import Promise
from palier.loadtest.plan import LoadTestPlan

RESOLUTION: Final = 0.035
"""Half the width of the middle 80 % of the belief, as a part of the capacity, at which the search ends."""
PROBES: Final = (0.5, 0.2, 0.8)
"""How likely the capacity is thought to lie below the rates of the search, in turn: steps on both sides show how steep
the curve is."""
CAUTION: Final = 0.35
"""How likely the capacity is thought to lie below the rate that is soaked."""
MOST_CAUTION: Final = 0.98
"""How far below the middle of the belief that rate may be, however wide the belief is."""
SEARCH_STEPS: Final = (4, 10)
"""Fewest and most steps of the search."""
LONGER: Final = 2
"""After so many steps of the search they are twice as long: what is still unclear then needs it."""
LOWERED: Final = ((0.93, 0.98), (0.92, 0.97), (0.9, 0.95), (0.7, 0.85))
"""A rate that held for a step and not for the soak is lowered to what is believed then, within these bounds."""
WARM_UP_RATE: Final = 1.0
WARM_UP_REQUESTS: Final = 5
SHORTEST_WARM_UP: Final = 2.0
"""Requests per second, requests at least, and seconds at least: what an idle server takes for an answer is needed."""
START_SHARE: Final = 0.2
"""Requests that are under way at the first rate on average: a server that is broken by too much is not measured."""
IDLE_SHARE: Final = 0.1
"""The same at the lowest rate: hardly ever two at once."""
SLOWEST: Final = 0.02
"""Requests per second that are too few to be tried."""
CLIMB: Final = 2.0
DESCENT: Final = 3.0
"""Factors from one rate to the next, up and down."""
LIMITED_STEPS: Final = 6
"""Steps in a row that the generator could not offer, before the test is given up."""
CLOSE: Final = 1.15
"""Ratio of two rates between which nothing more is tried."""
LONGEST_STEP: Final = 1 / 15
"""A step is not made longer than this share of the test for long waits to be felt."""
LONGEST_SOAK: Final = 4
"""The same of a soak, as a multiple of what was asked for."""
RESERVED_SOAKS: Final = 4
RESERVED_SHARE: Final = 0.3
"""The search leaves time and requests for so many soaks, but no more than this share of all and for one at least."""
DEAD_STEPS: Final = 4
"""Warm-ups in a row without any answer, after which there is no server where none has ever held a rate."""
PATIENCE: Final = (900.0, 1 / 3)
"""Seconds, and the share of the test, that such warm-ups may take where one has: a model that breaks down under
overload takes minutes to load again, and lower rates held."""
NOT_ACCEPTED: Final = (3, 0.01)
"""Answers with 3xx or 4xx that are accepted as accidents: so many, or this share."""
BAD_WANTED: Final = {Phase.CLIMB: 1.5, Phase.SEARCH: 10.0, Phase.SOAK: 10.0}
"""How many bad answers a step would have at the limit; fewer say nothing about a percentile."""
ALIKE: Final = 1.05
SOAK_TOLERANCE: Final = 1.25
"""Soaks at rates of about this ratio together hold up to this multiple of the limit, if the belief agrees: what was
right on the edge is not lowered again and again by chance."""


def next_step(history: Sequence[StepResult], plan: LoadTestPlan) -> Step | SearchResult:
    """The next step, or the end.

    Args:
        history: the results of all steps so far, in order.
        plan: the objectives, times and limits.
    """
    return _Search(tuple(history), plan).decide_next()


def surely_fails(bad: Sequence[int], step: Step, plan: LoadTestPlan) -> bool:
    """Whether a step cannot hold any more, even if all its other answers were good.

    Steps of the search and soaks go on until they fail by twice as much: how far they miss is needed, too. Nobody knows
    beforehand how many gaps between tokens there will be, so these never end a step.

    Args:
        bad: so far, for each objective.
        step: the step.
        plan: has the limits.
    """
    if step.phase is Phase.WARM_UP:
        return False
    slack = 1.0 if step.phase is Phase.CLIMB else 2.0
    return any(
        count > 1 + slack * objective.limit_fraction * step.judged_requests
        for count, objective in zip(bad, plan.objectives, strict=True)
        if objective.kind is not Promise.BETWEEN_TOKENS
    )


@dataclass(frozen=True, slots=True)
class _Search:
    history: tuple[StepResult, ...]
    plan: LoadTestPlan

    def decide_next(self) -> Step | SearchResult:
        refused = sum(result.not_accepted for result in self.history)
        most, share = NOT_ACCEPTED
        if refused > max(most, share * sum(result.requests for result in self.history)):
            return findings.corpus_refused(self.history)
        if not self.history or self._is_silent(self.history[-1]):
            return self._warm_up()
        last_steps = self.history[-LIMITED_STEPS:]
        if len(last_steps) == LIMITED_STEPS and all(result.generator_limited for result in last_steps):
            return findings.generator_limited(self.history[-1], held=self._find_highest_held())
        if self._list_steps_of(Phase.SOAK):
            return self._after_soak()
        if self._list_steps_of(Phase.SEARCH):
            return self._search()
        return self._climb()

    # What is known.

    def _list_steps_of(self, phase: Phase) -> list[StepResult]:
        return [result for result in self._list_counted() if result.step.phase is phase]

    def _list_counted(self) -> list[StepResult]:
        """The steps that say something about the server."""
        return [
            result
            for result in self.history
            if result.step.phase is not Phase.WARM_UP and not result.generator_limited and result.requests
        ]

    def _find_highest_held(self) -> float | None:
        return max((result.step.rate for result in self._list_counted() if result.holds), default=None)

    def _find_lowest_failed(self) -> float | None:
        return min((result.step.rate for result in self._list_counted() if not result.holds), default=None)

    def _cannot_offer(self) -> float:
        """The lowest rate that the generator could not offer twice; below one that it could, it was a hiccup."""
        offered = max((result.step.rate for result in self._list_counted()), default=0.0)
        limited = [result.step.rate for result in self.history if result.generator_limited]
        return min((rate for rate in limited if rate > offered and limited.count(rate) > 1), default=math.inf)

    def _idle_latency(self) -> float:
        warm = [result for result in self.history if result.step.phase is Phase.WARM_UP and result.latency]
        return min((result.latency[50] for result in warm), default=1.0)

    def _lowest(self) -> float:
        return _round_rate(min(self._start(), WARM_UP_RATE, max(SLOWEST, IDLE_SHARE / self._idle_latency())))

    def _start(self) -> float:
        chosen = self.plan.start_rate or max(WARM_UP_RATE, START_SHARE / self._idle_latency())
        return _round_rate(min(chosen, self.plan.max_rate))

    def _belief(self) -> Belief:
        counted = self._list_counted()
        held, failed = self._find_highest_held(), self._find_lowest_failed()
        known = [rate for rate in (held, failed) if rate is not None]
        first = believe(counted, self.plan, middle=math.sqrt(known[0] * known[-1]))
        return believe(counted, self.plan, middle=first.quantile(0.5))

    # What comes next.

    def _warm_up(self) -> Step | SearchResult:
        worked = [place for place, result in enumerate(self.history) if result.step.phase is not Phase.WARM_UP]
        dead = self.history[worked[-1] + 1 :] if worked else self.history
        seconds = max(SHORTEST_WARM_UP, self.plan.warm_up)
        if len(dead) >= DEAD_STEPS and sum(result.elapsed for result in dead) >= self._patience(seconds):
            return findings.no_server(dead, worked=self.history[worked[-1]] if worked else None)
        rate = max(WARM_UP_RATE, WARM_UP_REQUESTS / seconds)  # the lowest rate is chosen by how fast an idle server is
        return Step(Phase.WARM_UP, _round_rate(min(rate, self.plan.max_rate)), seconds)

    def _patience(self, seconds: float) -> float:
        """How long a server is waited for: not so long that no time is left for another warm-up and a soak."""
        if self._find_highest_held() is None:
            return 0.0
        longest, share = PATIENCE
        spent = sum(result.elapsed for result in self.history)
        if spent + seconds + self.plan.soak > self.plan.max_duration:
            return 0.0
        return min(longest, share * self.plan.max_duration)

    @staticmethod
    def _is_silent(result: StepResult) -> bool:
        """Whether there is no server any more, or not yet."""
        answered = result.requests - result.no_connection
        if result.step.phase is Phase.WARM_UP:
            return answered <= result.other
        return result.no_connection > answered

    def _climb(self) -> Step | SearchResult:
        held, failed, barred = self._find_highest_held(), self._find_lowest_failed(), self._cannot_offer()
        last = self.history[-1]
        if last.generator_limited and last.step.rate < barred:
            return self._fit_step(last.step)
        if held is not None and failed is not None:
            return self._search()
        if held is not None and held >= self.plan.max_rate:
            return self._soak(self.plan.max_rate)
        if held is not None:
            rate = min(CLIMB * held, self.plan.max_rate)
            rate = math.sqrt(held * barred) if rate >= barred else rate
        elif failed is not None:
            lowest = self._lowest()
            tried = [result for result in self._list_counted() if result.step.rate <= lowest]
            if len(tried) > 1:
                return findings.unreachable_objective(tried[-1], self.plan)
            rate = max(failed / DESCENT, lowest)
        else:
            rate = min(self._start(), barred / DESCENT)
        if barred / rate < CLOSE or (rate < SLOWEST and barred < math.inf):
            return findings.generator_limited(self._find_limited(), held=held)
        return self._fit_step(Step(Phase.CLIMB, _round_rate(rate), self._seconds(Phase.CLIMB, rate)))

    def _find_limited(self) -> StepResult:
        return next(result for result in reversed(self.history) if result.generator_limited)

    def _search(self) -> Step | SearchResult:
        belief, done = self._belief(), len(self._list_steps_of(Phase.SEARCH))
        least, most = SEARCH_STEPS
        rate = _round_rate(min(belief.quantile(PROBES[done % len(PROBES)]), self.plan.max_rate))
        if rate * CLOSE > self._cannot_offer():
            return findings.generator_limited(self._find_limited(), held=self._find_highest_held())
        if done >= most or (done >= least and belief.spread <= RESOLUTION and self._is_enclosed(rate)):
            return self._soak(_choose_cautiously(belief))
        longer = 1 + done / LONGER
        step = self._fit_step(Step(Phase.SEARCH, rate, longer * self._seconds(Phase.SEARCH, rate)))
        if isinstance(step, SearchResult) and (held := self._find_highest_held()) is not None:
            return self._soak(min(_choose_cautiously(belief), held) if done < least else _choose_cautiously(belief))
        return step

    def _is_enclosed(self, rate: float) -> bool:
        """Whether a step not far below held and one not far above failed: no curve alone is to be believed."""
        near = [one for one in self._list_counted() if rate / CLOSE <= one.step.rate <= rate * CLOSE]
        return any(one.holds for one in near) and any(not one.holds for one in near)

    def _after_soak(self) -> Step | SearchResult:
        soaks = self._list_steps_of(Phase.SOAK)
        last, belief = soaks[-1], self._belief()
        if self.history[-1].generator_limited:
            return self._fit_step(self.history[-1].step)
        rate = last.step.rate
        if last.holds or (
            _nearly_holds([one for one in soaks if one.step.rate < ALIKE * rate], self.plan)
            and belief.quantile(0.5) >= rate
        ):
            failed = [one.step.rate for one in self._list_counted() if not one.holds and one.step.rate > rate]
            at_least = rate >= self.plan.max_rate
            known = belief.spread
            return findings.report_capacity(
                last, self.plan, ceiling=min(failed, default=None), at_least=at_least, known=known
            )
        if len(soaks) > len(LOWERED):
            return findings.not_sustained(soaks, self.plan, held=self._find_highest_held() or rate)
        least, most = LOWERED[len(soaks) - 1]
        return self._soak(min(most * rate, max(least * rate, _choose_cautiously(belief))))

    def _soak(self, rate: float) -> Step | SearchResult:
        rate = _round_rate(min(rate, self.plan.max_rate))
        return self._fit_step(Step(Phase.SOAK, rate, self._seconds(Phase.SOAK, rate)))

    # How long.

    def _seconds(self, phase: Phase, rate: float) -> float:
        """So long that a percentile can be judged, and that a backlog can grow until it is felt."""
        enough = _answers(phase, self.plan) / rate / (1 - SETTLING)
        if phase is Phase.SOAK:
            felt = min(3 * self._until_felt(rate), LONGEST_SOAK * self.plan.soak)
            return max(self.plan.soak, enough, felt)
        felt = 5 * self.plan.longest if phase is Phase.CLIMB else self._until_felt(rate)
        return max(self.plan.step_duration, enough, min(felt, LONGEST_STEP * self.plan.max_duration))

    def _until_felt(self, rate: float) -> float:
        """So long that a queue which makes requests wait as long as they may has come to rest about ten times.

        A single queue with such waits needs about rate * threshold ** 2 / 2 seconds for that (the relaxation time of
        M/M/c near saturation, 4 / (mu (1 - rho) ** 2) with 1 - rho = 3 / (mu threshold)). Where the product of rate and
        threshold is large, the capacity is so near to saturation that less will do.
        """
        waiting = max(1e-9, rate * self.plan.longest)
        return max(5.0, min(40.0, 4 * waiting, max(10.0, 3000 / waiting))) * self.plan.longest

    def _fit_step(self, step: Step) -> Step | SearchResult:
        """The step, cut to the time and requests that are left, with enough of both left for a soak."""
        soaks = step.phase is Phase.SOAK
        soak = self._seconds(Phase.SOAK, step.rate)
        reserve = max(self.plan.soak, min(RESERVED_SOAKS * soak, RESERVED_SHARE * self.plan.max_duration))
        if soaks or self._find_highest_held() is None:
            reserve = 0.0  # there may be nothing to soak: whether any rate holds at all comes first
        time = self.plan.max_duration - sum(result.elapsed for result in self.history) - reserve
        requests = self.plan.max_requests - sum(result.sent for result in self.history) - reserve * step.rate
        seconds = min(step.seconds, time, requests / step.rate)
        least = self.plan.soak if soaks else self.plan.step_duration / 2
        if seconds < least:
            return findings.report_exhausted(
                "OutOfTime" if time < least else "OutOfRequests", self.plan, held=self._find_highest_held()
            )
        if soaks and seconds * step.rate * (1 - SETTLING) < _answers(step.phase, self.plan) / 2:
            return findings.report_exhausted("TooFewRequests", self.plan, held=self._find_highest_held())
        return Step(step.phase, step.rate, round(seconds, 3))


def _answers(phase: Phase, plan: LoadTestPlan) -> float:
    return BAD_WANTED[phase] / min(objective.limit_fraction for objective in plan.objectives)


def _nearly_holds(soaks: Sequence[StepResult], plan: LoadTestPlan) -> bool:
    """Whether soaks at about one rate together miss by no more than chance may."""
    for place, objective in enumerate(plan.objectives):
        allowed = SOAK_TOLERANCE * objective.limit_fraction
        tallies = [soak.tallies[place] for soak in soaks]
        share = sum(tally.bad for tally in tallies) / max(1, sum(tally.total for tally in tallies))
        if share > allowed or soaks[-1].closing[place].share > 2 * allowed:
            return False
    return soaks[-1].keeps_up


def _choose_cautiously(belief: Belief) -> float:
    return max(belief.quantile(CAUTION), MOST_CAUTION * belief.quantile(0.5))


def _round_rate(rate: float) -> float:
    """Three digits: what is reported is what was offered."""
    return float(f"{rate:.3g}")
