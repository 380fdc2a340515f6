"""What people see of `palier plan`: the page, the drawing in the terminal, and the picture."""

import io
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest

from palier.cli.plan.axis import Axis, shorten_number
from palier.cli.plan.chart import Terminal, chart
from palier.cli.plan.curves import Curve, Panel, Scene, curve, spread
from palier.cli.plan.picture import svg
from tests.unit.cli.plan.cases import PRICES, Command, entry, measured, model, variants

PROMISED = [{"name": "latency", "latency": {"percentile": 95, "threshold": "500ms"}}]
SIGNALS = {"latency": {"histogram": "latency_seconds"}}
SVG = "{http://www.w3.org/2000/svg}"


def scene(**changes: Any) -> Scene:  # noqa: ANN401 - any part of a scene
    """A cost that crosses its limit, and a latency that is known up to some traffic."""
    rates = spread(1, 100)
    parts: dict[str, Any] = {
        "title": "ml/demo",
        "sentence": "✗ Fail: too much",
        "marks": (("POC", 1.0), ("target", 10.0), ("2x", 20.0), ("10x", 100.0)),
        "cost": Panel(
            "EUR a month",
            (curve("big", rates, lambda rate: 100 * math.ceil(rate)),),
            curve("budget: 3,000", rates, lambda _: 3000),
        ),
        "latency": Panel("seconds", (curve("big", rates, lambda rate: 1 / (50 - rate) if rate < 40 else None),)),
        "legend": ("big: too much",),
        "notes": ("Prices: made up.",),
    }
    return Scene(**(parts | changes))


def drawn(picture: str) -> ET.Element:
    """The picture, which must be well-formed."""
    return ET.fromstring(picture)  # noqa: S314 - written by us


def texts(picture: str) -> str:
    """All that can be read in it."""
    return "\n".join("".join(one.itertext()) for one in drawn(picture).iter(f"{SVG}text"))


def coordinates(root: ET.Element) -> Iterator[tuple[float, float]]:
    """Every point of every line."""
    for path in root.iter(f"{SVG}path"):
        for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.attrib["d"]):
            yield float(x), float(y)


def test_page(command: Command) -> None:
    """Who is asked, what is planned with, the numbers at each traffic, and the verdict in the last line."""
    lines = command.text(3, model(), "--capacity", "10").splitlines()

    assert lines[0] == "ml/demo"
    assert "Owner       NLP platform lead <nlp@example.com>, team nlp" in lines
    assert "Budget      3,000 EUR a month" in lines
    assert "Prices      a price list, as of 2026-11-01" in lines
    assert "Replica     0.14 EUR an hour, 102 EUR a month (cpu 0.1, memory 0.04)" in lines
    assert "Capacity    10 requests/s for each replica, declared, not measured" in lines
    assert "target         200        29    2,964        550   3,514         0.00669             no" in lines
    assert "Fits up to  161 requests/s" in lines
    assert lines[-1].startswith("✗ Fail, OverBudget: 200 requests/s take 29 replicas at 0.14 EUR/h each:")
    assert "\x1b" not in "".join(lines)


def test_page_of_variants(command: Command) -> None:
    """The ways stand side by side with what each costs and why it is or is not released."""
    capacities = ["--capacity", "heavy=40", "--capacity", "middle=14", "--capacity", "light=9"]
    lines = command.text(0, model(**variants()), *capacities).splitlines()

    rows = {line.split()[0]: line for line in lines if line.startswith(("heavy ", "middle ", "light "))}
    assert rows["heavy"].endswith("✗ OverBudget")
    assert rows["middle"].endswith("✓ NotCheapest")
    assert rows["light"].endswith("✓ Cheapest")
    assert "light, fast 2.1.1" in lines


def test_page_without_capacity(command: Command) -> None:
    """What a replica costs is told even where nothing else is known, and nothing is drawn."""
    page = command.text(4, model())

    assert "Replica     0.14 EUR an hour" in page
    assert "Capacity    not known" in page
    assert "│" not in page
    assert page.splitlines()[-1].startswith("? NoEvidence, NoCapacity:")


def test_page_without_price(command: Command) -> None:
    """The reason why nothing is priced stands where the price would."""
    body = model(serving={"port": 8080, "template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}})
    page = command.text(4, body, "--capacity", "10")

    assert "Replica     not priced: spec.serving.template.spec.containers[0].resources.requests" in page
    assert "-" in page


def test_largest_traffic_is_never_rounded_up(command: Command) -> None:
    """Traffic that is told to fit does fit."""
    page = command.text(3, model(), "--capacity", "10.009")

    assert "Fits up to  161 requests/s" in page  # 161.1449
    page = command.text(3, model(), "--capacity", "10.05")
    assert "Fits up to  161 requests/s" in page  # 161.805


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {}, Terminal(80, colours=False, drawing=True)),
        (io.TextIOWrapper(io.BytesIO(), encoding="ascii"), {}, Terminal(80, colours=False, drawing=False)),
    ],
)
def test_plain_where_nobody_looks(stream: io.TextIOWrapper, environment: dict[str, str], expected: Terminal) -> None:
    """A pipe gets no colours, and one that takes only ASCII gets no other signs."""
    assert Terminal.from_stream(stream, environment) == expected


class Screen(io.StringIO):
    """A stream that a person looks at."""

    encoding = "UTF-8"

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_no_color() -> None:
    """Colours are for terminals, and not for people who do not want them."""
    assert Terminal.from_stream(Screen(), {}).colours
    assert not Terminal.from_stream(Screen(), {"NO_COLOR": "1"}).colours
    assert not Terminal.from_stream(Screen(), {"TERM": "dumb"}).colours
    assert Terminal.from_stream(Screen(), {"NO_COLOR": ""}).colours


def test_drawing() -> None:
    """Cost rises from left to right through the line of the budget, and the traffic points stand below."""
    lines = chart(scene(), Terminal(60)).splitlines()

    body = [line[8:] for line in lines[1:13]]
    assert all(len(line) <= 60 for line in lines)
    heights = [next(row for row, line in enumerate(body) if line[column : column + 1] == "●") for column in (0, 20, 45)]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3
    assert any("┄┄┄" in row for row in body)
    assert [line.split() for line in lines[14:16]] == [["1", "10", "20", "100"], ["POC", "target", "2x", "10x"]]
    assert lines[16].strip() == "● big   ┄ budget: 3,000"


def test_drawing_in_ascii() -> None:
    """Where only ASCII is shown, nothing else is drawn."""
    assert chart(scene(), Terminal(60, drawing=False)).isascii()


def test_drawing_in_colours() -> None:
    """The colours change nothing but the colours."""
    coloured = chart(scene(), Terminal(60, colours=True))

    assert "\x1b[31m┄" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured).split() == chart(scene(), Terminal(60)).split()


def test_picture() -> None:
    """It can be read aloud, fits its frame, and needs nothing from elsewhere."""
    picture = svg(scene())
    root = drawn(picture)
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])

    assert root.findtext(f"{SVG}title") == "ml/demo"
    assert "too much" in (root.findtext(f"{SVG}desc") or "")
    assert all(0 <= x <= width and 0 <= y <= height for x, y in coordinates(root))
    assert all(0 <= float(text.attrib["y"]) <= height for text in root.iter(f"{SVG}text"))
    assert "prefers-color-scheme: dark" in picture
    assert re.findall(r'(?:href|src)="|url\(|@import', picture) == []
    assert {"POC", "target", "2x", "10x", "budget: 3,000", "big: too much"} <= set(texts(picture).splitlines())


def test_picture_ends_where_knowledge_ends() -> None:
    """A curve that is not known beyond some traffic ends there, with a mark, and is not continued."""
    root = drawn(svg(scene()))
    (end,) = root.iter(f"{SVG}circle")
    latency = [path for path in root.iter(f"{SVG}path") if path.attrib["class"].startswith("line")][1]
    last = latency.attrib["d"].split("L")[-1].split()

    assert (end.attrib["cx"], end.attrib["cy"]) == (last[0], last[1])
    # 40 of 1 to 100 requests/s, on a scale of factors between 566 and 950.
    assert float(last[0]) == pytest.approx(566 + 384 * math.log(40, 100), abs=2)


def test_queue_without_end_leaves_the_picture() -> None:
    """A line that grows without end leaves at the top and does not come back."""
    rates = spread(1, 100)
    never = Panel("seconds", (curve("big", rates, lambda rate: 1.0 if rate < 10 else math.inf),))
    root = drawn(svg(scene(latency=never)))
    line = [path for path in root.iter(f"{SVG}path") if path.attrib["class"].startswith("line")][1]
    points = [[float(number) for number in point.split()] for point in line.attrib["d"][1:].split("L")]

    assert [y for _, y in points].index(min(y for _, y in points)) == len(points) - 1
    assert points[-1][0] == pytest.approx((566 + 950) / 2, abs=3)


def test_texts_of_people_are_no_markup() -> None:
    """Signs of markup in a name or a source are shown as they are."""
    picture = svg(scene(title='a <b> & "c"', notes=("Prices: R&D <list>.",)))

    assert 'a <b> & "c"' in texts(picture)
    assert "R&D <list>" in texts(picture)


def test_picture_of_the_command(command: Command) -> None:
    """--svg draws cost and promise, and says that nobody knows how fast answers come."""
    file = command.folder / "plan.svg"
    body = model(objectives=PROMISED, signals=SIGNALS)
    command.text(3, body, "--capacity", "10", "--svg", str(file))

    seen = texts(file.read_text(encoding="utf-8"))
    assert "EUR a month" in seen
    assert "budget: 3,000 a month" in seen
    assert "How fast answers come is not known" in seen
    assert "promised" not in seen


def test_picture_of_a_load_test(command: Command) -> None:
    """Where a load test has measured how fast answers come, that is drawn, and called so."""
    file = command.folder / "plan.svg"
    body = model(objectives=PROMISED, signals=SIGNALS)
    body = measured(body, entry(body))
    page = command.text(3, body, "--svg", str(file))

    seen = texts(file.read_text(encoding="utf-8"))
    assert "promised: 95 % within 500ms" in seen
    assert "Answer time: measured in the load test." in seen
    assert "Answers     95 % come within 0.2 s at POC" in page


def test_traffic_points_are_in_order(command: Command) -> None:
    """A proof of concept with more traffic than the target stands where it belongs."""
    lines = command.text(3, model(), "--capacity", "10", "--poc", "1000").splitlines()

    assert ["target", "2x", "POC", "10x"] in [line.split() for line in lines]


def test_picture_of_theory(command: Command) -> None:
    """Theory is called theory, in the picture and on the page."""
    file = command.folder / "plan.svg"
    body = model(objectives=PROMISED, signals=SIGNALS)
    page = command.text(
        3, body, "--capacity", "10", "--service-time", "120ms", "--concurrency", "2", "--svg", str(file)
    )

    assert "Answer time: theory, not measured: M/M/2 with 0.12 s" in texts(file.read_text(encoding="utf-8"))
    assert "(theory, not measured: M/M/2 with 0.12 s of work for a request)" in page


def test_picture_of_several(command: Command) -> None:
    """A picture shows one ModelDeployment."""
    file = command.written("all.yaml", model(), model())

    assert "--svg: draws one ModelDeployment" in command.misunderstood(file, "--svg", str(command.folder / "plan.svg"))


def test_picture_that_cannot_be_written(command: Command) -> None:
    """A folder that is not there is told in one line."""
    command.text(1, model(), "--capacity", "10", "--svg", "/nowhere/plan.svg")

    assert command.errors == "palier: --svg: cannot write /nowhere/plan.svg: No such file or directory\n"


def test_nothing_to_draw(command: Command) -> None:
    """Without capacity and prices the picture says what is missing."""
    file = command.folder / "plan.svg"
    command.raw(4, command.written("model.yaml", model()), "--svg", str(file))

    assert "The cost is not known: NoCapacity." in texts(file.read_text(encoding="utf-8"))


def test_free_model(command: Command) -> None:
    """A cost of nothing has no place on a scale of factors, and is no reason to fail."""
    file = command.folder / "plan.svg"
    free = command.written("free.yaml", PRICES | {"cpuHour": 0, "memoryGiBHour": 0})
    body = model(scale={"target": {"requestsPerSecond": "200"}})
    page = command.raw(0, command.written("m.yaml", body), "--prices", free, "--capacity", "10", "--svg", str(file))

    assert "any traffic fits" in page.splitlines()[-1] or "at most" in page.splitlines()[-1]
    drawn(file.read_text(encoding="utf-8"))


def test_axis() -> None:
    """Equal factors are equal distances, and what lies outside is drawn at the edge."""
    axis = Axis(1, 100, 0, 200)

    assert (axis.place(10), axis.place(0.1), axis.place(1e9)) == (100, 0, 200)
    assert axis.ticks() == [1, 2, 5, 10, 20, 50, 100]
    assert Axis(0.05, 5000, 0, 1).ticks() == [0.1, 1, 10, 100, 1000]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.05, "0.05"), (8.333, "8.33"), (250, "250"), (1000, "1k"), (18_006, "18k"), (1_234_000, "1.23M"), (2e9, "2G")],
)
def test_short_numbers(number: float, text: str) -> None:
    """Numbers on axes take few letters."""
    assert shorten_number(number) == text


def test_curves_end_at_the_first_gap() -> None:
    """What is not known in between is not drawn over."""
    assert curve("x", (1, 2, 3), lambda rate: None if rate == 2 else rate) == Curve("x", (1,), (1,), complete=False)
