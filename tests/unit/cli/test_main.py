"""The command line: exit status, messages without tracebacks, and log lines that can be read back."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from palier.cli import log, main
from palier.errors import LeadershipLost, Unavailable
from palier.settings import VERSION, Settings


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is one word on one line."""
    assert main.main(["version"]) == 0
    assert capsys.readouterr().out == f"{VERSION}\n"


MISTAKES: dict[str, tuple[list[str], str | None, str]] = {
    "no such file": (
        ["--kubeconfig", "{tmp}/absent"],
        None,
        "--kubeconfig: cannot read {tmp}/absent: No such file or directory",
    ),
    "a folder": (["--kubeconfig", "{tmp}"], None, "--kubeconfig: cannot read {tmp}: Is a directory"),
    "no such file in the variable": (
        [],
        "{tmp}/absent",
        "KUBECONFIG: cannot read {tmp}/absent: No such file or directory",
    ),
    "several in the variable": ([], "{tmp}/a:{tmp}/b", "KUBECONFIG: cannot read {tmp}/a: No such file or directory"),
    "nothing": (
        [],
        None,
        "there is no kubeconfig {tmp}/.kube/config: name one with --kubeconfig FILE, or in the variable KUBECONFIG",
    ),
    "empty": (["--kubeconfig", "{tmp}/empty"], None, "no way to reach a Kubernetes API server: Invalid kube-config"),
    "a text": (["--kubeconfig", "{tmp}/text"], None, "no way to reach a Kubernetes API server: "),
    "broken": (["--kubeconfig", "{tmp}/broken"], None, "no way to reach a Kubernetes API server: "),
}
"""Arguments and the variable KUBECONFIG, and how the answer begins."""

NAMESPACES = {"of the kubeconfig": [], "named": ["-n", "ml"]}

FORKED = """
import json, os, sys
import palier.cli.page, palier.cli.requests, palier.cluster.client
from palier.cli.main import main
for case in json.load(sys.stdin):
    if not os.fork():
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(os.path.join(case["folder"], name), os.O_WRONLY | os.O_CREAT), descriptor)
        os.environ.clear()
        os.environ.update(case["environment"])
        sys.argv[1:] = case["arguments"]
        sys.exit(main())
    status = os.waitstatus_to_exitcode(os.wait()[1])
    with open(os.path.join(case["folder"], "status"), "w") as told:
        print(status, file=told)
"""
"""Loads the command line once, then runs it in a process of its own for every case: loading it takes a second."""


@pytest.fixture(scope="module")
def told_of_mistakes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The folder of each mistake, with and without a namespace: its files, and what the command line said of it.

    Processes of their own: what a library logs without a handler goes to the standard error there.
    """
    folders, cases = {}, []
    for name, (arguments, variable, _) in MISTAKES.items():
        for whose, namespace in NAMESPACES.items():
            tmp = folders[name, whose] = tmp_path_factory.mktemp("mistake")
            tmp.joinpath("empty").write_text("{}")
            tmp.joinpath("text").write_text("kubeconfig")
            tmp.joinpath("broken").write_text("a: [")
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "HOME"))}
            environment |= {"HOME": str(tmp)} | ({"KUBECONFIG": variable.format(tmp=tmp)} if variable else {})
            given = ["status", "a", *namespace, *(one.format(tmp=tmp) for one in arguments)]
            cases.append({"folder": str(tmp), "environment": environment, "arguments": given})
    subprocess.run([sys.executable, "-c", FORKED], input=json.dumps(cases), text=True, check=True)
    return folders


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_of_a_user_is_one_line(
    told_of_mistakes: dict[tuple[str, str], Path], mistake: str, namespace: str
) -> None:
    """A missing or broken kubeconfig is told with its name, without a traceback or a log, with exit status 1."""
    tmp = told_of_mistakes[mistake, namespace]
    status, stdout, stderr = ((tmp / name).read_text() for name in ("status", "stdout", "stderr"))

    assert (status, stdout) == ("1\n", "")
    assert stderr.startswith(f"palier: {MISTAKES[mistake][2].format(tmp=tmp)}")
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["fly"], ["abort"], ["operator", "--no-such-flag"]])
def test_what_is_not_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command, flag or a missing name ends with status 2 and the usage."""
    with pytest.raises(SystemExit) as caught:
        main.main(arguments)
    assert caught.value.code == 2
    assert "usage: palier" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "abort", "promote", "retry", "pause", "resume", "operator"])
def test_help_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command's help shows a line that can be typed."""
    with pytest.raises(SystemExit) as caught:
        main.main([command, "--help"])
    assert caught.value.code == 0
    assert f"\n  palier {command} " in capsys.readouterr().out


def test_several_parts_that_failed_are_all_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures of the operator's parts come grouped; each is one line."""

    def fail(_options: Any) -> None:  # noqa: ANN401 - argparse's own type does not matter here
        raise BaseExceptionGroup("parts", [LeadershipLost("lost"), ExceptionGroup("more", [Unavailable("down")])])

    monkeypatch.setattr(main, "_operator", fail)
    assert main.main(["operator"]) == 1
    assert capsys.readouterr().err == "palier: lost\npalier: down\n"


def test_defect_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected failure keeps its traceback."""

    def fail(_options: Any) -> None:  # noqa: ANN401 - argparse's own type does not matter here
        raise ExceptionGroup("parts", [LeadershipLost("lost"), ZeroDivisionError("defect")])

    monkeypatch.setattr(main, "_operator", fail)
    with pytest.raises(ExceptionGroup):
        main.main(["operator"])


def test_commands_of_people_load_neither_kopf_nor_scipy() -> None:
    """A command at a terminal answers at once: what only the operator needs is not imported."""
    code = "import sys, palier.cli.main; print(sorted({'kopf', 'scipy', 'numpy'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "[]\n"


def test_json_log(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON log has one object per line, with the exception inside it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log.set_up(Settings(prometheus_url="http://x", log_format="json", log_level="warning"))
        logger = logging.getLogger("palier.test")
        logger.info("not shown")
        try:
            int("broken\nin two")
        except ValueError:
            logger.exception("caught %s", "it")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("error", "palier.test", "caught it")
    assert entry["exception"].startswith("Traceback")
    assert entry["time"].endswith("Z")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_name_of_somebody_else_steers_a_terminal_or_forges_a_line(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a log the newline of a message is shown, and those of a traceback stay lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log.set_up(Settings(prometheus_url="http://x", log_format=form))
        try:
            {}["\x1b[2J"]
        except KeyError:
            logging.getLogger("palier.test").exception("pods of %s", "a\x1b[31m\u202e\nZ ERROR forged")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    told = capsys.readouterr().err
    assert not {"\x1b", "\u202e"} & set(told)
    if form == "json":
        assert json.loads(told)["message"] == "pods of a\x1b[31m\u202e\nZ ERROR forged"
    else:
        assert told.splitlines()[0].endswith(r"palier.test: pods of a\x1b[31m\u202e\nZ ERROR forged")
        assert told.splitlines()[-1] == r"KeyError: '\x1b[2J'"


def test_a_mistake_is_told_printably(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What an API server answers may quote what somebody else wrote."""

    def fail(_options: Any) -> None:  # noqa: ANN401 - argparse's own type does not matter here
        raise Unavailable("quota \x1b]0;owned\x07")

    monkeypatch.setattr(main, "_operator", fail)
    assert main.main(["operator"]) == 1
    assert capsys.readouterr().err == "palier: quota \\x1b]0;owned\\x07\n"


def test_text_log(capsys: pytest.CaptureFixture[str]) -> None:
    """A log for people has the time in UTC, the severity and the source on one line."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log.set_up(Settings(prometheus_url="http://x"))
        logging.getLogger("palier.test").warning("look out")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    line = capsys.readouterr().err
    assert line.split(" ", 1)[0].endswith("Z")
    assert line.endswith("WARNING palier.test: look out\n")
