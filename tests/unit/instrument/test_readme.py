"""What the package's page tells people to type works, and its tables are true."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from palier.watch.features.profile import write_profile
from palier.watch.features.rows import profile_rows
from palier_instrument import declaration
from palier_instrument.ledger import PARTS
from palier_instrument.values import LONGEST_CATEGORY
from tests.support.instrument.page import Page

README = (Path(__file__).parents[3] / "instrument" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run_block(block: str) -> dict[str, Any]:
    """Run an example of the page in the present folder; returns what it has defined."""
    Path("server.py").write_text(block, encoding="utf-8")
    return runpy.run_path("server.py")


@pytest.fixture
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with the profile of some training data; the registry is left as it was."""
    rows = [{"amount": float(number), "plan": "free", "score": number / 100} for number in range(200)]
    (tmp_path / "training.json").write_text(write_profile(profile_rows(rows)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = set(REGISTRY._collector_to_names)
    yield
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)


@pytest.mark.usefixtures("_server")
@pytest.mark.parametrize("block", BLOCKS, ids=[str(number) for number in range(len(BLOCKS))])
def test_examples_run(block: str) -> None:
    """As they are written."""
    assert len(BLOCKS) == 5
    run_block(block)


@pytest.mark.usefixtures("_server")
def test_two_lines_are_enough() -> None:
    """With the profile of the training data, a call has counted its features and its prediction."""
    names = run_block(BLOCKS[0])

    assert names["predict"]({"amount": 150.0, "plan": "free"}) == {"score": 0.7}

    page = Page(REGISTRY)
    assert page.read_number("amount").counts == (0, 0, 0, 0, 0, 0, 0, 1, 0, 0)
    assert page.read_category("plan").counts == {"free": 1}
    assert page.read_number("score", kind="prediction").counts == (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)


def test_the_limits_are_those_of_the_code() -> None:
    """Whoever declares reads them there."""
    for words in (
        f"| features, predictions | {declaration.MOST_FEATURES}, {declaration.MOST_PREDICTIONS} |",
        f"| edges of a number, categories of a feature | {declaration.MOST_EDGES}, {declaration.MOST_CATEGORIES} |",
        f"| groups | {declaration.MOST_GROUPS} |",
        f"| series of one process | {declaration.MOST_SERIES:,} |",
        f"{declaration.LONGEST_NAME} characters; {LONGEST_CATEGORY}, longer ones",
        f"`part`: {', '.join(f'`{part}`' for part in PARTS)} |",
    ):
        assert words in README


@pytest.mark.usefixtures("_server")
def test_the_series_are_those_of_the_tables() -> None:
    """Of the package's page, and of the one about the watch."""
    watch_page = (Path(__file__).parents[3] / "docs" / "watch.md").read_text(encoding="utf-8")
    run_block(BLOCKS[0])
    exported = {name for name, _ in Page(REGISTRY).series if name.startswith("palier_")}

    for page in (README, watch_page):
        section = page[page.index("| series | labels |") :].partition("\n\n")[0]
        first, *ends = re.findall(r"`(palier_feature_value\w+|_count|_sum)`", section)
        named = {first, *(f"palier_feature_value{end}" for end in ends)}
        named |= set(re.findall(r"palier_\w+_total", section))
        assert named == {name for name in exported if not name.startswith("palier_prediction")}
