"""Which manifests the API server accepts and which it refuses, with the words that it answers: one data file each.

The first comment line of a file under `reject/` is part of the expected message, the second names the field.
"""

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.apiserver.conftest import Api

if TYPE_CHECKING:
    from local.client import Client

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"

ACCEPTED = sorted((HERE / "accept").glob("*.yaml"))
REFUSED = sorted((HERE / "reject").glob("*.yaml"))
SHOWN = sorted(
    path
    for path in EXAMPLES.rglob("*.yaml")
    if any(
        isinstance(one, dict) and one.get("kind") == "ModelDeployment" for one in yaml.safe_load_all(path.read_text())
    )
)


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", ACCEPTED, ids=_name)
def test_accepts(api: Api, path: Path) -> None:
    """A manifest within the rules is stored without a warning."""
    api.must("apply", "-f-", given=path.read_text())


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_accepts_the_examples(api: Api, path: Path) -> None:
    """What the examples show can be applied as it is."""
    for manifest in yaml.safe_load_all(path.read_text()):
        if manifest and manifest["kind"] == "ModelDeployment":
            manifest["metadata"].pop("namespace", None)
            api.apply(manifest)


@pytest.fixture(scope="session")
def refusals(client: "Client") -> dict[Path, str]:
    """What is said to each manifest that breaks a rule: all in one go, because a kubectl for each takes a minute."""
    answer = Api(client, "default").run("apply", "-f", str(HERE / "reject"))
    _, *parts = re.split(r'^.*error when \w+ "(.+?)": ', answer.complaints, flags=re.MULTILINE)
    return dict(zip(map(Path, parts[::2]), parts[1::2], strict=True))


@pytest.mark.parametrize("path", REFUSED, ids=_name)
def test_refuses(refusals: dict[Path, str], path: Path) -> None:
    """A manifest that breaks a rule is refused, and the answer names the field and says what is allowed."""
    message, field = itertools.islice((line.removeprefix("# ") for line in path.read_text().splitlines()), 2)

    words = refusals.get(path, "it was accepted")

    assert f"{field.removeprefix('at ')}: " in words
    assert message in words


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("spec",),
        ("spec", "owner"),
        ("spec", "model"),
        ("spec", "serving"),
        ("spec", "serving", "placement"),
        ("spec", "scale"),
        ("spec", "scale", "overheads"),
        ("spec", "scale", "loadTest"),
        ("spec", "scale", "loadTest", "corpus"),
        ("spec", "budget"),
        ("spec", "serving", "template"),
        ("spec", "serving", "template", "metadata"),
        ("spec", "traffic", "service"),
        ("spec", "answers"),
        ("spec", "golden"),
        ("spec", "golden", "judge"),
        ("spec", "shadow"),
        ("spec", "shadow", "disagreements"),
        ("spec", "release"),
    ],
    ids=".".join,
)
def test_refuses_unknown_fields(api: Api, minimal: dict[str, Any], path: tuple[str, ...]) -> None:
    """A misspelt field is refused instead of being dropped in silence."""
    place = minimal
    for step in path:
        place = place.setdefault(step, {})
    place["misspelt"] = True

    answer = api.run("apply", "-f-", given=minimal)

    assert answer.status != 0
    assert f'unknown field "{".".join((*path, "misspelt"))}"' in answer.complaints


def test_keeps_fields_of_the_pod_that_palier_does_not_know(api: Api, minimal: dict[str, Any]) -> None:
    """Pods and containers may use every field that Kubernetes has, also ones newer than Palier."""
    pod = minimal["spec"]["serving"]["template"]["spec"]
    pod["shiny"] = {"new": True}
    pod["containers"][0]["shiny"] = ["new"]

    stored = api.apply(minimal)

    assert pod == stored["spec"]["serving"]["template"]["spec"]
