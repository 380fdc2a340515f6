"""What may be asked for in the world of load tests, what is best computed by hand, and everything that can happen."""

from typing import Any

from palier.api.v1alpha1 import ModelDeployment
from tests.support.release.load_world import PRICES, LoadWorld, Truth, asked, load_tested, monthly

CORES = {"a": "1", "b": "2", "c": "3", "d": "4"}
FAMILIES: dict[str, dict[str, str]] = {"1": {}, "2": {"a": "1", "b": "2"}, "3": CORES, "4": {"c": "3"}}
"""Variants by the version of the model; the model itself takes one core, as variant a does."""


def spec(version: str, *, alone: bool = False, **changes: Any) -> ModelDeployment:  # noqa: ANN401
    """The spec of a version, with its variants unless it stands alone."""
    return load_tested(version, variants={} if alone else FAMILIES[version], **changes)


def cores() -> dict[str, str]:
    """Cores of a pod by revision, for every revision that a spec here can ask for."""
    found = {asked(spec(version, alone=True)).revision: "1" for version in FAMILIES}
    for version, variants in FAMILIES.items():
        found |= {way.revision: variants.get(way.variant, "1") for way in asked(spec(version)).options}
    return found


ALL = cores()


def affordable(world: LoadWorld, revision: str) -> bool:
    """Whether a revision carries the target within the budget of 1000, computed by hand."""
    truth = world.truth(revision)
    return truth.kind == "Pass" and monthly(ALL[revision], truth) <= 1000


def may_pass(world: LoadWorld, revision: str) -> bool:
    """Whether nobody can know that a revision does not carry the target within the budget."""
    return affordable(world, revision) or world.truth(revision).kind not in {"Pass", "Fail"}


def best(world: LoadWorld) -> str | None:
    """The revision that the spec should lead to: the cheapest that carries the target, of equals the first."""
    fits = [revision for revision in world.revisions().values() if affordable(world, revision)]
    return min(fits, key=lambda revision: monthly(ALL[revision], world.truth(revision)), default=None)


class Fate:
    """A world to which things happen, with what is excused from being tested."""

    def __init__(self, truths: dict[str, Truth], *, on_no_evidence: str = "Hold") -> None:
        self.rules: dict[str, Any] = {"onNoEvidence": on_no_evidence}
        self.world = LoadWorld.born(spec("1", **self.rules), truths=truths)
        self.untested: set[str] = set()
        """Revisions that a person wanted promoted, or that were under trial while the spec had no load test."""
        self.asks: dict[str, Any] = {"version": "1", "alone": False, "staged": True, "test": {"path": "/"}}

    @property
    def candidate(self) -> str:
        """The revision under trial, or the refused one."""
        return self.world.state.candidate.revision if self.world.state.candidate else ""

    def let(self, event: str) -> None:
        """One thing happens, and a second passes."""
        self._do(event.split())
        self.world.tick(kill_after=int(event[-1]) if event.startswith("kill") else None)
        if not self.asks["staged"] and self.candidate:
            self.untested.add(self.candidate)
        self.check()

    def check(self) -> None:
        """What must hold after everything that happens."""
        world, state = self.world, self.world.state
        tested = {revision for _, revision, _, _ in world.ended if affordable(world, revision)}
        for revision, weight in world.weights.items():
            assert not weight or revision in tested | self.untested, f"{revision} has users and was not tested"
        if state.candidate and state.release and state.stable:
            assert state.candidate.revision != state.stable.revision
        if state.stable:
            assert world.replicas[state.stable.revision] == 2
        for reason, ways in world.refusals:
            # Never for what is not known, unless the owner wants that in the end.
            if reason == "NoEvidence":
                assert self.rules["onNoEvidence"] == "Rollback"
            else:
                assert not [revision for revision in ways if may_pass(world, revision)]
        if state.release is None and not state.drains:
            assert not world.left_behind()

    def _do(self, words: list[str]) -> None:
        world = self.world
        match words:
            case ["version" | "alone", version]:
                self._ask_for(version=version, alone=words[0] == "alone", staged=True)
            case ["stage", "removed"]:
                self._ask_for(alone=True, staged=False)
            case ["other", "requests"]:
                self._ask_for(test={"path": f"/{world.now}"})
            case ["pause" | "resume"]:
                self.rules["paused"] = words == ["pause"]
                self._ask_for()
            case ["abort" | "promote"]:
                world.ask(**{words[0]: self.candidate})
                self.untested |= {self.candidate} if words == ["promote"] else set()
            case ["retry"]:
                world.ask(abort="", retry=str(world.now))
            case _:
                self._befall(words)

    def _befall(self, words: list[str]) -> None:
        world = self.world
        match words:
            case ["ten", "minutes"]:
                world.now += 600
            case ["prices", where]:
                world.prices = PRICES if where == "back" else None
            case ["texts", where]:
                world.readable = where == "back"
            case ["break", "candidate"]:
                world.broken.add(self.candidate)
            case ["heal", "candidates"]:
                world.broken.clear()
            case _:
                pass  # a second passes, or the operator dies in it

    def _ask_for(self, **changes: Any) -> None:  # noqa: ANN401 - arguments of `spec`
        self.asks |= changes
        self.world.ask_for(spec(**self.asks, **self.rules))


def finished(world: LoadWorld, seconds: int = 150) -> LoadWorld:
    """The world after its release has ended, or after so many seconds."""
    for _ in range(seconds):
        world.tick()
        if world.state.release is None and not world.state.drains:
            break
    return world


def serving(truths: dict[str, Truth] | None = None, **changes: Any) -> LoadWorld:  # noqa: ANN401
    """A world whose first version was tested and serves."""
    world = LoadWorld.born(spec("1", **changes), truths=dict(truths or {}))
    world.truths[world.revision] = Truth()
    finished(world)
    assert world.state.stable is not None
    assert world.state.stable.version == "1"
    world.made.clear()
    world.history.clear()
    return world
