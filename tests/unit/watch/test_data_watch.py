"""What is known of the data: a reference is gathered, findings begin, stay and end, and absence decides nothing."""

import pytest

from palier.api.status.data_drift import FINDINGS, LONGEST_REFERENCE, DriftKind, DriftReason
from palier.watch.data_watch import DataWatch, Gathering
from palier.watch.features.data_drift import Series
from palier.watch.features.measure import DriftRules, share_alpha
from palier.watch.features.profile import Feature, Numbers, Part, Profile, Reference

HOUR = 3600.0
RULES = DriftRules(alpha=share_alpha(HOUR))
EDGES = (10.0, 20.0, 50.0, 100.0)
USUAL, MOVED = Numbers(EDGES, (200, 300, 200, 200, 100)), Numbers(EDGES, (20, 80, 200, 300, 400))
FURTHER = Numbers(EDGES, (0, 20, 80, 300, 600))
MISSING = Numbers(EDGES, (0,) * 5, nulls=1000)
FEW = Numbers(EDGES, (2, 3, 2, 2, 1))
PLAN = Gathering(2, 1500)
TRAINING = Reference("training.json", Profile(20_000, {"amount": Numbers(EDGES, (4000, 6000, 4000, 4000, 2000))}))


def window(*features: Feature, **groups: Feature) -> Profile:
    """A window with features a, b, ...; or with the feature `amount` alone, in groups."""
    named = dict(zip("abcdefghijklmnopqrstuvwxyz", features, strict=False)) if len(features) > 1 else {}
    every = named or {"amount": features[0]}
    rows = max(one.events for one in every.values())
    parts = {group: Part(one.events, {"amount": one}) for group, one in groups.items()}
    return Profile(rows, every, "group" if parts else "", parts)


class Watching:
    """Windows of an hour, one after the other."""

    def __init__(self, against: Reference | Gathering = TRAINING) -> None:
        self.watch, self.against, self.now = DataWatch.begin("digest", "it"), against, 0.0

    def see(self, *windows: Profile) -> DataWatch:
        """So many windows pass."""
        for one in windows:
            self.now += HOUR
            self.watch = self.watch.add_window(
                one, start=self.now - HOUR, end=self.now, rules=RULES, against=self.against
            )
        return self.watch

    def miss(self, hours: int = 1) -> DataWatch:
        """So many windows cannot be read."""
        for _ in range(hours):
            self.now += HOUR
            self.watch = self.watch.miss_window("nobody there", now=self.now)
        return self.watch


def test_a_reference_is_complete_with_its_windows_and_its_events() -> None:
    """Both are needed, idle windows are none, and it is frozen then."""
    watching = Watching(Gathering(3, 2000))
    assert watching.see(window(USUAL)).reference.windows == 1
    watching.see(window(FEW), window(Numbers(EDGES, (0,) * 5)))
    assert watching.watch.reference.windows == 2
    assert watching.see(window(FEW)).message == "the reference has 3 of 3 windows and 1020 of 2000 events"
    assert watching.see(window(USUAL)).reference.complete
    frozen = watching.watch.reference
    assert watching.see(window(USUAL)).reference == frozen
    assert watching.watch.reason is DriftReason.NO_DRIFT


def test_a_window_is_counted_once_in_a_reference() -> None:
    """A process that begins reads the last two windows again."""
    watching = Watching(Gathering(5, 100))
    watch = watching.see(window(USUAL), window(USUAL))
    again = watch.add_window(window(USUAL), start=0, end=HOUR, rules=RULES, against=watching.against)
    again = again.add_window(window(USUAL), start=HOUR, end=2 * HOUR, rules=RULES, against=watching.against)

    assert again.reference == watch.reference


def test_a_feature_that_cannot_be_counted_together_leaves_the_reference() -> None:
    """Its edges have changed between two windows; the others stay."""
    watching = Watching(PLAN)
    watching.see(window(USUAL, USUAL), window(Numbers((1.0, 2.0), (500, 500, 0)), USUAL))
    watch = watching.see(window(USUAL, USUAL))

    assert watch.memory is not None
    assert list(watch.memory.reference.profile.features) == ["b"]


def test_a_reference_fits_into_a_status() -> None:
    """What has no room is named, and is not asked about."""
    every = {f"feature_{number:03d}": USUAL for number in range(100)}
    watching = Watching(PLAN)
    large = Profile(1000, every, "group", {f"g{number}": Part(1000, every) for number in range(20)})
    watch = watching.see(large, large)

    assert watch.reference.complete
    assert len(watch.reference.text) <= LONGEST_REFERENCE
    assert watch.reference.left_out


def test_two_windows_in_succession_make_a_finding() -> None:
    """The first one is suspected, and is none."""
    watching = Watching()
    assert watching.see(window(USUAL), window(MOVED)).findings == ()
    assert watching.watch.reason is DriftReason.CANNOT_TELL
    (found,) = watching.see(window(MOVED)).findings
    assert (found.series, found.kind, found.since) == (Series("", "amount"), DriftKind.DATA_DRIFTS, 3 * HOUR)


@pytest.mark.parametrize("between", ["missed", "idle", "never told"])
def test_windows_with_a_gap_between_them_do_not_confirm_each_other(between: str) -> None:
    """They do not follow each other; two more are needed."""
    watching = Watching()
    watching.see(window(USUAL), window(MOVED))
    if between == "missed":
        watching.miss()
    elif between == "idle":
        watching.see(window(Numbers(EDGES, (0,) * 5)))
    else:
        watching.now += HOUR
    assert watching.see(window(MOVED)).findings == ()
    assert len(watching.see(window(MOVED)).findings) == 1


def test_a_finding_ends_after_two_quiet_windows() -> None:
    """One of them is chance; and it keeps its beginning until then."""
    watching = Watching()
    since = watching.see(window(MOVED), window(MOVED)).findings[0].since
    watching.see(window(MOVED), window(USUAL), window(MOVED), window(MOVED))
    assert [one.since for one in watching.watch.findings] == [since]
    watching.see(window(USUAL), window(USUAL))
    assert len(watching.watch.findings) == 1
    assert watching.see(window(USUAL)).findings == ()
    assert watching.watch.reason is DriftReason.NO_DRIFT


def test_absent_data_ends_no_finding_and_begins_none() -> None:
    """Neither an outage, nor pods that export nothing, nor windows without events."""
    watching = Watching()
    watching.see(window(MOVED), window(MOVED))
    found = watching.watch.findings
    watching.miss(5)
    watching.see(*[Profile(0, {})] * 3, *[window(Numbers(EDGES, (0,) * 5))] * 3)

    assert watching.watch.findings == found
    assert watching.watch.reason is DriftReason.DATA_DRIFTS
    assert "as of before" in watching.watch.message
    quiet = Watching()
    assert quiet.miss(5).reason is DriftReason.CANNOT_WATCH
    assert quiet.watch.findings == ()


def test_a_feature_that_is_not_exported_any_more_keeps_its_finding() -> None:
    """Others are; of it nobody knows anything."""
    watching = Watching(Reference("r", Profile(20_000, dict.fromkeys("ab", TRAINING.profile.features["amount"]))))
    found = watching.see(window(MOVED, USUAL), window(MOVED, USUAL)).findings
    others = Profile(1000, {"b": USUAL})

    assert watching.see(others, others, others, others).findings == found


def test_what_is_broken_goes_first_and_stays_broken() -> None:
    """It has a name of its own, which a mixed window does not take away."""
    watching = Watching(Reference("r", Profile(20_000, dict.fromkeys("ab", TRAINING.profile.features["amount"]))))
    watch = watching.see(window(MOVED, MISSING), window(MOVED, MISSING))
    assert [(one.series.feature, one.kind) for one in watch.findings] == [
        ("b", DriftKind.FEATURE_BROKEN),
        ("a", DriftKind.DATA_DRIFTS),
    ]
    assert watch.findings[0].fault == "AllNull"
    assert watch.reason is DriftReason.FEATURE_BROKEN
    assert watch.message.endswith("; and 1 more")
    watch = watching.see(window(MOVED, MOVED), window(MOVED, MOVED), window(MOVED, MOVED))
    assert {one.kind for one in watch.findings} == {DriftKind.FEATURE_BROKEN, DriftKind.DATA_DRIFTS}


def test_a_group_is_named_where_only_it_has_changed() -> None:
    """What all users have is told once, and not for every group."""
    groups = {name: Part(10_000, TRAINING.profile.features) for name in ("de", "fr")}
    against = Reference("r", Profile(20_000, TRAINING.profile.features, "group", groups))
    watching = Watching(against)
    one = window(Numbers(EDGES, (2000, 3000, 2000, 2000, 1000)), de=USUAL, fr=MOVED)
    assert [str(found.series) for found in watching.see(one, one).findings] == ["amount of fr"]
    everywhere = Watching(against)
    one = window(MOVED, de=MOVED, fr=MOVED)
    assert [str(found.series) for found in everywhere.see(one, one).findings] == ["amount"]


def test_no_more_findings_are_kept_than_a_status_has() -> None:
    """Those that were told stay, also where others come that are as bad; the rest is a number."""
    every = {f"f{number:02d}": TRAINING.profile.features["amount"] for number in range(30)}
    watching = Watching(Reference("r", Profile(20_000, every)))

    def moved(first: int) -> Profile:
        """The last two have moved, and from `first` on all others further than they."""
        further = {name: FURTHER if int(name[1:]) >= first else USUAL for name in every}
        return Profile(1000, {**further, "f28": MOVED, "f29": MOVED})

    watch = watching.see(moved(30), moved(30), moved(0), moved(0))
    assert len(watch.findings) == FINDINGS
    assert watch.others == 10
    kept = {one.series for one in watch.findings}
    assert {Series("", "f28"), Series("", "f29")} <= kept
    assert {one.series for one in watching.see(moved(0), moved(0)).findings} == kept


def test_a_process_that_begins_goes_on_from_the_last_two_windows() -> None:
    """What was suspected before it is confirmed, and nothing is found twice."""
    watching = Watching()
    watch = watching.see(window(USUAL), window(MOVED))
    reborn = DataWatch(watch.reference, watch.window, watch.reason, watch.message, watch.findings)
    for number in (2, 3):
        reborn = reborn.add_window(
            window(MOVED), start=(number - 1) * HOUR, end=number * HOUR, rules=RULES, against=TRAINING
        )

    assert len(reborn.findings) == 1
    assert reborn.add_window(window(MOVED), start=2 * HOUR, end=3 * HOUR, rules=RULES, against=TRAINING) is reborn


def test_few_events_are_no_good_news() -> None:
    """It is said how many would do."""
    watch = Watching().see(window(FEW), window(FEW))

    assert watch.reason is DriftReason.CANNOT_TELL
    assert "too few" in watch.message


def test_a_reference_without_the_wanted_features_says_so() -> None:
    """Nothing can be compared with it."""
    watch = Watching(Reference("training.json", Profile(5, {}))).see(window(USUAL))

    assert watch.reason is DriftReason.CANNOT_WATCH
    assert watch.message == "training.json has none of the features that are to be watched"
