"""Two lines for the usual case: a profile of the training data says how the server has to count."""

import json
from pathlib import Path

import pytest

from palier.watch.features.profile import write_profile
from palier.watch.features.rows import profile_rows
from palier_instrument import Category, DeclarationError, Number, read_declaration


def write_training_data(path: Path) -> Path:
    """The profile of rows with a number, a category, few different numbers, a group and a score."""
    rows = [
        {
            "amount": float(number),
            "plan": "free" if number % 3 else "paid",
            "stars": number % 5,
            "country": "fr" if number % 2 else None,
            "score": number / 400,
        }
        for number in range(400)
    ]
    path.write_text(write_profile(profile_rows(rows, by="country")), encoding="utf-8")
    return path


def test_the_declaration_has_the_edges_and_the_categories_of_the_profile(tmp_path: Path) -> None:
    """Deciles, names, and groups, those without a group among them."""
    declared = read_declaration(write_training_data(tmp_path / "training.json"), prediction="score")

    amount, plan, stars, country = declared.features
    assert amount == Number("amount", [float(edge) for edge in range(39, 390, 40)])
    assert plan == Category("plan", ["free", "paid"])
    assert stars == Category("stars", ["0", "1", "2", "3", "4"], numeric=True)
    assert country == Category("country", ["fr"])
    assert [one.name for one in declared.predictions] == ["score"]
    assert declared.group == Category("country", ["(none)", "fr"])
    assert declared.groups == ("(none)", "fr", "(other)")


def test_columns_and_groups_can_be_left_out(tmp_path: Path) -> None:
    """A server may not get all that the training data had."""
    path = write_training_data(tmp_path / "training.json")

    declared = read_declaration(path, features=["plan", "amount"], groups=False)

    assert [one.name for one in declared.features] == ["plan", "amount"]
    assert declared.predictions == ()
    assert declared.groups == ("",)


def test_what_a_profile_has_counted_together_is_not_declared(tmp_path: Path) -> None:
    """It is `(other)` in any case, of categories and of groups."""
    path = tmp_path / "training.json"
    columns = {"plan": {"kind": "category", "counts": {"free": 3, "(other)": 1}}}
    groups = {"fr": {"rows": 3, "features": {}}, "(other)": {"rows": 1, "features": {}}}
    profile = {"format": "palier-profile", "version": 1, "rows": 4, "by": "country", "groups": groups}
    path.write_text(json.dumps({**profile, "features": columns}), encoding="utf-8")

    declared = read_declaration(path)

    assert declared.features == (Category("plan", ["free"]),)
    assert declared.groups == ("fr", "(other)")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ([], "it is no profile"),
        ({"format": "other"}, "it is no profile"),
        ({"version": 2}, "version: it is 2; this package reads version 1"),
        ({"features": []}, "features: it is no object"),
        ({"features": {"a": 3}}, "features.a: it is neither a number with edges nor a category with counts"),
        ({"features": {"a": {"kind": "number"}}}, "features.a: it is neither"),
        ({"features": {"a": {"kind": "number", "edges": [2, 1]}}}, "a: edges have to ascend"),
        ({"features": {"a": {"kind": "category", "counts": {"\ud800": 1}}}}, "not valid Unicode"),
        ({"by": 3}, "by: it is no text"),
        ({"by": "a", "groups": 3}, "groups: it is no object"),
    ],
)
def test_a_file_that_is_no_profile_stops_the_start(tmp_path: Path, document: object, words: str) -> None:
    """With the name of the file and what is wrong with it."""
    path = tmp_path / "broken.json"
    usual = {"format": "palier-profile", "version": 1, "features": {"a": {"kind": "number", "edges": [1.0]}}}
    whole = {**usual, **document} if isinstance(document, dict) else document
    path.write_text(document if isinstance(document, str) else json.dumps(whole), encoding="utf-8")

    with pytest.raises(DeclarationError, match=words) as raised:
        read_declaration(path)

    assert str(path) in str(raised.value)


def test_a_column_that_the_profile_lacks_is_named(tmp_path: Path) -> None:
    """With those that it has; a file that is not there is the error of the system."""
    path = write_training_data(tmp_path / "training.json")

    with pytest.raises(DeclarationError, match="it has no column 'income'; it has amount, plan, stars, country, score"):
        read_declaration(path, features=["income"])
    with pytest.raises(DeclarationError, match="it has no column 'label'"):
        read_declaration(path, prediction=["label"])
    with pytest.raises(FileNotFoundError):
        read_declaration(tmp_path / "absent.json")
