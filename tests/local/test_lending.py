"""What a build may use of this machine: pip's configuration, and Go with its own."""

import json
import subprocess
from pathlib import Path

import pytest

from local import lending
from local.errors import LocalError


def _go(root: Path, folder: Path) -> dict[str, str]:
    """Settings of a Go that lives below a folder; its `go` prints what it was told."""
    (root / "bin").mkdir(parents=True)
    program = root / "bin" / "go"
    program.write_text('#!/bin/sh\necho "$GOPROXY|$GOFLAGS|$GOENV|$*"\n')
    program.chmod(0o755)
    settings = dict.fromkeys(("GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH"), "")
    caches = {"GOMODCACHE": str(folder / "modules"), "GOCACHE": str(folder / "objects")}
    return (
        settings
        | caches
        | {
            "GOPROXY": "https://mirror.example.com/it's,direct",
            "GOFLAGS": "-mod=mod -v",
            "GOTOOLCHAIN": "local",
            "GOROOT": str(root),
        }
    )


def test_pip_options_come_from_files_and_the_environment_wins() -> None:
    """The listing is that of 'pip config list'."""
    listing = """\
:env:.timeout='180'
global.cert='/a'
:env:.cert='/b'
global.find-links='x\\ny'
freeze.all='1'
"""
    assert lending.parse_pip_options(listing) == {"timeout": "180", "cert": "/b", "find-links": "x\ny"}


def test_a_build_calls_go_and_gets_that_of_this_machine_with_its_settings(tmp_path: Path) -> None:
    """What is mounted as `go` runs the lent one, which sees the proxy and flags of this machine and no other file."""
    root = tmp_path / "it is go"
    mounts = lending.lend_go(tmp_path, _go(root, tmp_path))
    (script,) = [mount.here for mount in mounts if mount.there == Path("/usr/local/bin/go")]
    done = subprocess.run([script, "build", "."], capture_output=True, text=True, check=True)
    assert done.stdout == "https://mirror.example.com/it's,direct|-mod=mod -v|off|build .\n"


def test_only_the_caches_of_go_can_be_written_by_a_build(tmp_path: Path) -> None:
    """A build can add to the caches, which are made if they are missing; everything else is lent for reading."""
    mounts = lending.lend_go(tmp_path, _go(tmp_path / "goroot", tmp_path))
    assert {mount.here for mount in mounts if mount.writable} == {tmp_path / "modules", tmp_path / "objects"}
    assert (tmp_path / "modules").is_dir()
    assert (tmp_path / "objects").is_dir()
    assert f"--volume={tmp_path / 'goroot'}:{tmp_path / 'goroot'}:ro" in [mount.option for mount in mounts]


def test_folders_that_a_go_is_spread_over_are_lent_too(tmp_path: Path) -> None:
    """Debian's Go has its sources elsewhere, behind links that would lead nowhere in the build."""
    settings = _go(tmp_path / "lib" / "go", tmp_path)
    for name in ("src", "pkg/include"):
        (tmp_path / "share" / "go" / name).mkdir(parents=True)
        link = tmp_path / "lib" / "go" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(tmp_path / "share" / "go" / name)
    lent = {mount.here for mount in lending.lend_go(tmp_path, settings)}
    assert {tmp_path / "share" / "go" / "src", tmp_path / "share" / "go" / "pkg" / "include"} <= lent


def test_a_machine_without_go_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names Go, not a file that could not be started."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"go is missing: .*install Go"):
        lending.go_settings()


def test_the_settings_are_what_go_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked of `go env`, which knows the environment and Go's own file."""
    program = tmp_path / "go"
    program.write_text(f"#!/bin/sh\necho '{json.dumps({'GOPROXY': 'https://mirror.example.com'})}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert lending.go_settings() == {"GOPROXY": "https://mirror.example.com"}
