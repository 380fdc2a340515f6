"""The page about presets: complete, and the same as the file in the repository."""

from pathlib import Path

import pytest

from palier.presets.library import all_presets, all_product_signals, all_routers
from palier.presets.page import PATH, main, page

ROOT = Path(__file__).parents[3]


def test_the_page_in_the_repository_is_up_to_date() -> None:
    """Who changes a data file writes the page anew."""
    assert (ROOT / PATH).read_text(encoding="utf-8") == page()


def test_the_page_shows_every_preset_with_its_signals() -> None:
    """Each runtime and router has a section, and each of their signals and the product's a row."""
    text = page()
    for preset in all_presets():
        section = text.split(f"### {preset.title}\n")[1].split("\n#")[0]
        assert [name for name in preset.signals if f"| `{name}` |" not in section] == []
        assert preset.provenance in section
    for router in all_routers():
        assert f"value `{router.value}`" in text
    for signal in all_product_signals():
        assert f"| `{signal.name}` |" in text.split("## Product signals\n")[1]


def test_the_page_is_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing or an old file fails the check and shows the difference; a written one passes."""
    file = tmp_path / "reference" / "presets.md"
    assert main(["--check", str(file)]) == 1
    assert "+# Presets" in capsys.readouterr().out
    assert main(["--write", str(file)]) == 0
    assert main(["--check", str(file)]) == 0
    assert capsys.readouterr().out == ""
    file.write_text("old\n", encoding="utf-8")
    assert main(["--check", str(file)]) == 1
    assert "-old" in capsys.readouterr().out
    assert main([]) == 0
    assert capsys.readouterr().out == page()
