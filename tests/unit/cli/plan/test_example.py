"""The medical chatbot of the examples: what its README shows is what the commands print."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from palier.api.v1alpha1 import parse
from palier.cli.main import main

EXAMPLE = Path(__file__).parents[4] / "examples" / "medical-chatbot"
SHOWN = re.findall(
    r"^```console\n\$ (.*?[^\\])\n(.*?)^```", (EXAMPLE / "README.md").read_text(), re.DOTALL | re.MULTILINE
)


def words(command: str) -> list[str]:
    """A command of the README as its arguments."""
    name, *arguments = shlex.split(command.replace("\\\n", " "))
    assert name == "palier"
    return arguments


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=["poc", "variants"])
def test_readme(command: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who types the command sees what is printed there; nothing in the files is passed over."""
    monkeypatch.chdir(EXAMPLE)
    main(words(command))
    told = capsys.readouterr()

    assert told.out == output
    assert told.err == ""


def test_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture beside the README is that of its last command."""
    monkeypatch.chdir(EXAMPLE)
    main([*words(SHOWN[-1][0]), "--svg", str(tmp_path / "plan.svg")])

    assert (tmp_path / "plan.svg").read_text(encoding="utf-8") == (EXAMPLE / "plan.svg").read_text(encoding="utf-8")


def test_story(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof of concept fits, ten thousand users do not, the distilled model does."""
    monkeypatch.chdir(EXAMPLE)
    assert main([*words(SHOWN[0][0]), "--json"]) == 3
    heavy = json.loads(capsys.readouterr().out)
    assert [point["withinBudget"] for point in heavy["points"][:2]] == [True, False]
    assert heavy["points"][1]["monthlyTotal"] == pytest.approx(18_000, rel=0.02)

    assert main([*words(SHOWN[1][0]), "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert (both["variant"], both["points"][1]["withinBudget"]) == ("distilled-l4", True)
    first = both["variants"][0]
    assert (first["name"], first["reason"]) == ("mixtral-a100", "OverBudget")
    assert first["points"] == heavy["points"]


@pytest.mark.parametrize("name", ["poc", "modeldeployment"])
def test_files_are_read_whole(name: str) -> None:
    """The files keep every rule of the API."""
    parse(yaml.safe_load((EXAMPLE / f"{name}.yaml").read_text(encoding="utf-8")))
