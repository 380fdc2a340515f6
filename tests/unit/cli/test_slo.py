"""`palier slo`: objectives out, SLOs in, and what is not translated said in a line."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from palier.api.revision import revision_hash
from palier.api.v1alpha1 import parse
from palier.cli import main
from tests.support.watch.models import OBJECTIVES, describe_model
from tests.support.watch.slos import OBJECTS, SLOTH

MODEL = describe_model()
REVISION = revision_hash(parse(MODEL).spec.model, parse(MODEL).spec.serving, {})


class Ran:
    """A command that has run."""

    def __init__(self, status: int, printed: str, said: str) -> None:
        self.status = status
        self.printed = printed
        self.said = said

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What it printed."""
        return list(yaml.safe_load_all(self.printed))


@pytest.fixture
def palier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - a function
    """Runs `palier slo` on a file with these objects."""

    def run(action: str, objects: object, *options: str) -> Ran:
        path = tmp_path / "objects.yaml"
        path.write_text(objects if isinstance(objects, str) else yaml.safe_dump_all(objects), encoding="utf-8")
        status = main.main(["slo", action, str(path), *options])
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err.replace(str(path), "FILE"))

    return run


def test_export_writes_openslo(palier: Any) -> None:  # noqa: ANN401
    """One object for each objective, about the revision that the file describes."""
    ran = palier("export", [MODEL])

    assert ran.status == 0
    assert [one["apiVersion"] for one in ran.documents] == ["openslo/v1"] * len(OBJECTIVES)
    assert ran.printed.count(f'pod=~"chat-{REVISION}-.+"') == 2 * len(OBJECTIVES)
    assert f"palier: chat: only revision {REVISION} is selected: export again after the next promotion\n" in ran.said


@pytest.mark.parametrize("form", ["openslo", "sloth", "pyrra"])
@pytest.mark.parametrize("options", [(), ("--every-revision",), ("--ratios", "revision")])
def test_import_reads_what_export_wrote(palier: Any, form: str, options: tuple[str, ...]) -> None:  # noqa: ANN401
    """The same objectives, and the signals that they read, to paste into a spec."""
    written = palier("export", [MODEL], "--format", form, *options)
    ran = palier("import", written.printed)

    assert (written.status, ran.status) == (0, 0)
    (spec,) = ran.documents
    assert spec["objectives"] == list(OBJECTIVES)
    assert list(spec) == ["signals", "objectives"]
    assert parse({**MODEL, "spec": {**MODEL["spec"], **spec}}).spec.objectives == parse(MODEL).spec.objectives


def test_every_revision_is_for_good(palier: Any) -> None:  # noqa: ANN401
    """What stands in Git selects the pods of the next version, too."""
    ran = palier("export", [MODEL], "--every-revision")

    assert 'pod=~"chat-[0-9a-f]{10}-.+"' in ran.printed
    assert "only revision" not in ran.said


def test_the_status_knows_the_stable_revision(palier: Any) -> None:  # noqa: ANN401
    """And its serving program, which may not be that of the spec."""
    stable = {"revision": "fedcba9876", "runtime": "vllm", "runtimeVersion": "0.11.2"}
    objective = {"name": "slow", "latency": {"percentile": 99, "threshold": "2s"}}
    ran = palier("export", [{**describe_model([objective], runtime="tgi", signals=None), "status": {"stable": stable}}])

    assert 'vllm:e2e_request_latency_seconds_count{namespace="ml",pod=~"chat-fedcba9876-.+"}' in ran.printed


@pytest.mark.parametrize("status", [None, {}, [], {"stable": None}, {"stable": {"revision": 5}}])
def test_a_status_without_a_stable_revision_says_nothing(palier: Any, status: object) -> None:  # noqa: ANN401
    """Then the file describes it."""
    ran = palier("export", [{**MODEL, "status": status}])

    assert f"chat-{REVISION}-" in ran.printed


@pytest.mark.parametrize("part", ["prompts", "variants"])
def test_a_revision_that_only_the_cluster_knows(palier: Any, part: str) -> None:  # noqa: ANN401
    """Texts of prompts and the chosen variant are not in the file."""
    body = describe_model()
    if part == "prompts":
        body["spec"]["model"]["prompts"] = [{"name": "system", "configMapKeyRef": {"name": "prompts", "key": "system"}}]
    else:
        body["spec"]["serving"]["variants"] = [{"name": "heavy"}, {"name": "light", "port": 8081}]
        body["spec"] |= {
            "scale": {"target": {"requestsPerSecond": "10"}},
            "loadTest": {},
            "budget": {"currency": "EUR", "monthly": "3000"},
            "release": {"stages": [{"loadTest": {}}]},
        }
    ran = palier("export", [body])

    assert ran.status == 1
    assert "only the cluster knows which revision this file is" in ran.said
    assert palier("export", [body], "--every-revision").status == 0


def test_one_of_several_models(palier: Any) -> None:  # noqa: ANN401
    """By its name; without one, all of them."""
    other = {**describe_model(OBJECTIVES[:1]), "metadata": {"name": "other"}}
    both = palier("export", [MODEL, {"kind": "ConfigMap"}, other])
    one = palier("export", [MODEL, other], "--name", "other")

    assert len(both.documents) == len(OBJECTIVES) + 1
    assert [found["metadata"]["name"] for found in one.documents] == ["other-errors"]
    assert 'namespace="default"' in one.printed
    assert (
        palier("export", [MODEL], "--name", "other").said
        == "palier: --name: FILE holds no ModelDeployment called other\n"
    )


def test_what_is_not_written_is_said(palier: Any) -> None:  # noqa: ANN401
    """The rest is written all the same; with nothing left it is a mistake."""
    tokens = {"name": "tokens", "mean": {"sum": "a", "count": "b", "max": "3"}}
    errors = {"name": "errors", "errorRate": {"maxPercent": "1"}}
    body = describe_model([tokens, errors, OBJECTIVES[3]], signals=None, runtime="triton")
    ran = palier("export", [body], "--format", "pyrra")

    assert ran.status == 0
    assert [one["metadata"]["name"] for one in ran.documents] == ["chat-feedback"]
    assert "palier: chat: spec.objectives[0] (tokens) is not written: only errorRate, latency, ratio" in ran.said
    assert "palier: chat: spec.objectives[1] (errors) is not written: Pyrra takes one counter" in ran.said
    nothing = palier("export", [describe_model([tokens], signals=None)])
    assert nothing.status == 1
    assert nothing.said.endswith("palier: spec.objectives: none of them can be an SLO of openslo\n")


def test_import_says_what_it_leaves_out(palier: Any) -> None:  # noqa: ANN401
    """Descriptions and alerts of an SLO, and objects that are none."""
    ran = palier("import", [{"kind": "Service", "metadata": {"name": "api"}}, SLOTH])

    assert ran.status == 0
    service, level = ran.said.splitlines()
    assert service == "palier: Service api is not read: it is no SLO"
    assert level.startswith(
        "palier: left out of PrometheusServiceLevel api, as no objective says it: metadata.labels, "
    )
    assert {"spec.labels", "spec.slos[0].description", "spec.slos[1].alerting"} <= set(
        level.split(": ")[-1].split(", ")
    )


def test_import_reads_lists(palier: Any) -> None:  # noqa: ANN401
    """As `kubectl get --output yaml` prints them, and several formats in one file."""
    ran = palier("import", [{"kind": "List", "items": [OBJECTS["openslo"]]}, SLOTH])

    assert [one["name"] for one in ran.documents[0]["objectives"]] == ["api-errors", "errors", "fast"]


def test_import_says_what_the_spec_needs(palier: Any) -> None:  # noqa: ANN401
    """A preset's series are read only where the spec names the serving program."""
    objective = {"name": "slow", "latency": {"percentile": 99, "threshold": "2s"}}
    written = palier("export", [describe_model([objective], signals=None, runtime="vllm")])
    ran = palier("import", written.printed)

    assert ran.documents == [{"objectives": [objective]}]
    assert "palier: these objectives need spec.model.runtime: vllm\n" in ran.said


def test_a_refusal_names_the_object_and_the_field(palier: Any) -> None:  # noqa: ANN401
    """In one line, with exit status 1 and nothing printed."""
    body = {**SLOTH, "spec": {**SLOTH["spec"], "slos": [{**SLOTH["spec"]["slos"][0], "sli": {"raw": {}}}]}}
    ran = palier("import", [body])

    assert (ran.status, ran.printed) == (1, "")
    assert ran.said == (
        "palier: PrometheusServiceLevel api: spec.slos[0].sli.raw: Palier counts events, and cannot count a share:"
        " events\n"
    )


def test_a_field_of_an_objective_is_named_in_its_object(palier: Any) -> None:  # noqa: ANN401
    """Also where it is refused only when the objective is made."""
    body = {**SLOTH, "spec": {**SLOTH["spec"], "slos": [{**SLOTH["spec"]["slos"][1], "objective": 99.9}]}}
    ran = palier("import", [body])

    assert ran.status == 1
    assert ran.said == (
        "palier: PrometheusServiceLevel api: spec.slos[0].objective: a latency objective has a whole percentile from 50"
        " to 99, and 99.9 is none\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "palier: FILE holds no SLO of OpenSLO v1, Sloth or Pyrra\n"),
        ("- 1\n- {}", "palier: FILE holds no SLO of OpenSLO v1, Sloth or Pyrra\n"),
        (
            "apiVersion: openslo/v1alpha\nkind: SLO\nmetadata: {name: a}",
            "is of openslo/v1alpha, which Palier does not know",
        ),
        ("a: [", "palier: cannot read FILE: while parsing a flow node"),
    ],
)
def test_files_without_slos(palier: Any, text: str, said: str) -> None:  # noqa: ANN401
    """A mistake is told in one line."""
    ran = palier("import", text)

    assert (ran.status, ran.printed) == (1, "")
    assert said in ran.said


def test_files_without_models(palier: Any) -> None:  # noqa: ANN401
    """The same for the other way."""
    assert palier("export", "a: 1").said == "palier: FILE holds no ModelDeployment\n"
    assert palier("export", [{"kind": "ModelDeployment"}]).status == 1


@pytest.mark.parametrize("action", ["export", "import"])
def test_the_standard_input_is_a_file(
    action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kubectl get ... | palier slo export -`."""
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(MODEL if action == "export" else SLOTH)))

    assert main.main(["slo", action, "-"]) == 0
    assert "errors" in capsys.readouterr().out


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named."""
    assert main.main(["slo", "import", "/absent"]) == 1
    assert capsys.readouterr().err == "palier: cannot read /absent: No such file or directory\n"


@pytest.mark.parametrize(
    "arguments", [[], ["export"], ["export", "a", "--format", "nobl9"], ["import", "a", "--unit", "Hours"]]
)
def test_what_is_not_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, with the usage."""
    with pytest.raises(SystemExit) as ended:
        main.main(["slo", *arguments])
    assert ended.value.code == 2
    assert "usage: palier slo" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["export", "import"])
def test_help_teaches_by_examples(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands to copy, and what the exit status means."""
    with pytest.raises(SystemExit):
        main.main(["slo", action, "--help"])
    told = capsys.readouterr().out

    assert told.count(f"  palier slo {action} ") >= 2
    assert "Exit status: 0" in told
