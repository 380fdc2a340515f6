"""What tests of several packages need."""

import os
import subprocess
from pathlib import Path

import pytest

GENERATOR_SOURCE = Path(__file__).parents[2] / "operator" / "generator"


@pytest.fixture(scope="session")
def generator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the load generator, built from its source; Go keeps what it has compiled before."""
    folder = tmp_path_factory.mktemp("generator")
    command = ["go", "build", "-trimpath", "-o", str(folder / "palier-generator"), "."]
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    built = subprocess.run(command, cwd=GENERATOR_SOURCE, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, f"{' '.join(command)}: {built.stderr}"
    return folder


@pytest.fixture
def generator(generator_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The load generator on the PATH."""
    monkeypatch.setenv("PATH", str(generator_folder), prepend=os.pathsep)
    return generator_folder / "palier-generator"
