"""Writes container images without any container tool: enough of the OCI image format for one layer of files."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Image:
    """What an image says about itself.

    Args:
        name: in full, with host and tag.
        entrypoint: what a container runs.
        environment: of that.
        labels: free text by key.
    """

    name: str
    entrypoint: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def write_layer(target: Path, files: Mapping[str, Path], folders: Mapping[str, int]) -> None:
    """Writes a layer with the same bytes for the same content.

    Args:
        target: the tar file to write.
        files: maps a path in the image to the file that goes there; all are executable and owned by root.
        folders: maps a path in the image to the mode of an empty folder there.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        parents = {str(parent) for path in (*files, *folders) for parent in Path(path).parents} - {"."}
        modes = dict.fromkeys(parents, 0o755) | dict(folders)
        for path in sorted(modes):
            folder = tarfile.TarInfo(path)
            folder.type, folder.mode = tarfile.DIRTYPE, modes[path]
            layer.addfile(folder)
        for path, source in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = source.stat().st_size, 0o755
            with source.open("rb") as content:
                layer.addfile(entry, content)


def write_archive(target: Path, image: Image, layer: Path) -> None:
    """Wraps a layer into an archive that container tools import under the image's name."""
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": list(image.entrypoint),
                "Env": [f"{name}={value}" for name, value in image.environment.items()],
                "Labels": dict(image.labels),
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": "palier local"}],  # tools that add layers expect one entry for each
        }
    ).encode()
    layer_size = layer.stat().st_size
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [{"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": layer_size}],
        }
    ).encode()
    annotations = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    entry = _descriptor(_MANIFEST, manifest) | {"annotations": annotations}
    index = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}).encode()
    with tarfile.open(target, "w") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(archive, "index.json", index)
        for blob in (config, manifest):
            _add(archive, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
        info = tarfile.TarInfo(f"blobs/sha256/{digest}")
        info.size, info.mode = layer_size, 0o644
        with layer.open("rb") as content:
            archive.addfile(info, content)


def _descriptor(kind: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _add(archive: tarfile.TarFile, name: str, blob: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(blob), 0o644
    archive.addfile(info, io.BytesIO(blob))
