"""What may be asked for in the world of trials, what should come of it computed by hand, and all that can happen."""

from typing import Any

from palier.release.state import Outcome, ReleasePhase, Result
from tests.support.release.trial_specs import DIFFER, LENIENT, MIN_PAIRS, SLOWER, STRICT, Truth, revision_of, tried
from tests.support.release.trial_world import TrialWorld

VERSIONS = ("1", "2", "3", "4")
REVISIONS = {version: revision_of(tried(version)) for version in VERSIONS}
GOOD = Truth()


def alike(truth: Truth, *, lenient: bool) -> bool:
    """Whether a revision answers as stable does, and no slower, as far as the spec asks for that."""
    differs = truth.differs_leniently if lenient else truth.differs
    return differs <= DIFFER and truth.slower <= SLOWER


class Fate:
    """A world to which things happen, with what is excused from being tried."""

    def __init__(self, truths: dict[str, Truth], *, on_no_evidence: str = "Hold") -> None:
        self.asks: dict[str, Any] = {"version": "1", "onNoEvidence": on_no_evidence, "paused": False}
        self.world = serving({**truths, REVISIONS["1"]: GOOD}, onNoEvidence=on_no_evidence)
        self.wanted_by_people: set[str] = set()
        """Revisions that a person wanted promoted, or that were under trial while a stage was taken out of the spec."""
        self.broken: set[str] = set()
        """Revisions whose pods were ever lost: no answer is a wrong one."""
        self.grown: set[str] = set()
        """Revisions that needed more pods all of a sudden, perhaps after their time to become ready."""
        self.lenient: set[bool] = {False}
        """Ways to compare that were ever asked for."""
        self.met = {REVISIONS["1"]}
        """Revisions that users ever met."""
        self.outcomes = self.world.state.history

    @property
    def candidate(self) -> str:
        """The revision under trial, or the refused one."""
        return self.world.state.candidate.revision if self.world.state.candidate else ""

    def let(self, event: str) -> None:
        """One thing happens, and a second passes."""
        self._do(event.split())
        self.world.tick(kill_after=int(event[-1]) if event.startswith("kill") else None)
        if not (self.asks.get("golden", True) and self.asks.get("shadow", True)) and self.candidate:
            self.wanted_by_people.add(self.candidate)
        self.check()

    def check(self) -> None:
        """What must hold after everything that happens."""
        world, state = self.world, self.world.state
        self.met |= {revision for revision, weight in world.weights.items() if weight}
        for revision in self.met:
            assert self._may_be_met(revision), f"{revision} has users and was not tried"
        assert state.stable is not None
        assert world.replicas[state.stable.revision] == 2
        assert world.weights.get(state.stable.revision, 0) + world.weights.get(self.candidate, 0) == 100
        step = state.release.phase if state.release else None
        assert world.mirror is None or (step is ReleasePhase.SHADOWING and world.ready_proxy(world.mirror))
        assert world.copied_to is None or world.copied_to in world.proxies
        if state.outcome is not None and state.outcome not in self.outcomes:
            self._check_outcome(state.outcome)
            self.outcomes = state.history
        if state.release is None and not state.drains and world.accepted:
            assert not world.left_behind()
        assert not list(world.reconcile()), "a second pass with nothing new writes something"

    def _may_be_met(self, revision: str) -> bool:
        if revision == REVISIONS["1"] or revision in self.wanted_by_people:
            return True
        truth = self.world.truth(revision)
        compared = any(alike(truth, lenient=lenient) for lenient in self.lenient)
        return truth.golden == "Pass" and compared and self.world.pairs.get(revision, 0) >= MIN_PAIRS

    def _check_outcome(self, outcome: Outcome) -> None:
        truth, revision = self.world.truth(outcome.revision), outcome.revision
        match outcome.result, outcome.reason:
            case Result.REFUSED, "NoEvidence":
                assert self.asks["onNoEvidence"] == "Rollback"
            case Result.REFUSED, "WorseThanStable":
                assert truth.golden == "Fail"
            case Result.REFUSED, _:
                good = all(alike(truth, lenient=lenient) for lenient in self.lenient)
                assert revision in self.broken or not good, f"{revision} is good: {outcome.message}"
            case Result.ROLLED_BACK, _:
                assert revision in self.met | self.wanted_by_people, f"nobody met {revision}: {outcome.message}"
            case Result.FAILED, _:
                assert revision in self.broken | self.grown, outcome.message
            case _:
                pass  # promoted, or ended by people

    def _do(self, words: list[str]) -> None:
        world = self.world
        match words:
            case ["version", version]:
                self._ask_for(version=version)
            case ["checks", how]:
                self.lenient.add(how == "lenient")
                self._ask_for(answers=LENIENT if how == "lenient" else STRICT)
            case ["share", percent]:
                self.grown.add(self.candidate)
                self._ask_for(percent=int(percent))
            case ["golden" | "shadow" as stage, where]:
                self._ask_for(**{stage: where == "back"})
            case ["pause" | "resume"]:
                self._ask_for(paused=words == ["pause"])
            case ["abort" | "promote"]:
                world.ask(**{words[0]: self.candidate})
                self.wanted_by_people |= {self.candidate} if words == ["promote"] else set()
            case ["retry"]:
                world.ask(abort="", retry=str(world.now))
            case _:
                self._befall(words)

    def _befall(self, words: list[str]) -> None:
        world = self.world
        match words:
            case ["other", "questions"]:
                world.corpus = f"{int(world.now):016x}"
            case ["prometheus", where]:
                world.measurable = where == "back"
            case ["proxies", how]:
                world.proxies_live = how == "live"
            case ["gateway", how]:
                world.gateway_answers = how == "answers"
            case ["break", "candidate"]:
                world.broken.add(self.candidate)
                self.broken.add(self.candidate)
            case ["heal", "candidates"]:
                world.broken.clear()
            case ["operator", "restarts"]:
                world.restart()
            case _:
                pass  # a second passes, or the operator dies in it

    def _ask_for(self, **changes: Any) -> None:  # noqa: ANN401 - arguments of `tried`
        self.asks |= changes
        self.world.ask_for(tried(**self.asks))


def finished(world: TrialWorld, seconds: int = 150) -> TrialWorld:
    """The world after its release has ended, or after so many seconds."""
    for _ in range(seconds):
        world.tick()
        if world.state.release is None and not world.state.drains:
            break
    return world


def serving(truths: dict[str, Truth] | None = None, **changes: Any) -> TrialWorld:  # noqa: ANN401
    """A world whose first version gave its golden answers and serves."""
    world = TrialWorld.born(tried("1", **changes), truths=dict(truths or {}))
    finished(world)
    assert world.state.stable is not None
    assert world.state.stable.revision == REVISIONS["1"]
    world.made.clear()
    world.history.clear()
    return world
