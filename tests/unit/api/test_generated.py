"""The checked-in CRD and reference are what the models say."""

import json
from pathlib import Path

import pytest
import yaml

from palier.api.generate import crd, generated, reference
from palier.api.generate.structural import Schema

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("files", "folder", "program"),
    [(crd.files(), "crds", crd.PROGRAM), (reference.files(), "docs/reference", reference.PROGRAM)],
    ids=["crd", "reference"],
)
def test_checked_in_files_are_up_to_date(files: dict[str, str], folder: str, program: str) -> None:
    """A change of the models without `--write` is noticed."""
    for name, text in files.items():
        assert (ROOT / folder / name).read_text() == text, f"run: {program} --write"


def test_check_tells_stale_from_fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is for CI, the diff for people."""

    def main(*arguments: str) -> int:
        return generated.main({"a.txt": "new\n"}, program="make a", folder=str(tmp_path), arguments=arguments)

    assert main("--write") == 0
    assert main("--check") == 0
    (tmp_path / "a.txt").write_text("old\n")
    assert main("--check", str(tmp_path)) == 1
    assert "-old\n+new\n" in capsys.readouterr().out


def test_printing_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an option nothing is written."""
    generated.main({"a.txt": "text\n"}, program="make a", folder="nowhere", arguments=[])

    assert capsys.readouterr().out == "text\n"


def test_crd_is_small_enough_for_client_side_apply() -> None:
    """`kubectl apply` keeps a JSON copy in an annotation, and annotations end at 256 KiB."""
    kept = json.dumps(crd.custom_resource_definition(), separators=(",", ":"))

    assert len(kept.encode()) < 208 * 1024


def test_crd_is_read_by_any_yaml_parser() -> None:
    """No anchors, which some readers of CRDs do not follow."""
    (text,) = crd.files().values()

    assert "&id" not in text
    assert yaml.safe_load(text) == crd.custom_resource_definition()


def test_every_field_is_in_the_reference() -> None:
    """People find each field of the schema with its description."""
    page = reference.reference()

    for name, field in _fields(crd.object_schema()["properties"]["spec"]):
        assert f"| `{name}` |" in page
        assert field["description"].replace("|", "\\|") in page


def test_links_of_the_reference_lead_somewhere() -> None:
    """Every link has its heading."""
    page = reference.reference()
    headings = {
        "".join(letter for letter in line.lower() if letter.isalnum())
        for line in page.splitlines()
        if line.startswith("#")
    }
    links = {part.partition(")")[0] for part in page.split("](#")[1:]}

    assert links
    assert links <= headings


def test_the_reference_describes_each_kind_of_object_once() -> None:
    """What looks the same in two places is explained at the first, and the second one leads there."""
    page = reference.reference()
    variants = page.partition("#### `spec.serving.variants[]`\n")[2].partition("\n#")[0]

    assert "| `template` | [object](#specservingtemplate) |" in variants
    assert "`spec.serving.variants[].template`" not in page
    assert "#### `spec.serving.variants[].model`" in page


def _fields(schema: Schema) -> list[tuple[str, Schema]]:
    found = []
    for name, field in schema.get("properties", {}).items():
        found += [(name, field), *_fields(field.get("items", field))]
    return found
