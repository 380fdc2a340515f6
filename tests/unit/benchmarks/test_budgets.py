"""The benchmark of error budgets counts in the windows of the product, and what it measures holds with few runs."""

import numpy as np
import pytest

from benchmarks.budgets import __main__ as budgets
from palier.watch.error_budget import ALERT_RULES, Severity
from palier.watch.slots import Slots

BEGIN = 28 * 86_400 * 800
"""A slot of every ring begins here."""


def test_its_windows_are_those_of_the_slots() -> None:
    """At some looks of six days, in all windows."""
    chance = np.random.default_rng(3)
    bad, total = budgets.play(chance, 0.05, [(6, 0.2)])
    windows = {parts: budgets.sum_windows(total, parts) for rule in ALERT_RULES for parts in (rule.long, rule.short)}
    slots = Slots.begin(budgets.DAYS, now=BEGIN)
    for look, (failed, counted) in enumerate(zip(bad.tolist(), total.tolist(), strict=True)):
        slots = slots.add_look(failed, counted, since=slots.at, until=slots.at + budgets.LOOK)
        if look % 97 == 0:
            for parts, found in windows.items():
                assert slots.read_window(parts, now=slots.at).total == found[look]


@pytest.mark.parametrize(("limit", "rate"), [(0.001, 0.01), (0.0001, 0.1)])
def test_low_traffic_pages_by_the_burn_alone_and_not_with_the_rule(limit: float, rate: float) -> None:
    """Exactly at its objective, such a service would wake somebody nearly every day."""
    alone, chosen, _, tickets, chosen_tickets, _ = budgets.count_alerts(limit, rate, 5, 1)

    assert alone > 10
    assert tickets > 5
    assert chosen <= 0.2
    assert chosen_tickets <= 0.2


def test_a_regression_pages_as_soon_with_the_rule_where_there_is_traffic() -> None:
    """A burn of 10 at one request a second: not a minute is lost, and hours by the rule that was not chosen."""
    chance = np.random.default_rng(5)
    for _ in range(3):
        alone, chosen, strict = budgets.time_page(chance, 0.001, 1.0, 0.01)
        assert alone == chosen < 4
        assert strict > chosen


def test_it_fails_where_the_rule_is_not_good_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And prints a row for every case, and three parts."""
    monkeypatch.setattr(budgets, "LIMITS", (0.001,))
    monkeypatch.setattr(budgets, "RATES", (0.01,))
    arguments = ["--months", "1", "--regressions", "1"]

    assert budgets.main(arguments) == 0
    assert capsys.readouterr().out.count("| 0.10% | 0.01/s |") == 3
    monkeypatch.setattr(budgets, "MOST_PAGES", -1.0)
    assert budgets.main(arguments) == 1


def test_only_the_rules_of_a_severity_count() -> None:
    """A service that burns at 2 all the time is a ticket, and no page."""
    chance = np.random.default_rng(7)
    bad, total = budgets.play(chance, 10.0, [(4, 0.02)])

    assert not budgets.find_alerts(bad, total, 0.01, Severity.PAGE).any()
    assert budgets.find_alerts(bad, total, 0.01, Severity.TICKET)[1].any()
