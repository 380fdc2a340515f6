"""The parser and the API server agree: the data files of tests/apiserver are read here without any server."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.generate.crd import object_schema
from palier.api.rule import VALIDATIONS
from palier.api.rules.quality import quality_rules
from palier.api.v1alpha1 import parse
from palier.errors import InvalidSpec

CASES = Path(__file__).parents[2] / "apiserver"


def _name(path: Path) -> str:
    return path.stem


def _rules(schema: dict[str, Any]) -> set[str]:
    """Every message of every rule of a schema."""
    inner = [*schema.get("properties", {}).values(), *(schema[key] for key in ("items",) if key in schema)]
    own = {rule["message"] for rule in schema.get(VALIDATIONS, ())}
    return own.union(*(_rules(each) for each in inner))


MESSAGES = _rules(object_schema())
ADVICE = {rule.message for rule in quality_rules() if rule.holds is None}
"""What the API server alone refuses: a release has an answer of its own to a stored object that breaks it."""


@pytest.mark.parametrize("path", sorted((CASES / "accept").glob("*.yaml")), ids=_name)
def test_reads_what_the_api_server_accepts(path: Path) -> None:
    """Every manifest that can be stored can be read."""
    manifest = yaml.safe_load(path.read_text())

    assert parse(manifest).metadata.name == manifest["metadata"]["name"]


@pytest.mark.parametrize("path", sorted((CASES / "reject").glob("*.yaml")), ids=_name)
def test_refuses_what_the_api_server_refuses(path: Path) -> None:
    """An object that was stored before a rule existed is caught at the same field, for the same reason."""
    text = path.read_text()
    message, field = (line.removeprefix("# ").removeprefix("at ") for line in text.splitlines()[:2])
    if any(message in advice for advice in ADVICE):
        parse(yaml.safe_load(text))
        return

    with pytest.raises(InvalidSpec) as caught:
        parse(yaml.safe_load(text))

    assert caught.value.field == field
    own = {each for each in MESSAGES if message in each}
    assert not own or caught.value.message in own


def test_every_rule_has_a_case() -> None:
    """No rule goes untested: each of its messages is expected by some data file."""
    expected = [path.read_text().splitlines()[0].removeprefix("# ") for path in (CASES / "reject").glob("*.yaml")]

    assert {message for message in MESSAGES if not any(part in message for part in expected)} == set()
