"""`palier drift`: files in, findings out, an exit status for a build, and mistakes told in a line."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palier.cli.main import main
from palier.watch.features.profile import read_profile

Columns = Mapping[str, Sequence[object]]


class Desk:
    """A folder of files, and the command that compares them."""

    def __init__(self, folder: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.captured = captured
        self.errors = ""

    def write(self, name: str, content: str | bytes) -> str:
        """A file of exactly these bytes."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def write_csv(self, name: str, columns: Columns) -> str:
        """A CSV file with these columns."""
        with io.StringIO(newline="") as text:
            writer = csv.writer(text)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
            return self.write(name, text.getvalue())

    def write_lines(self, name: str, columns: Columns) -> str:
        """The same as JSON lines."""
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        return self.write(name, "".join(f"{json.dumps(row)}\n" for row in rows))

    def run(self, *arguments: str) -> tuple[int, str]:
        """The exit status, and what was printed; what was warned of is in `errors`."""
        status = main(["drift", *arguments])
        printed = self.captured.readouterr()
        self.errors = printed.err
        return status, printed.out

    def compare(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit status, and the JSON object in one line."""
        status, text = self.run(*arguments, "--json")
        assert text.count("\n") == 1
        return status, json.loads(text)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """An empty folder."""
    return Desk(tmp_path, capsys)


def draw(rows: int, seed: int, **changes: Sequence[object]) -> dict[str, Sequence[object]]:
    """Columns of rows, some of them as given."""
    random = np.random.default_rng(seed)
    columns: dict[str, Sequence[object]] = {
        "amount": [round(value, 3) for value in random.lognormal(2, 1, rows).tolist()],
        "plan": random.choice(["free", "paid", "max"], rows, p=[0.6, 0.3, 0.1]).tolist(),
        "country": random.choice(["de", "fr", "mt"], rows, p=[0.6, 0.3, 0.1]).tolist(),
    }
    return {**columns, **changes}


def state_of(found: Mapping[str, Any], column: str, group: str | None = None) -> Mapping[str, Any]:
    """What is said of a column."""
    return next(one for one in found["columns"] if (one["column"], one["group"]) == (column, group))


@pytest.mark.parametrize("form", ["csv", "lines"])
def test_no_drift(desk: Desk, form: str) -> None:
    """The exit status is 0, in either form of file."""
    write = desk.write_csv if form == "csv" else desk.write_lines
    today, training = write("today", draw(2000, 1)), write("training", draw(5000, 2))

    status, found = desk.compare(today, "--reference", training)

    assert status == 0
    assert found["drift"] is False
    assert (found["rows"], found["referenceRows"], found["badRows"]) == (2000, 5000, 0)
    assert [one["kind"] for one in found["columns"]] == ["number", "category", "category"]
    assert {one["state"] for one in found["columns"]} == {"NoDrift"}
    assert set(found["columns"][0]) == {
        *("column", "group", "kind", "state", "major", "message", "faults", "events", "referenceEvents", "psi"),
        *("psiLow", "psiHigh", "log10Odds", "jensenShannon", "totalVariation", "kolmogorovSmirnov", "chiSquareP"),
        "neededEvents",
    }


def test_drift(desk: Desk) -> None:
    """The exit status is 1, and the column is named with what is wrong."""
    amounts = [1000 * float(str(value)) for value in draw(2000, 1)["amount"]]
    today = desk.write_csv("today.csv", draw(2000, 1, amount=amounts))
    training = desk.write_csv("training.csv", draw(5000, 2))

    status, found = desk.compare(today, "--reference", training)

    assert status == 1
    assert found["drift"] is True
    amount = state_of(found, "amount")
    assert (amount["state"], amount["major"]) == ("Drift", True)
    assert [fault["kind"] for fault in amount["faults"]] == ["UnitChange"]
    assert state_of(found, "plan")["state"] == "NoDrift"
    status, page = desk.run(today, "--reference", training)
    assert status == 1
    assert "Drift in 1 of 3 columns." in page
    assert "about 1,000 times as large as in the reference: a change of unit?; PSI " in page
    assert page.index("Drift (1)") < page.index("amount") < page.index("No drift (2)") < page.index("plan")


def test_too_few_rows(desk: Desk) -> None:
    """Nothing is decided: the exit status is 4, and the number of rows that would do is told."""
    today, training = desk.write_csv("today", draw(40, 1)), desk.write_csv("training", draw(5000, 2))

    status, found = desk.compare(today, "--reference", training)

    assert status == 4
    assert found["drift"] is None
    assert state_of(found, "amount")["state"] == "CannotTell"
    assert 300 < state_of(found, "amount")["neededEvents"] < 900
    page = desk.run(today, "--reference", training)[1]
    assert "No drift was found, but there are too few rows to tell of every column." in page
    assert "40 events are too few; about" in page


def test_a_limit_can_be_chosen(desk: Desk) -> None:
    """What is drift by one limit is none by another."""
    plans = np.random.default_rng(3).choice(["free", "paid", "max"], 4000, p=[0.45, 0.4, 0.15]).tolist()
    today, training = desk.write_csv("today", draw(4000, 1, plan=plans)), desk.write_csv("training", draw(9000, 2))

    assert desk.run(today, "--reference", training, "--psi", "0.05")[0] == 1
    assert desk.run(today, "--reference", training, "--psi", "0.25")[0] == 0


def test_groups(desk: Desk) -> None:
    """A drift of a small group is found by itself; without groups it is not."""
    columns = draw(8000, 1)
    amounts = [
        float(str(amount)) * (5 if country == "mt" else 1)
        for amount, country in zip(columns["amount"], columns["country"], strict=True)
    ]
    today = desk.write_csv("today", {**columns, "amount": amounts})
    training = desk.write_csv("training", draw(20_000, 2))

    status, found = desk.compare(today, "--reference", training, "--by", "country")

    assert status == 1
    assert found["by"] == "country"
    assert state_of(found, "amount", "mt")["state"] == "Drift"
    assert state_of(found, "amount", "de")["state"] == "NoDrift"
    page = desk.run(today, "--reference", training, "--by", "country")[1]
    assert "  amount  mt  number  major drift: PSI" in page
    assert "plan" in page
    assert "; in 3 groups as well" in page
    assert desk.run(today, "--reference", training)[0] == 0


def test_groups_that_are_too_small_fail_no_build(desk: Desk) -> None:
    """They are told, and the exit status is that of all users."""
    rare = [*["mt"] * 20, *["de"] * 1980]
    today = desk.write_csv("today", draw(2000, 1, country=rare))
    training = desk.write_csv("training", draw(2000, 2, country=rare))

    status, found = desk.compare(today, "--reference", training, "--by", "country")

    assert status == 0
    assert state_of(found, "amount", "mt")["state"] == "CannotTell"


def test_columns_that_are_missing_or_new(desk: Desk) -> None:
    """They are findings."""
    columns = draw(2000, 1)
    today = desk.write_csv(
        "today", {"amount": columns["amount"], "new": columns["plan"], "country": columns["country"]}
    )
    training = desk.write_csv("training", draw(2000, 2))

    status, found = desk.compare(today, "--reference", training)

    assert status == 1
    faults = {one["column"]: one["faults"][0]["kind"] for one in found["columns"] if one["state"] == "Drift"}
    assert faults == {"plan": "MissingColumn", "new": "NewColumn"}


def test_bad_rows_are_counted_and_told(desk: Desk) -> None:
    """With their lines and what is wrong; good rows are compared all the same."""
    training = desk.write_csv("training", draw(2000, 2))
    text = (desk.folder / "training").read_bytes()
    today = desk.write("today", text + b"1.5,free\r\n2,\xff,de\r\n\r\n3,free,de,x\r\n4,a,b,c,d\r\n")

    status, found = desk.compare(today, "--reference", training)

    assert status == 0
    assert (found["rows"], found["badRows"]) == (2000, 4)
    assert desk.errors == (
        f"palier: {today}: 4 rows cannot be read and are left out: line 2002: 2 cells instead of 3; "
        "line 2003: it is not UTF-8; line 2005: 4 cells instead of 3; ...\n"
    )
    assert "today: 2000 rows, 0.2 % left out" in desk.run(today, "--reference", training)[1]


def test_bad_lines_of_json(desk: Desk) -> None:
    """What is no object is counted; lists and objects in a row are texts."""
    good = '{"a": 1.5, "b": {"c": [1, 2]}}\n' * 500
    today = desk.write("today", f'{good}nonsense\n[1]\n{{"a": \n\n{{"a": 1, "b": null}}\n')

    status, found = desk.compare(today, "--reference", desk.write("training", good))

    assert status == 0
    assert (found["rows"], found["badRows"]) == (501, 3)
    assert "line 501: it is no JSON object; line 502: it is no JSON object; line 503" in desk.errors


def test_a_saved_profile(desk: Desk) -> None:
    """It says the same as the rows that it was made of, on either side."""
    rows = desk.write_csv("training", draw(5000, 2))
    today = desk.write_csv("today", draw(2000, 1, plan=["max"] * 2000))
    saved, late = str(desk.folder / "training.json"), str(desk.folder / "today.json")

    status, page = desk.run(rows, "--by", "country", "--write-profile", saved)
    assert status == 0
    assert page.startswith(f"{saved}: 5000 rows, 3 columns, 3 groups by country\n")
    assert "amount   number" in page
    assert read_profile(Path(saved).read_text()).rows == 5000

    status, by_rows = desk.compare(today, "--reference", rows, "--by", "country")
    assert desk.compare(today, "--reference", saved, "--write-profile", late) == (
        status,
        {**by_rows, "reference": saved},
    )
    assert desk.compare(late, "--reference", saved)[1]["columns"] == by_rows["columns"]
    indented = desk.write("indented.json", json.dumps(json.loads(Path(saved).read_text()), indent=2))
    assert desk.compare(today, "--reference", indented)[1]["columns"] == by_rows["columns"]


def test_a_profile_is_told_as_json(desk: Desk) -> None:
    """With the kinds that were inferred."""
    rows, saved = desk.write_csv("rows", draw(100, 2)), str(desk.folder / "saved")

    status, found = desk.compare(rows, "--write-profile", saved)

    kinds = [{"column": "amount", "kind": "number"}, *({"column": x, "kind": "category"} for x in ("plan", "country"))]
    assert status == 0
    assert found == {"profile": saved, "file": rows, "rows": 100, "badRows": 0, "columns": kinds}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators(desk: Desk, separator: str) -> None:
    """They are found in the header, and a byte order mark is no part of a name."""
    rows = "".join(f"{number}{separator}x,y\n" for number in range(1000))

    status, found = desk.compare(
        desk.write("a", f"\ufeffn{separator}c\n{rows}"), "--reference", desk.write("b", f"n{separator}c\r\n{rows}")
    )

    assert status == 0
    assert [one["column"] for one in found["columns"]] == ["n", "c"]


def test_the_input_is_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one of the two."""
    training = desk.write_csv("training", draw(2000, 2))
    content = (desk.folder / "training").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))

    assert desk.compare("-", "--reference", training)[1]["file"] == "the input"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read {file}: No such file or directory"),
        ("", "{file} has no row that can be read"),
        ("a,b\n", "{file} has no row that can be read"),
        ("a,b\n1\n2\n", "{file} has no row that can be read: 2 rows cannot be read and are left out: line 2: 1 cells"),
        ("a,a\n1,2\n", "{file}: two columns are called 'a'"),
        (b"\xff,b\n1,2\n", "{file}: the header is not UTF-8"),
        ("[{}]", "{file} is a JSON array: write one object a line, as jq -c '.[]' does"),
        ("{}\n{}\n", "{file} has no column"),
        (
            '{"format": "palier-profile", "version": 7, "rows": 1, "features": {}}',
            "{file}: version: it is of version 7",
        ),
        ('{"format": "palier-profile", "version": 1}', "{file}: rows: Field required"),
        ('{"format": "palier-profile", "version": 1, "rows": 0, "features": {}}', "{file} is the profile of nothing"),
        (",".join(f"c{number}" for number in range(2001)), "{file}: it has more than 2000 columns"),
        ('a,b\n"1,2\n3,4\n', "line 2: unexpected end of data"),
    ],
)
def test_files_that_are_refused(desk: Desk, content: str | bytes | None, words: str) -> None:
    """One line says what is wrong, and the exit status is 2: no build takes it for drift, or for none."""
    file = str(desk.folder / "missing") if content is None else desk.write("file", content)
    good = desk.write_csv("good", draw(50, 1))

    for arguments in ((file, "--reference", good), (good, "--reference", file)):
        assert desk.run(*arguments) == (2, "")
        assert words.format(file=file) in desk.errors.splitlines()[-1]


def test_groups_that_are_not_there(desk: Desk) -> None:
    """A column that no row has, or a profile without groups."""
    rows, saved = desk.write_csv("rows", draw(50, 1)), str(desk.folder / "saved")
    desk.run(rows, "--write-profile", saved)

    assert desk.run(rows, "--reference", rows, "--by", "planet")[0] == 2
    assert "no row has the column 'planet'" in desk.errors
    assert desk.run(rows, "--reference", saved, "--by", "plan")[0] == 2
    assert "tells groups apart not at all: write it again with --by plan" in desk.errors


def test_a_profile_that_cannot_be_written(desk: Desk) -> None:
    """It is a mistake, too."""
    rows = desk.write_csv("rows", draw(50, 1))

    assert desk.run(rows, "--write-profile", str(desk.folder / "no" / "folder"))[0] == 2
    assert "--write-profile: cannot write" in desk.errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("a", "one of --reference and --write-profile is needed"),
        ("- --reference -", "cannot both be read from the input"),
        ("a --reference b --psi 0", "argument --psi: must be above 0, not 0"),
        ("a --reference b --psi much", "argument --psi: must be a number, not 'much'"),
        ("a --reference b --alpha 1", "argument --alpha: must lie between 0 and 1, not 1"),
        ("--reference b", "required: FILE"),
    ],
)
def test_mistakes_at_the_command_line(desk: Desk, arguments: str, words: str) -> None:
    """Exit status 2, and what was expected."""
    with pytest.raises(SystemExit) as left:
        main(["drift", *arguments.split()])

    assert left.value.code == 2
    assert words in desk.captured.readouterr().err


def test_nothing_that_a_terminal_would_obey_is_printed(desk: Desk) -> None:
    """Names of columns and of categories come from files."""
    names = ["\x1b[2Jbad\nNo drift"] * 300
    columns = {"\x1b[31mname": [*["a"] * 300, *["b"] * 300]}
    today = desk.write_csv("today", {"\x1b[31mname": [*names, *["a"] * 300]})

    status, page = desk.run(today, "--reference", desk.write_csv("training", columns))

    assert status == 1
    assert "\\x1b[2Jbad\\nNo drift (50 %)" in page
    assert "\x1b" not in page


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """Examples, what counts as drift, and exit statuses, in lines that fit."""
    with pytest.raises(SystemExit) as left:
        main(["drift", "--help"])

    told = capsys.readouterr().out
    assert left.value.code == 0
    assert told.count("\n  palier drift ") >= 4
    assert "Exit status: 0 no drift, 1 drift, 2 a mistake" in told
    assert max(map(len, told.splitlines())) <= 120


def test_the_parser_loads_little() -> None:
    """Other commands do not wait for NumPy because this one exists."""
    code = "import sys, palier.cli.drift; print(sorted({'numpy', 'scipy', 'pydantic', 'yaml'} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"
