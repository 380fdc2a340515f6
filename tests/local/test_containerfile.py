"""Image builds: when one is needed, and which of them need Go."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("app.py", True),
        ("operator/palier/main.py", True),
        ("operator/palier/deep/__pycache__/main.pyc", False),
        ("operator/tests/test_main.py", False),
        ("operator/generator/main.go", True),
        ("operator/generator/main_test.go", False),
        ("docs/page.md", False),
        ("docs/app.py", False),
    ],
)
def test_the_last_line_that_matches_decides(tmp_path: Path, name: str, counts: bool) -> None:
    """An image of a few folders is built anew when one of its files has changed, and not for a test or a page."""
    folder = _context(tmp_path)
    lines = ["*", "!app.py", "!operator", "operator/*", "!operator/palier", "!operator/generator"]
    lines += ["operator/generator/*_test.go", "**/__pycache__"]
    (folder / ".dockerignore").write_text("\n".join(lines))
    before = _fingerprint(folder)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("changed")

    assert (_fingerprint(folder) != before) is counts


def test_go_is_lent_only_to_a_dockerfile_that_asks_for_it(tmp_path: Path) -> None:
    """An image without a part in Go is built on a machine without Go."""
    folder = _context(tmp_path)
    assert not containerfile.uses_go(folder / "Dockerfile")
    (folder / "Dockerfile").write_text("ARG BASE\nARG GO_BASE=golang:1.26\nFROM ${GO_BASE}\nFROM ${BASE}\n")
    assert containerfile.uses_go(folder / "Dockerfile")
    root = Path(__file__).parents[2]
    assert containerfile.uses_go(root / "Dockerfile")
    assert not containerfile.uses_go(root / "examples" / "language-id" / "server" / "Dockerfile")
