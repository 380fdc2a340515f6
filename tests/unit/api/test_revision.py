"""What makes a new revision, and what must not."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.revision import revision_hash
from palier.api.v1alpha1 import parse

CASES = Path(__file__).parents[3] / "tests/apiserver/accept"
FULL = CASES / "every-field.yaml"
MINIMAL = Path(__file__).parents[3] / "examples/minimal.yaml"
PROMPTS = {"system": "You name the language of a text."}


def _hash(manifest: dict[str, Any], prompts: dict[str, str] | None = None) -> str:
    spec = parse(manifest).spec
    return revision_hash(spec.model, spec.serving, PROMPTS if prompts is None else prompts)


@pytest.fixture
def manifest() -> dict[str, Any]:
    """A manifest with every field."""
    loaded: dict[str, Any] = yaml.safe_load(FULL.read_text())
    return loaded


def test_it_never_changes_between_versions_of_palier(manifest: dict[str, Any]) -> None:
    """An upgrade of the operator must not start a release of every model: these values are for ever."""
    assert _hash(manifest) == "ac49a05b10"

    for field in ("runtime", "runtimeVersion"):
        del manifest["spec"]["model"][field]

    assert _hash(manifest) == "8a9082c9d1"
    assert _hash(yaml.safe_load(MINIMAL.read_text()), {}) == "6117ee295f"


def test_the_order_of_keys_does_not_count(manifest: dict[str, Any]) -> None:
    """YAML maps have no order."""
    spec = manifest["spec"]
    turned = {**manifest, "spec": dict(reversed(spec.items()))}
    turned["spec"]["serving"] = dict(reversed(spec["serving"].items()))

    assert _hash(turned) == _hash(manifest)


def test_stored_defaults_do_not_count() -> None:
    """The API server writes defaults into the object: a field with a new default must not make a new revision."""
    written = yaml.safe_load(MINIMAL.read_text())
    stored = copy.deepcopy(written)
    stored["spec"]["serving"] |= {
        "replicas": 1,
        "placement": {"accelerator": "CPU", "surge": "Wait"},
        "variants": [],
    }
    stored["spec"]["model"]["prompts"] = []

    assert _hash(stored, {}) == _hash(written, {})


def _path(value: object) -> str:
    return ".".join(map(str, value)) if isinstance(value, tuple) else ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("serving", "replicas"), 7),
        (("serving", "placement", "surge"), "Swap"),
        (("budget",), {"currency": "EUR", "monthly": "3000"}),
        (("scale",), {"target": {"requestsPerSecond": "200"}}),
        (("owner", "email"), "other@example.com"),
        (("objectives",), []),
        (("release",), {"stages": []}),
        (("traffic",), {"gateway": {"parentRefs": [{"name": "other"}], "router": "EnvoyGateway"}}),
        (("signals", "requests"), "requests_total"),
    ],
    ids=_path,
)
def test_what_runs_is_not_changed_by(manifest: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Autoscaling, objectives, traffic, release rules, plan and budget leave the revision alone."""
    before = _hash(manifest)
    _set(manifest, path, value)

    assert _hash(manifest) == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model", "version"), "2.1.2"),
        (("model", "uri"), "oci://models/lingua:2"),
        (("serving", "port"), 8081),
        (("serving", "placement", "gpu", "count"), 1),
        (("serving", "template", "metadata", "labels", "app"), "other"),
        (("serving", "template", "spec", "containers", 0, "env", 0, "value"), "3"),
        (("serving", "template", "spec", "tolerations"), []),
    ],
    ids=_path,
)
def test_a_new_revision_is_made_by(manifest: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Everything that runs counts, also fields of the pod that Palier does not know."""
    before = _hash(manifest)
    _set(manifest, path, value)

    assert _hash(manifest) != before


def test_a_surge_alone_is_no_placement() -> None:
    """Where a placement says nothing else, to add the surge is not to add a placement."""
    manifest = yaml.safe_load(MINIMAL.read_text())
    before = _hash(manifest, {})
    manifest["spec"]["serving"]["placement"] = {"surge": "Swap"}

    assert _hash(manifest, {}) == before


def test_a_family_is_named_by_all_its_variants() -> None:
    """A variant more, or a change in one of them, is another family; how a variant waits for a node is not."""
    manifest = yaml.safe_load((CASES / "scaling-every-field.yaml").read_text())
    family = _hash(manifest)
    variants = manifest["spec"]["serving"]["variants"]

    variants[3]["placement"]["surge"] = "Wait"
    assert _hash(manifest) == family

    variants[2]["model"]["version"] = "2.1.2-int8"
    changed = _hash(manifest)
    assert changed != family

    del variants[2]
    assert len({family, changed, _hash(manifest)}) == 3


def test_a_changed_prompt_makes_a_new_revision(manifest: dict[str, Any]) -> None:
    """The text of a prompt counts, not only where it is kept."""
    assert _hash(manifest, {"system": "You name the language of a text!"}) != _hash(manifest)


def _set(manifest: dict[str, Any], path: tuple[str | int, ...], value: object) -> None:
    place: Any = manifest["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
