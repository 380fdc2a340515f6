"""The memory of the data in the status: it is read back as it was written, fits, and harms nobody where it is odd."""

import json
from typing import Any

import pytest

from palier.api.rule import ApiObject
from palier.api.status.data_drift import (
    FINDINGS,
    LONGEST_REFERENCE,
    DataDriftStatus,
    DriftFindingStatus,
    DriftKind,
    DriftReason,
    DriftReferenceStatus,
)
from palier.api.stored_status import fitting_status
from palier.release.data_drift import update_drift_memory
from palier.release.drift_memory import DriftMemory
from palier.release.memory import read_state, write_state
from palier.release.state import State
from palier.watch.data_watch import DataWatch, OpenFinding, StoredReference
from palier.watch.features.bounds import bound_reference
from palier.watch.features.data_drift import Series
from palier.watch.features.profile import Numbers, Part, Profile, write_profile
from tests.support.cluster.schema import violations
from tests.support.hostile.mutations import mutate_statuses
from tests.support.release.world import model_deployment

NOW = 1_795_564_800.0
RULES = model_deployment().spec.release
NUMBER = Numbers((10.0, 20.0), (1000, 2000, 3000), nulls=4, total=12345.5)


def stored(**changes: Any) -> DataWatch:  # noqa: ANN401 - fields of `DataWatch`
    """What a process knows of data that has drifted."""
    text = write_profile(Profile(6004, {"amount": NUMBER}, "group", {"de": Part(50, {"amount": NUMBER})}))
    known: dict[str, Any] = {
        "reference": StoredReference(
            "0123456789abcdef", "what 1 (aaaaaaaaaa) met at first", text, 24, 6004, NOW - 7200, complete=True
        ),
        "window": NOW - 60,
        "reason": DriftReason.FEATURE_BROKEN,
        "message": "amount of de: drift: it is always missing",
        "findings": (
            OpenFinding(Series("de", "amount"), DriftKind.FEATURE_BROKEN, NOW - 60, "broken", "AllNull", 8.25),
            OpenFinding(Series("", "plan"), DriftKind.DATA_DRIFTS, NOW - 60, "drifts", psi=0.5),
        ),
        "others": 3,
    }
    return DataWatch(**{**known, **changes})


def largest() -> DataWatch:
    """As much as there can be."""
    wide = Numbers(tuple(map(float, range(10_000, 10_060))), (10**9,) * 61)
    every = {f"{'é' * 100}{number:03d}": wide for number in range(100)}
    bounded = bound_reference(
        Profile(10**12, every, "group", {f"g{number}": Part(5, every) for number in range(20)}), most=LONGEST_REFERENCE
    )
    reference = StoredReference("f" * 64, "n" * 999, write_profile(bounded.profile), 168, 10**15, NOW)
    findings = tuple(
        OpenFinding(
            Series("\x1b" * 64, f"{number}" + "\x1b" * 128), DriftKind.DATA_DRIFTS, NOW, "\x1b" * 9000, psi=1e300
        )
        for number in range(FINDINGS)
    )
    return stored(
        reference=StoredReference(**{
            name: getattr(reference, name) for name in ("of", "name", "text", "windows", "events", "until")
        }, left_out=bounded.left_out),
        findings=findings,
        message="\x1b" * 9000,
    )  # fmt: skip


def as_status(watch: DataWatch) -> dict[str, Any]:
    """The status with this memory."""
    return write_state(State(data=DriftMemory(NOW, watch)))


def test_it_is_read_back_as_it_was_written() -> None:
    """Everything but what Prometheus still knows."""
    watch = stored()
    status = as_status(watch)

    assert read_state(status, RULES).data == DriftMemory(NOW, watch)
    assert fitting_status(status) == (status, ())
    begun = DataWatch.begin("0123456789abcdef", "it")
    assert read_state(as_status(begun), RULES).data.watch == begun


def test_every_field_is_declared_and_none_is_too_many() -> None:
    """The API server refuses what is not."""
    written = as_status(stored(reference=largest().reference))["watch"]["dataDrift"]
    complete = as_status(stored())["watch"]["dataDrift"]["reference"]

    def declared(model: type[ApiObject]) -> set[str]:
        return {field.alias or name for name, field in model.model_fields.items()}

    assert declared(DataDriftStatus) == set(written)
    assert declared(DriftReferenceStatus) == {*written["reference"], *complete}
    assert declared(DriftFindingStatus) == {name for finding in written["findings"] for name in finding}


def test_the_largest_memory_fits() -> None:
    """Whatever features are called, and however many have no room."""
    status = as_status(largest())

    assert list(violations(status)) == []
    assert len(json.dumps(status, ensure_ascii=False).encode()) < 150_000
    assert read_state(status, RULES).data.watch is not None


def test_odd_statuses_harm_nobody() -> None:
    """What is left of one can be read or is as good as lost, and can be written again."""
    lost = 0
    for mutation in mutate_statuses(7, 400, [as_status(stored())]):
        kept, _ = fitting_status(mutation.read())
        state = read_state(kept, RULES)
        lost += state.data.watch is None
        assert list(violations(write_state(state))) == [], mutation.changes
    assert 50 < lost < 390


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("of", ""),
        ("profile", "{}"),
        ("profile", '{"format":"palier-profile","version":1,"rows":1,"features":{"a":{"kind":"number"}}}'),
        ("until", "tomorrow"),
        ("windows", "many"),
    ],
)
def test_a_reference_that_cannot_be_read_is_lost(field: str, value: object) -> None:
    """Nothing is compared with half of one."""
    status = as_status(stored())
    status["watch"]["dataDrift"]["reference"][field] = value

    assert read_state(status, RULES).data == DriftMemory()


def test_counts_of_objectives_are_kept_where_data_cannot_be_read() -> None:
    """And the other way round: they stand beside each other."""
    status = as_status(stored())
    status["watch"]["objectives"] = [{"objective": "errors"}]

    assert read_state(status, RULES).data.watch is not None


def test_nothing_new_is_not_written() -> None:
    """A window without news costs no write; six hours later the memory is written all the same."""
    before = DriftMemory(NOW, stored())
    later = stored(window=NOW + 3600, message="amount of de: drift: other numbers")
    assert update_drift_memory(before, later, wanted=True, now=NOW + 3600, under_way=False) == (before, ())
    written, notes = update_drift_memory(before, later, wanted=True, now=NOW + 6 * 3600, under_way=False)
    assert (written.watch, notes) == (later, ())
    sooner, _ = update_drift_memory(before, later, wanted=True, now=NOW + 3600, under_way=True)
    assert sooner.at == NOW + 3600


def test_what_is_new_is_told_in_one_event_of_each_kind() -> None:
    """Fifty features that break at once are one piece of news."""
    broken = tuple(
        OpenFinding(Series("", f"f{number}"), DriftKind.FEATURE_BROKEN, NOW, f"f{number}: {'x' * 900}", "AllNull")
        for number in range(15)
    )
    _, notes = update_drift_memory(
        DriftMemory(NOW, stored(findings=())), stored(findings=broken), wanted=True, now=NOW, under_way=False
    )

    (note,) = notes
    assert note.reason == "FeatureBroken"
    assert note.message.startswith("f0: x")
    assert note.message.endswith("; and 12 more")
    assert len(note.message) < 1024


def test_a_finding_that_has_no_room_any_more_is_not_over() -> None:
    """It is still there, and only not listed."""
    before = DriftMemory(NOW, stored())
    beyond = stored(findings=stored().findings[:1], beyond=(Series("", "plan"),))
    _, notes = update_drift_memory(before, beyond, wanted=True, now=NOW, under_way=False)
    assert notes == ()
    gone = stored(findings=stored().findings[:1])
    _, notes = update_drift_memory(before, gone, wanted=True, now=NOW, under_way=False)
    assert [note.reason for note in notes] == ["DataAsBefore"]


def test_who_asks_for_nothing_remembers_nothing() -> None:
    """And while nobody looks, as on a replica that stands by, what was known stays."""
    before = DriftMemory(NOW, stored())
    assert update_drift_memory(before, stored(), wanted=False, now=NOW, under_way=False) == (DriftMemory(), ())
    assert update_drift_memory(before, None, wanted=True, now=NOW, under_way=False) == (before, ())
