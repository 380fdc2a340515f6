"""The documentation says what is there: links lead somewhere, doors exist, reasons are explained, examples parse."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from palier.api.constants import KIND
from palier.api.status.data_drift import DriftReason
from palier.api.v1alpha1 import parse
from palier.economics.burn import BurnRule
from palier.release.state import ReleasePhase, Result

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "charts" / "palier" / "README.md"])
LINKING = sorted(
    [*PAGES, *ROOT.glob("examples/**/*.md"), *ROOT.glob("benchmarks/**/*.md"), ROOT / "instrument" / "README.md"]
)
PACKAGES = sorted((ROOT / "operator" / "palier").glob("*/**/__init__.py"))
PICTURES = sorted(ROOT.glob("docs/images/*.svg"))
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
CODE = [
    *ROOT.glob("operator/palier/release/**/*.py"),
    *ROOT.glob("operator/palier/reconcile/*.py"),
]
VERDICTS = sorted(
    path
    for part in ("evidence", "economics", "golden", "loadtest", "workers", "workers/golden")
    for path in ROOT.glob(f"operator/palier/{part}/*.py")
)

WORD = r"[A-Z][A-Za-z]+"
SAID = (
    rf'\bHold\(\s*"({WORD})"',
    rf'\bEnding\(\s*[^,()]+,\s*"({WORD})"',
    rf'\bOutcome\(\s*[^,()]+,\s*[^,()]+,\s*"({WORD})"',
    rf'\bNote\(\s*"(?:Normal|Warning)",\s*"({WORD})"',
    rf'\bFinding\(\s*[A-Z]+,\s*"(?:True|False|Unknown)",\s*"({WORD})"',
    rf'\b_refuse\(\s*\w+,\s*\w+,\s*"({WORD})"',
    r'\breturn "(Forbidden|InvalidSpec|Rejected)"$',
    rf'\breason\s*=\s*"({WORD})"',
    rf'^[A-Z_]+ = "({WORD})"$',
    rf'\bVerdict\.[A-Z_]+,\s*"({WORD})"',
    rf'\b(?:_unknown|Unpriced|refusal|report_exhausted)\(\s*(?:\w+,\s*)?"({WORD})"',
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as repository hosts make them."""
    headings = re.findall(r"^#+ (.+)$", _without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def _blocks(page: Path) -> Iterator[dict[str, object]]:
    """The YAML objects that a page shows."""
    for block in re.findall(r"^```ya?ml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for shown in yaml.safe_load_all(block):
            if isinstance(shown, dict):
                yield shown


def _reasons(paths: list[Path]) -> set[str]:
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return {reason for pattern in SAID for reason in re.findall(pattern, code, re.MULTILINE)}


def _targets(page: Path) -> list[str]:
    """Where a page leads: its links and its pictures."""
    text = page.read_text(encoding="utf-8")
    written = re.sub(r"`[^`\n]+`", "", _without_code(text))
    return [*re.findall(r"\]\(([^)\s]+)\)", written), *re.findall(r'\bsrc="([^"]+)"', text)]


@pytest.mark.parametrize("page", LINKING, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists, and an anchor that it has."""
    broken = []
    for target in _targets(page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = page.parent / file if file else page
        if not found.exists() or (anchor and anchor not in _anchors(found.read_text(encoding="utf-8"))):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("page", WRITTEN, ids=_name)
def test_doors_exist(page: Path) -> None:
    """Every `make X` that a page tells people to type is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    typed = re.findall(r"(?:`|^)make((?: [a-z0-9-]+)+)", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert {word for words in typed for word in words.split()} - targets == set()


def test_every_door_is_described() -> None:
    """People who read about the doors learn of all of them."""
    text = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    doors = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert [door for door in doors if f"`make {door}`" not in text] == []


def test_every_reason_is_explained() -> None:
    """A reason that a condition, an ending, an Event or a verdict can show is found in troubleshooting."""
    reasons = (
        _reasons(CODE) | _reasons(VERDICTS) | {str(step) for step in ReleasePhase} | {str(result) for result in Result}
    )
    reasons |= {str(one) for kind in (BurnRule, DriftReason) for one in kind}

    assert {"Judging", "CannotMeasure", "AbortRequested", "HardStop", "StageStarted"} <= reasons
    assert {"InvalidSpec", "Rejected", "StableUnavailable", "Promoted", "NotProven"} <= reasons
    assert {reason for reason in reasons if f"`{reason}`" not in TROUBLESHOOTING} == set()


def test_every_hold_has_a_section() -> None:
    """Why a release waits is what people look up most: meaning, what to look at, what to do."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    holds = set(re.findall(SAID[0], code)) | {"Judging", "CannotMeasure"}
    headings = set(re.findall(r"^### `(\w+)`$", TROUBLESHOOTING, re.MULTILINE))

    assert headings == holds - {"RollingBack"}


@pytest.mark.parametrize("page", WRITTEN, ids=_name)
def test_examples_are_valid(page: Path) -> None:
    """Every ModelDeployment that a page shows can be read by the operator."""
    for shown in _blocks(page):
        if shown.get("kind") == KIND:
            parse(shown)


def test_files_that_the_architecture_names_exist() -> None:
    """Whoever adds something is sent to files that are there."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+/)+[\w.-]+\.(?:py|yaml|toml))`", text))
    places = (ROOT, ROOT / "operator" / "palier")

    assert len(named) > 30
    assert {name for name in named if not any((place / name).exists() for place in places)} == set()


def test_the_readme_is_one_page() -> None:
    """Whoever comes by reads it to the end: what it is, why, how to start; the rest is in docs/."""
    words = (ROOT / "README.md").read_text(encoding="utf-8").split()

    assert len(words) <= 600


def test_the_readme_starts_with_what_to_type() -> None:
    """The two commands stand before any other, and one picture before them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = re.findall(r"^(make \w+|docker|helm|kubectl)", text, re.MULTILINE)

    assert typed[:2] == ["make demo", "make test"]
    assert text.count("<img ") == 1
    assert text.index("<img ") < text.index("make demo")


def test_every_page_is_listed() -> None:
    """A page that no list names is read by nobody."""
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / target.partition("#")[0]).resolve() for target in _targets(index)}
    pages = {page for page in PAGES if page.is_relative_to(index.parent)}

    assert sorted(map(_name, pages - listed - {index})) == []


def test_the_readme_shows_a_model_deployment() -> None:
    """Whoever starts finds an example to copy."""
    assert any(shown.get("kind") == KIND for shown in _blocks(ROOT / "README.md"))


@pytest.mark.parametrize("page", WRITTEN, ids=_name)
def test_tests_that_are_named_exist(page: Path) -> None:
    """A guard that a page promises is really there."""
    files = [path for path in ROOT.glob("tests/**/*.py") if "test_" in path.name]
    defined = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))}

    assert set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))) - defined == set()


@pytest.mark.parametrize("path", PACKAGES, ids=_name)
def test_the_map_of_a_package_names_modules_that_exist(path: Path) -> None:
    """The docstring of a package says which module holds what: it must not send anybody to one that is gone."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    listed = [line.partition(":")[0] for line in docstring.splitlines() if line.startswith("- ")]
    named = {name.rstrip("/") for line in listed for name in re.findall(r"`([\w/]+)`", line)}

    assert {name for name in named if not any(path.parent.glob(f"{name}*"))} == set()


@pytest.mark.parametrize("path", PICTURES, ids=_name)
def test_a_picture_needs_nothing_from_elsewhere(path: Path) -> None:
    """It has a text for those who cannot see it, colours for dark pages, and no font or file of another host."""
    picture = path.read_text(encoding="utf-8")

    assert "<title" in picture
    assert "<desc" in picture
    assert "prefers-color-scheme: dark" in picture
    assert re.findall(r'(?:href|src)="|url\(|@import', picture) == []
