"""Taking a cluster away: what came with it goes, what was there before stays."""

import socket
from pathlib import Path

import pytest

from local import teardown
from local.errors import LocalError
from local.paths import Layout


@pytest.fixture(autouse=True)
def any_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that really runs on this machine is none of these tests' business."""
    monkeypatch.setattr(teardown, "_kernel_checks", dict)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A state folder, with the system's folders somewhere harmless."""
    system = tmp_path / "system"
    (system / "before").mkdir(parents=True)
    monkeypatch.setattr(teardown, "_HARD_CODED", (system / "new" / "inner", system / "new", system / "before"))
    monkeypatch.setattr(teardown, "_LOG_LINKS", system / "before")
    made = Layout(tmp_path / "state")
    made.make()
    return made


def test_folders_of_the_system_go_only_if_they_came_with_the_cluster(layout: Layout, tmp_path: Path) -> None:
    """The kubelet's socket and the links to the pods' logs go; an empty folder that was there before stays."""
    system = tmp_path / "system"
    teardown.remember(layout)
    (system / "new" / "inner").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(system / "new" / "inner" / "kubelet.sock"))
    (system / "before" / "ours.log").symlink_to(layout.root / "pods" / "x")
    (system / "before" / "theirs.log").symlink_to("/elsewhere")
    teardown.down(layout)
    assert not (system / "new").exists()
    assert [link.name for link in (system / "before").iterdir()] == ["theirs.log"]
    assert not layout.root.exists()


def test_taking_away_nothing_is_no_error(tmp_path: Path) -> None:
    """Whoever is not sure may always say 'down'."""
    teardown.down(Layout(tmp_path / "never-made"))


def test_a_folder_that_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    """Only a folder with our mark is state; another one is reported and left."""
    (tmp_path / "thesis").touch()
    with pytest.raises(LocalError, match="left behind"):
        teardown.down(Layout(tmp_path))
    assert (tmp_path / "thesis").exists()
