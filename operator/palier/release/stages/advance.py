"""The step of a release from one stage of its plan to the next, which every kind of stage makes."""

from dataclasses import replace

from palier.release.holds import describe_shift
from palier.release.situation import Decision, Note, Situation


def next_stage(situation: Situation, notes: tuple[Note, ...] = ()) -> Decision:
    """The release at the next stage of its plan; its pods have to be ready there before anything moves."""
    release = situation.release.advance(now=situation.now)
    entered = replace(situation, state=replace(situation.state, release=release))
    weight = release.landing.weight if release.landing else 100
    moving = f"moving to {weight} % of the traffic" if release.landing or release.stage is None else "pods are ready"
    return Decision(entered.state, notes=notes, hold=describe_shift(entered, moving))
