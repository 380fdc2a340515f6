"""Seeded traffic of one release, and what the scrapes of Prometheus would hold of it.

Requests arrive as a Poisson process, so what happens between two scrapes of a pod needs one draw for each counter and
no clock that ticks. A run is drawn from its own seed alone: run 7 is the same whichever engine looks at it. Where an
engine climbs to another weight or gives the candidate more pods, only what comes after that moment is drawn again.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from palier.simulate.case import Case
from palier.simulate.conditions import HISTORY, conditions
from palier.simulate.pods import Pod, draw_one_more, pods, retries
from palier.simulate.recording import Arm, Booleans, Floats, Integers, PodRecording, Recording, Truth, are_within

_UPTIME = 86_400.0
"""Seconds that stable's pods have served when the simulation begins."""

STEP = 1.0
"""Seconds of one entry of `Truth`."""


@dataclass(frozen=True, slots=True)
class _Life:
    """One process of one pod."""

    arm: Arm
    number: int
    """Of the pod among those of its revision; one that takes another's place has the same."""
    pod: str
    scrapes: Floats
    """When a scrape is due; every one of them, whether it succeeds or not."""
    begin: float
    old: bool
    """Whether it has counted since long before the simulation."""


@dataclass(frozen=True, slots=True)
class _Those:
    """Pods of one revision that are alike, and which of all scrapes are theirs."""

    arm: Arm
    chosen: Booleans
    pod: Pod | None
    """What is peculiar to the one pod; None for the usual ones."""


class Traffic:
    """One run of a case.

    Args:
        case: the parameters.
        seed: of the whole simulation.
        run: number of the run.
    """

    def __init__(self, case: Case, *, seed: int, run: int) -> None:
        self.case = case
        self._seed, self._run, self._draws = seed, run, 0
        rng = self._generator()
        self._conditions = conditions(case, rng)
        self._lives = _lives(case, rng)
        self._index_scrapes()
        self._succeeds = rng.random(self._times.size) >= case.missing
        self._pods = dict(pods(case, self._conditions.begins, rng))
        self._retries = retries(case, rng)
        self._stages: tuple[tuple[float, int], ...] = ((0.0, case.stages[0].weight),)
        self._fleets: tuple[tuple[float, int], ...] = ((-math.inf, case.candidate_pods),)
        self._counts: dict[str, Floats] = {}
        self._buckets: Integers = np.zeros((0, 0), dtype=np.int64)
        self._draw(after=-math.inf)

    def climb(self, stages: Iterable[tuple[float, int]]) -> None:
        """Give the candidate other weights from some moments on.

        Args:
            stages: (seconds since the canary began, percent), ascending, after all changes so far.
        """
        added = tuple(stages)
        if added:
            self._stages = (*self._stages, *added)
            self._draw(after=added[0][0])

    def scale(self, at: float, pods: int) -> None:
        """Give the candidate more pods; they are ready at once and share its requests evenly with the others.

        As a weight, they count from the first whole second on. What is peculiar to a new pod and when it is scraped
        depend on the run and on its number, and not on the moment.

        Args:
            at: seconds since the canary began, not before any change so far.
            pods: how many it has from then on.

        Raises:
            ValueError: these are not more pods than before, or there was a change later.
        """
        before = self._fleets[-1][1]
        if pods <= before:
            raise ValueError(f"pods: more than the {before} that there are, not {pods}")
        latest = max(self._stages[-1][0], self._fleets[-1][0])
        if at < latest:
            raise ValueError(f"at: not before the change at {latest:g} s, but {at:g} s")
        begin = float(math.ceil(at / STEP) * STEP)
        self._fleets = (*self._fleets, (begin, pods))
        for number in range(before, pods):
            rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(self._run, 0, number)))
            self._pods[Arm.CANDIDATE] += draw_one_more(self.case, number, self._conditions.begins, rng)
            added = _lives_of_pod(self.case, Arm.CANDIDATE, number, begin=begin, of=pods, rng=rng)
            self._lives += added
            scrapes = sum(life.scrapes.size for life in added)
            self._succeeds = np.concatenate((self._succeeds, rng.random(scrapes) >= self.case.missing))
        self._index_scrapes()
        added_scrapes = self._times.size - self._buckets.shape[0]
        self._counts = {name: np.pad(counted, (0, added_scrapes)) for name, counted in self._counts.items()}
        self._buckets = np.pad(self._buckets, ((0, added_scrapes), (0, 0)))
        self._draw(after=at)

    def make_recording(self) -> Recording:
        """What Prometheus holds of the run, all of it; an engine must not look ahead of its clock."""
        pods: dict[str, list[int]] = {}
        for number, life in enumerate(self._lives):
            pods.setdefault(life.pod, []).append(number)
        ends = np.cumsum([life.scrapes.size for life in self._lives])
        return Recording(
            duration=self.case.duration,
            weights=self._stages,
            pods=tuple(self._pod(numbers, ends) for numbers in pods.values()),
            unavailable=self.case.prometheus_down,
            truth=self._truth(),
        )

    def _index_scrapes(self) -> None:
        """Keep the scrapes of all lives in long rows, one life after the other."""
        sizes = [life.scrapes.size for life in self._lives]
        self._times = np.concatenate([life.scrapes for life in self._lives])
        self._since = np.concatenate([_previous(life) for life in self._lives])
        self._of = {arm: np.repeat([life.arm is arm for life in self._lives], sizes) for arm in Arm}
        self._numbers = np.repeat([life.number for life in self._lives], sizes)

    def _generator(self) -> np.random.Generator:
        self._draws += 1
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(self._run, self._draws)))

    def _weight(self) -> Floats:
        """The candidate's share of the requests in each second of the grid."""
        begins = self._conditions.begins
        share = np.zeros(begins.size)
        for start, percent in self._stages:
            share[begins >= start] = percent / 100
        return share

    def _count_pods(self, arm: Arm, times: Floats) -> Integers:
        """How many pods the revision has at some instants; a second belongs to the pods that there are at its start."""
        if arm is Arm.STABLE:
            return np.full(times.size, self.case.stable_pods)
        starts, numbers = zip(*self._fleets, strict=True)
        return np.array(numbers)[np.searchsorted(starts, times, side="right") - 1]

    def _draw(self, *, after: float) -> None:
        """Draw what happens between scrapes, where the later of the two lies after the given moment."""
        rng, weight = self._generator(), self._weight()
        counts: defaultdict[str, Floats] = defaultdict(lambda: np.zeros(self._times.size))
        buckets = np.zeros((self._times.size, len(self.case.buckets) + 1), dtype=np.int64)
        tries = self._tries(weight)
        for arm in Arm:
            share = weight if arm is Arm.CANDIDATE else 1 - weight
            rate = self._conditions.rate * share / self._count_pods(arm, self._conditions.begins)
            for those in self._unlike(arm):
                self._draw_pods(those, rate, tries, rng, counts, buckets)
        late = self._times > after
        self._counts = {name: np.where(late, drawn, self._counts.get(name, drawn)) for name, drawn in counts.items()}
        if self._buckets.size:
            buckets[~late] = self._buckets[~late]
        self._buckets = buckets

    def _unlike(self, arm: Arm) -> Iterator[_Those]:
        """The pods of a revision one by one, or all together where they are alike."""
        if not self._pods[arm]:
            yield _Those(arm, self._of[arm], None)
        for number, pod in enumerate(self._pods[arm]):
            yield _Those(arm, self._of[arm] & (self._numbers == number), pod)

    def _tries(self, weight: Floats) -> Integers:
        """How many tries of poisoned requests every pod has had between two scrapes."""
        found = np.zeros(self._times.size, dtype=np.int64)
        weights = weight[np.floor(self._retries.first - self._conditions.begins[0]).astype(np.int64)]
        for arm in Arm:
            for time, number in self._retries.go_to(arm, weights, self._count_pods(arm, self._retries.times)):
                found += self._of[arm] & (self._numbers == number) & (self._since < time) & (time <= self._times)
        return found

    def _draw_pods(
        self,
        those: _Those,
        rate: Floats,
        tries: Integers,
        rng: np.random.Generator,
        counts: dict[str, Floats],
        buckets: Integers,
    ) -> None:
        arm, chosen = those.arm, those.chosen
        between = _Between(self._conditions.begins, self._since[chosen], self._times[chosen])
        all_requests = np.zeros(between.size, dtype=np.int64)
        parts = self._conditions.parts[arm]
        for part in parts:
            expected = between.total(rate * part.share)
            requests = rng.poisson(expected)
            fails = part.bad if those.pod is None else those.pod.fail_share(part.bad)
            bad = rng.binomial(requests, _ratio(between.total(rate * part.share * fails), expected))
            if part is parts[-1]:
                requests, bad = requests + tries[chosen], bad + tries[chosen]
            all_requests += requests
            for name, drawn in {"requests": requests, "errors": bad}.items():
                counts[name][chosen] += drawn
                if part.name:
                    counts[f"{name}/{part.name}"][chosen] = drawn
        if "latency" in self.case.objectives:
            slow = self._slow_share(arm, between, rate)[:, np.newaxis]
            speed = 1.0 if those.pod is None else between.total(those.pod.speed) / between.total(np.ones(rate.size))
            usual, slower = (_by_bucket(self.case, speed * factor) for factor in (1.0, self.case.latency_factor))
            buckets[chosen] = rng.multinomial(all_requests, usual + slow * (slower - usual))
        if "cost" in self.case.objectives:
            factor = self.case.cost_factor if arm is Arm.CANDIDATE else 1.0
            worse = _ratio(between.total(rate * self._conditions.worse), between.total(rate))
            median = (1 + worse * (factor - 1)) / math.exp(self.case.cost_spread**2 / 2)
            counts["cost_sum"][chosen] = _sums(
                all_requests, median, self.case.cost_spread, rng, most=self.case.most_cost
            )

    def _slow_share(self, arm: Arm, between: "_Between", rate: Floats) -> Floats:
        if arm is Arm.STABLE:
            return np.zeros(between.size)
        return self.case.slow_part * _ratio(between.total(rate * self._conditions.slow), between.total(rate))

    def _pod(self, numbers: Sequence[int], ends: Integers) -> PodRecording:
        """The samples of one pod, from each of its processes in turn."""
        case = self.case
        lives = [self._lives[number] for number in numbers]
        arm = lives[0].arm
        places = [np.arange(ends[number] - self._lives[number].scrapes.size, ends[number]) for number in numbers]
        times = np.concatenate([life.scrapes for life in lives])
        tried = np.full(times.size, not case.no_data)
        tried &= ~are_within(times, case.prometheus_down)
        if arm is Arm.CANDIDATE:
            tried &= ~are_within(times, case.target_gone)
        succeeds = self._succeeds[np.concatenate(places)]
        read = tried & succeeds
        counters = {}
        for name, drawn in self._counts.items():
            values = np.concatenate(
                [np.cumsum(drawn[place]) + self._old(life, name) for life, place in zip(lives, places, strict=True)]
            )
            # A labelled counter appears with its first event.
            labelled = name.startswith(("errors", "requests/"))
            counters[name] = (np.where(values > 0, values, np.nan) if labelled else values)[read]
        buckets: dict[float, Floats] = {}
        if "latency" in case.objectives:
            cumulative = np.concatenate(
                [
                    np.cumsum(np.cumsum(self._buckets[place], axis=0), axis=1) + self._old_buckets(life)
                    for life, place in zip(lives, places, strict=True)
                ]
            ).astype(np.float64)
            buckets = {edge: cumulative[read, index] for index, edge in enumerate((*case.buckets, math.inf))}
        return PodRecording(
            arm=arm,
            pod=lives[0].pod,
            times=times[read],
            counters=counters,
            buckets=buckets,
            up=succeeds[tried].astype(np.float64),
            up_times=times[tried],
        )

    def _old(self, life: _Life, name: str) -> float:
        """What a process has counted before the simulation."""
        if not life.old:
            return 0.0
        requests = round(self.case.rps * _UPTIME / self.case.stable_pods)
        kind, _, part = name.partition("/")
        parts = [one for one in self._conditions.parts[Arm.STABLE] if part in ("", one.name)]
        if kind == "errors":
            return float(sum(round(requests * one.share * float(one.bad.mean())) for one in parts))
        if kind == "requests":
            return float(sum(round(requests * one.share) for one in parts))
        return float(requests)

    def _old_buckets(self, life: _Life) -> Integers:
        if not life.old:
            return np.zeros(len(self.case.buckets) + 1, dtype=np.int64)
        shares = np.cumsum(_by_bucket(self.case, 1.0))
        return np.round(self._old(life, "requests") * shares).astype(np.int64)

    def _truth(self) -> Truth:
        case, world = self.case, self._conditions
        served = world.begins >= 0
        requests = (world.rate * self._weight())[served]
        extra = world.expected_delta[served]
        if "latency" in case.objectives:
            slower = case.slow_part * (case.slow_share(case.latency_factor) - case.slow_share())
            extra = extra + world.slow[served] * slower
        return Truth(step=STEP, candidate_requests=requests, extra_bad=np.maximum(0, requests * extra))


class _Between:
    """Integrals of rates on the grid between pairs of instants."""

    def __init__(self, begins: Floats, since: Floats, until: Floats) -> None:
        self._edges = np.append(begins, begins[-1] + STEP)
        self._since, self._until = since, until
        self.size = since.size

    def total(self, rate: Floats) -> Floats:
        """Expected number of events."""
        grown = np.concatenate(([0.0], np.cumsum(rate * STEP)))
        at_ends = np.interp(self._until, self._edges, grown) - np.interp(self._since, self._edges, grown)
        return np.maximum(at_ends, 0)


def _ratio(some: Floats, all_of_them: Floats) -> Floats:
    return np.clip(np.divide(some, all_of_them, out=np.zeros_like(some), where=all_of_them > 0), 0, 1)


def _by_bucket(case: Case, factor: float | Floats) -> Floats:
    """Probability of each bucket, the infinite one included; a row for each factor where there are several."""
    medians = case.latency_median * np.asarray(factor)[..., np.newaxis]
    return np.diff(ndtr(np.log(np.array(case.buckets) / medians) / case.latency_spread), prepend=0.0, append=1.0)


def _sums(numbers: Integers, median: Floats, spread: float, rng: np.random.Generator, *, most: float | None) -> Floats:
    """Sums of so many log-normal values each; no approximation, because rare large values are what costs are like."""
    drawn = rng.lognormal(0.0, spread, size=int(numbers.sum()))
    if most is not None:
        drawn = np.minimum(drawn, most / np.repeat(median, numbers))
    grown = np.concatenate(([0.0], np.cumsum(drawn)))
    ends = np.cumsum(numbers)
    return np.asarray(median * (grown[ends] - grown[ends - numbers]), dtype=np.float64)


def _previous(life: _Life) -> Floats:
    return np.concatenate(([life.begin], life.scrapes[:-1])) if life.scrapes.size else life.scrapes


def _lives(case: Case, rng: np.random.Generator) -> list[_Life]:
    """The processes of all pods that there are when the simulation begins."""
    return [
        life
        for arm in Arm
        for number in range(case.pods_of(arm.value))
        for life in _lives_of_pod(case, arm, number, begin=-float(HISTORY), of=case.pods_of(arm.value), rng=rng)
    ]


def _lives_of_pod(case: Case, arm: Arm, number: int, *, begin: float, of: int, rng: np.random.Generator) -> list[_Life]:
    """The processes of one pod of so many, one after the other."""
    end = case.duration
    first = max(0.0, begin) + case.churn * (number + 1) / of
    deaths = np.arange(first, end, case.churn).tolist() if case.churn else []
    lives: list[_Life] = []
    phase = 0.0
    for index, (birth, death) in enumerate(zip([begin, *deaths], [*deaths, math.inf], strict=True)):
        if index % 2 == 0:
            phase = rng.uniform(0, case.scrape)
        due = np.arange(math.ceil((birth - phase) / case.scrape), math.floor((end - phase) / case.scrape) + 1)
        scrapes = due * case.scrape + phase
        pod = f"{arm.value}-{number + 1}" + (f"-{index // 2 + 1}" if case.churn else "")
        old = arm is Arm.STABLE and index == 0
        lives.append(_Life(arm, number, pod, scrapes[(scrapes > birth) & (scrapes < death)], birth, old))
    return lives
