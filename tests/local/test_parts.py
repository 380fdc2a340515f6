"""Cache keys: they change with what shapes a part, and with nothing else."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from local import build, catalogue
from local.errors import LocalError
from local.parts import Part
from local.progress import Step


@dataclass(frozen=True)
class FromFile:
    """A recipe that copies a file of ours, and fails if told to."""

    source: Path
    fail: bool = False

    def make(self, target: Path, log: Path, step: Step) -> None:
        """Writes the result, and then fails if it should."""
        del log, step
        (target / "result").write_text(self.source.read_text())
        if self.fail:
            raise LocalError("told to fail")

    def sources(self) -> list[Path]:
        """The file."""
        return [self.source]


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Part:
    """A part whose cache is empty."""
    monkeypatch.setenv("PALIER_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "source"
    source.write_text("one")
    return Part("example", "1.2", "an example", FromFile(source))


def test_a_key_changes_with_our_sources_the_recipe_and_the_version(part: Part, tmp_path: Path) -> None:
    """Whatever shapes a part gives it another place in the cache."""
    keys = {part.key()}
    (tmp_path / "source").write_text("two")
    keys |= {
        part.key(),
        replace(part, version="1.3").key(),
        replace(part, recipe=FromFile(tmp_path / "source", fail=True)).key(),
    }
    assert len(keys) == 4


def test_a_key_does_not_change_with_the_description(part: Part) -> None:
    """Rewording what a part is must not cost ten minutes."""
    assert replace(part, what="another text").key() == part.key()


def test_keys_do_not_depend_on_where_the_checkout_is() -> None:
    """Two checkouts of the same commit share a cache."""
    for known in catalogue.PARTS:
        assert str(Path(build.__file__).parent) not in repr(known.recipe)


def test_a_part_is_built_once(part: Part, tmp_path: Path) -> None:
    """The second time it is found, however much of it has been changed by hand."""
    build.ensure([part])
    (part.folder() / "result").write_text("by hand")
    build.ensure([part])
    assert part.file("result").read_text() == "by hand"
    assert list((tmp_path / "cache" / "scratch").iterdir()) == []


def test_a_failed_build_leaves_nothing(part: Part, tmp_path: Path) -> None:
    """A part is there completely or not at all."""
    failing = replace(part, recipe=FromFile(tmp_path / "source", fail=True))
    with pytest.raises(LocalError, match="told to fail"):
        build.ensure([failing])
    assert not failing.built()
    assert list((tmp_path / "cache" / "scratch").iterdir()) == []


def test_an_unknown_part_is_named_together_with_the_known_ones() -> None:
    """A typing error is explained."""
    with pytest.raises(LocalError, match=r"no part is called kubee; there are: .*kube"):
        build.named(["kubee"])
