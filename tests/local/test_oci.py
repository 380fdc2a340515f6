"""Image archives: complete, consistent and the same for the same files."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from local.oci import Image, write_archive, write_layer


def _archive(folder: Path, content: bytes = b"program") -> Path:
    program = folder / "program"
    program.write_bytes(content)
    layer = folder / "layer.tar"
    write_layer(layer, {"usr/local/bin/program": program}, {"tmp": 0o1777})
    target = folder / "image.tar"
    write_archive(target, Image("localhost/x:1", ("/usr/local/bin/program",), {"A": "b"}, {"key": "value"}), layer)
    return target


def _json(archive: tarfile.TarFile, name: str) -> dict[str, Any]:
    member = archive.extractfile(name)
    assert member is not None
    read: dict[str, Any] = json.load(member)
    return read


def test_every_digest_and_size_in_an_archive_is_that_of_the_blob(tmp_path: Path) -> None:
    """A tool that verifies what it imports accepts the archive."""
    with tarfile.open(_archive(tmp_path)) as archive:
        blobs = [member for member in archive.getmembers() if member.name.startswith("blobs/sha256/")]
        assert len(blobs) == 3
        for member in blobs:
            content = archive.extractfile(member)
            assert content is not None
            assert member.name.endswith(hashlib.sha256(content.read()).hexdigest())
        index = _json(archive, "index.json")
        (entry,) = index["manifests"]
        digest = entry["digest"].removeprefix("sha256:")
        assert archive.getmember(f"blobs/sha256/{digest}").size == entry["size"]


def test_an_image_has_one_history_entry_for_each_layer(tmp_path: Path) -> None:
    """Tools that add layers refuse an image whose history is shorter than its list of layers."""
    with tarfile.open(_archive(tmp_path)) as archive:
        (entry,) = _json(archive, "index.json")["manifests"]
        manifest = _json(archive, "blobs/" + entry["digest"].replace(":", "/"))
        config = _json(archive, "blobs/" + manifest["config"]["digest"].replace(":", "/"))
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == 1
    assert config["config"]["Env"] == ["A=b"]
    assert config["config"]["Labels"] == {"key": "value"}


def test_the_same_files_make_the_same_layer(tmp_path: Path) -> None:
    """Neither time nor owner of the files gets into an image, so an unchanged one has an unchanged digest."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = _archive(tmp_path / "a"), _archive(tmp_path / "b")
    assert (first.parent / "layer.tar").read_bytes() == (second.parent / "layer.tar").read_bytes()


def test_a_layer_has_the_folders_with_their_modes(tmp_path: Path) -> None:
    """A program that writes to /tmp finds it, writable for everybody."""
    _archive(tmp_path)
    with tarfile.open(tmp_path / "layer.tar") as layer:
        assert layer.getmember("tmp").mode == 0o1777
        assert layer.getmember("usr/local/bin/program").mode == 0o755
        assert [member.name for member in layer.getmembers()][:2] == ["tmp", "usr"]
