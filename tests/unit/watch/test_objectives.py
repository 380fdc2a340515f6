"""The memory of one objective: whom its burning was told, and when that is over."""

from decimal import Decimal

from palier.watch.error_budget import Severity
from palier.watch.objectives import BLIND_AFTER, Alert, ObjectiveWatch, find_alert, find_windows

LIMIT = Decimal("0.01")
START = 1_795_564_800.0
MINUTE = 60.0


def watch(one: ObjectiveWatch, minutes: int, *, bad: int, total: int = 600) -> ObjectiveWatch:
    """The same after so many minutes, each with so many bad events."""
    for _ in range(minutes):
        now = one.slots.at
        one = one.add_minute(bad, total, since=now, until=now + MINUTE, limit=LIMIT)
    return one


def begin() -> ObjectiveWatch:
    """Nothing was counted yet."""
    return ObjectiveWatch.begin("0123456789abcdef", 28, now=START)


def test_an_alert_has_the_instant_at_which_it_began() -> None:
    """Failures that go on make no new alert."""
    burning = watch(begin(), 1, bad=300)
    assert burning.alert == Alert(Severity.PAGE, START + MINUTE)
    assert watch(burning, 10, bad=300).alert == burning.alert


def test_an_objective_that_is_kept_alerts_nobody() -> None:
    """One in a hundred is what is allowed; there is no alert in a day of it."""
    one = begin()
    for _ in range(24):
        one = watch(one, 60, bad=6)
        assert one.alert is None


def test_an_alert_needs_its_evidence_to_begin_and_not_to_go_on() -> None:
    """Else it would come and go with every failure: it ends when a window is no longer above its factor."""
    calm = watch(begin(), 3, bad=0, total=10)
    few = watch(calm, 1, bad=4, total=10)
    assert few.alert is None
    told = ObjectiveWatch(few.of, few.slots, Alert(Severity.PAGE, START))
    assert find_windows(few.slots, Severity.PAGE, limit=LIMIT, now=few.slots.at).exceeds
    assert told.miss_minute("", limit=LIMIT, now=few.slots.at).alert == Alert(Severity.PAGE, START)
    later = watch(told, 400, bad=0, total=10)
    assert later.alert is None or later.alert.severity is Severity.TICKET


def test_a_page_becomes_a_ticket_before_it_is_over() -> None:
    """The short windows of a page are calm first."""
    one, seen = watch(begin(), 30, bad=300), []
    for _ in range(400):
        one = watch(one, 30, bad=0)
        seen.append(one.alert.severity if one.alert else None)
        if one.alert is None:
            break
    assert [severity for place, severity in enumerate(seen) if seen[:place][-1:] != [severity]] == [
        *([Severity.PAGE] if seen[0] is Severity.PAGE else []),
        Severity.TICKET,
        None,
    ]


def test_a_page_that_lacks_evidence_now_is_no_ticket_yet() -> None:
    """A burst of hours ago makes a ticket; the page goes on while its own windows are above their factor."""
    burst = watch(begin(), 1, bad=1000, total=2000)
    for number in range(600):
        now = START + MINUTE * (number + 1)
        burst = burst.add_minute(0, 0, since=now, until=now + MINUTE, limit=LIMIT)
    few = watch(burst, 1, bad=4, total=40)
    told = Alert(Severity.PAGE, START)
    for before, severity in ((None, Severity.TICKET), (told, Severity.PAGE)):
        found = find_alert(few.slots, before, limit=LIMIT, now=few.slots.at)
        assert found is not None
        assert found.severity is severity
        windows = find_windows(few.slots, severity, limit=LIMIT, now=few.slots.at)
        assert (windows.rule.severity, windows.exceeds) == (severity, True)


def test_a_minute_that_is_not_known_is_neither_good_nor_bad() -> None:
    """The reason is kept; after ten minutes somebody should look."""
    one = watch(begin(), 5, bad=0)
    at = one.slots.at
    missed = one.miss_minute("nobody there", limit=LIMIT, now=at + MINUTE)
    assert (missed.slots, missed.problem) == (one.slots, "nobody there")
    assert not missed.is_blind(at + BLIND_AFTER - 1)
    assert missed.is_blind(at + BLIND_AFTER)
    assert not one.is_blind(at + BLIND_AFTER)
    assert watch(missed, 1, bad=0).problem == ""
