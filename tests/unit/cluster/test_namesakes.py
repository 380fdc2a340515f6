"""Objects of the same name: what is remembered of one does not count for another."""

from palier.cluster.namesakes import Namesakes
from palier.cluster.queue import Key

DEMO, OTHER = Key("ml", "demo"), Key("ml", "other")


def test_another_object_of_the_same_name_is_met_without_memories() -> None:
    """Only a change of the uid forgets, and only what stands under that name."""
    forgotten: list[Key] = []
    namesakes = Namesakes(forgotten.append)
    for key, uid in ((DEMO, "a"), (OTHER, "b"), (DEMO, "a"), (OTHER, "b")):
        namesakes.meet(key, uid)
    assert forgotten == []
    namesakes.meet(DEMO, "c")
    assert forgotten == [DEMO]
    namesakes.meet(DEMO, "c")
    assert forgotten == [DEMO]


def test_whoever_is_gone_is_not_remembered() -> None:
    """What is forgotten with an object that was seen to go is not forgotten once more."""
    forgotten: list[Key] = []
    namesakes = Namesakes(forgotten.append)
    namesakes.meet(DEMO, "a")
    namesakes.leave(DEMO)
    namesakes.leave(OTHER)
    namesakes.meet(DEMO, "b")
    assert forgotten == []


def test_forgetting_may_leave_the_name_itself() -> None:
    """The same function drops everything, however it was found out that an object is gone."""
    forgotten: list[Key] = []

    def forget(key: Key) -> None:
        forgotten.append(key)
        namesakes.leave(key)

    namesakes = Namesakes(forget)
    for uid in ("a", "b", "b", "c"):
        namesakes.meet(DEMO, uid)
    assert forgotten == [DEMO, DEMO]
