"""Image builds: when one is needed, and which of them need Go."""

from pathlib import Path

from local import containerfile


def _context(folder: Path) -> Path:
    (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (folder / "app.py").write_text("print(1)\n")
    return folder


def _fingerprint(folder: Path, *inputs: str) -> str:
    return containerfile.fingerprint(folder, folder / "Dockerfile", inputs)


def test_a_fingerprint_changes_with_files_modes_arguments_and_the_dockerfile(tmp_path: Path) -> None:
    """Everything that could change an image leads to a new build."""
    folder = _context(tmp_path)
    seen = {_fingerprint(folder), _fingerprint(folder, "A=1"), _fingerprint(folder, "A=2")}
    (folder / "app.py").chmod(0o755)
    seen.add(_fingerprint(folder))
    (folder / "app.py").write_text("print(2)\n")
    seen.add(_fingerprint(folder))
    (folder / "Dockerfile").write_text("FROM scratch\n")
    seen.add(_fingerprint(folder))
    (folder / "link").symlink_to("app.py")
    seen.add(_fingerprint(folder))
    assert len(seen) == 7


def test_a_fingerprint_ignores_what_no_build_sees(tmp_path: Path) -> None:
    """Neither the repository's history nor what .dockerignore lists causes a new build."""
    folder = _context(tmp_path)
    (folder / ".dockerignore").write_text("# comment\nbuild/\n**/*.log\n")
    before = _fingerprint(folder)
    for name in (".git/HEAD", "build/x", "deep/__pycache__/a.pyc", "deep/run.log"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert _fingerprint(folder) == before


def test_exceptions_in_dockerignore_make_every_file_count(tmp_path: Path) -> None:
    """A pattern that we do not fully understand may cost a build, but never hides a change."""
    folder = _context(tmp_path)
    (folder / ".dockerignore").write_text("*\n!app.py\n")
    before = _fingerprint(folder)
    (folder / "app.py").write_text("print(3)\n")
    assert _fingerprint(folder) != before


def test_go_is_lent_only_to_a_dockerfile_that_asks_for_it(tmp_path: Path) -> None:
    """An image without a part in Go is built on a machine without Go."""
    folder = _context(tmp_path)
    assert not containerfile.uses_go(folder / "Dockerfile")
    (folder / "Dockerfile").write_text("ARG BASE\nARG GO_BASE=golang:1.26\nFROM ${GO_BASE}\nFROM ${BASE}\n")
    assert containerfile.uses_go(folder / "Dockerfile")
    root = Path(__file__).parents[2]
    assert containerfile.uses_go(root / "Dockerfile")
    assert not containerfile.uses_go(root / "examples" / "language-id" / "server" / "Dockerfile")
