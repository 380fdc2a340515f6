"""The knobs that are turned: each engine as its documentation shows it, and everything around that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

from palier.evidence.objective import ObjectiveRule
from palier.measuring.sources import MeasuredObjective
from palier.simulate.case import Case
from palier.simulate.engine import objectives_of, palier
from palier.simulate.knobs import peer_options
from palier.simulate.outcome import Outcome
from palier.simulate.peers import ENGINES as PEERS
from palier.simulate.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Setting:
    """One engine with some knobs turned; none turned is the documented example."""

    engine: str
    turned: tuple[str, ...] = ()
    """As `key=value`."""

    @property
    def label(self) -> str:
        """Engine and knobs."""
        return " ".join((self.engine, *self.turned))


DOCUMENTED = tuple(Setting(engine) for engine in ("palier", *PEERS))


def swept() -> tuple[Setting, ...]:
    """Every setting of the sweep, the documented ones included."""
    settings = list(DOCUMENTED)
    for share, limit, interval in product((0.95, 0.97, 0.98, 0.985, 0.99, 0.995), range(6), (60, 120, 300)):
        settings.append(Setting("argo", (f"success={share}", f"failure_limit={limit}", f"interval={interval}")))
    for share, threshold in product((0.95, 0.97, 0.98, 0.985, 0.99), (1, 2, 3, 5, 7, 10, 15, 20)):
        settings.append(Setting("flagger", (f"success={share}", f"threshold={threshold}")))
    settings += [Setting("kayenta", (f"interval={interval}",)) for interval in (120, 300, 1200, 1800)]
    settings += [Setting("kayenta", (f"judge.allowed_increase={least}",)) for least in (1.5, 2.0)]
    settings += [
        Setting("kayenta", (f"passing={passing}", f"marginal={marginal}"))
        for passing, marginal in ((75, 50), (100, 95))
    ]
    settings += [Setting("naive", (f"alpha={alpha}",)) for alpha in (1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03)]
    settings += [Setting("palier", (f"alpha={alpha}",)) for alpha in (1e-4, 1e-3, 0.05, 0.2)]
    settings += [Setting("palier", (f"cap={cap}",)) for cap in (0.5, 1.5, 3.0, 100.0)]
    settings += [Setting("palier", (f"margin={margin}",)) for margin in (1.0, 1.1, 1.5, 2.0)]
    settings += [
        Setting("palier", ("cap=100", "margin=1.0")),
        Setting("palier", ("cap=1.5", "alpha=0.05")),
    ]
    return tuple(settings)


def engine(setting: Setting, case: Case) -> Callable[[Traffic], Outcome]:
    """The engine with this setting, ready to judge runs of the case.

    A peer gets a weight that climbs by the clock, Palier climbs by itself.
    """
    if setting.engine == "palier":
        objectives = tuple(_turned(objective, setting.turned) for objective in objectives_of(case))
        return lambda traffic: palier(traffic, objectives)
    peer, options = PEERS[setting.engine], peer_options(case, setting.engine, setting.turned)
    return lambda traffic: peer(traffic.make_recording(), options)


def _turned(objective: MeasuredObjective, turned: tuple[str, ...]) -> MeasuredObjective:
    rule = objective.rule
    if not turned:
        return objective
    if not isinstance(rule, ObjectiveRule):
        raise TypeError(f"only rules of shares have these knobs, not {rule!r}")
    changes: dict[str, float] = {}
    for setting in turned:
        name, _, value = setting.partition("=")
        changes[name] = type(getattr(rule, name))(value)
    return replace(objective, rule=replace(rule, **changes))  # type: ignore[arg-type]
