"""With --json a command prints one object: what it found on standard output, what failed on standard error."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sluice.cli import all_commands, app, console
from tests.folders import ROOT

COMMANDS: dict[str, Any] = get_command(all_commands()).commands  # type: ignore[attr-defined]
#: Commands that print no facts that a program would read, or print them as ``--format`` says.
WITHOUT = {"completion", "demo", "discard", "down", "generate", "query", "redrive", "send", "up"}
WITH = sorted(
    name for name, command in COMMANDS.items() if any("--json" in getattr(each, "opts", ()) for each in command.params)
)
#: What each argument that is needed may be.
GIVEN = {
    "run": "ingest_file",
    "table": "gold.sales",
    "delivery": "s3://landing/orders/a.csv",
    "to": "2026-01-01",
    "folder": "UPPER CASE",
}
#: What makes a command fail where there is no project, instead of telling that as a fact that it found.
FAILING = {"doctor": ["--account"]}
NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_DEFAULT_REGION": "eu-central-1", "AWS_MAX_ATTEMPTS": "1",
}  # fmt: skip


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No AWS, no project."""
    monkeypatch.chdir(tmp_path)
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console, "_state", {"silent": False})


def asked(name: str, *more: str) -> list[str]:
    needed = [each for each in COMMANDS[name].params if each.required]
    words = [GIVEN.get(each.name, "missing.csv") for each in needed if each.param_type_name == "argument"]
    options = [f"{each.opts[0]}=2026-01-01" for each in needed if each.param_type_name == "option"]
    return [name, *words, *options, "--json", *more]


def ended(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, dict[str, Any]]:
    with pytest.raises(SystemExit) as end:
        app(arguments)
    said = capsys.readouterr()
    return int(str(end.value.code)), said.out, json.loads(said.err)


def test_every_command_that_prints_facts_takes_json() -> None:
    assert set(COMMANDS) - set(WITH) <= WITHOUT
    assert set(WITH) & WITHOUT == set()


@pytest.mark.parametrize("name", WITH)
def test_an_option_that_there_is_not_is_one_object_on_standard_error(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, told = ended(asked(name, "--nonsense"), capsys)
    assert (code, out, told["error"]) == (2, "", "WrongArgument")
    assert "--nonsense" in told["what"]
    assert f"sluice {name} --help" in told["next_step"] or "--help" in told["next_step"]


@pytest.mark.parametrize("name", WITH)
def test_what_fails_is_one_object_on_standard_error_and_no_progress(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, told = ended(asked(name, *FAILING.get(name, ())), capsys)
    assert code in (1, 2)
    assert out == ""
    assert {"error", "what", "safe", "next_step", "retryable"} <= told.keys()


def test_progress_and_what_is_left_out_is_said_but_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    for silent in (False, True):
        console.be_silent(silent)
        console.tell("compiling")
        console.errors().print("waiting")
        assert capsys.readouterr().err == ("" if silent else "compiling\nwaiting\n")


def test_no_command_writes_to_standard_error_past_the_rule() -> None:
    """Only what has no --json may, the rule itself, and `check --traceback`, which says nothing with --json."""
    past = [
        path.name
        for path in sorted((ROOT / "sluice" / "cli").rglob("*.py"))
        if re.search(r"sys\.stderr\.write|err=True|Console\(stderr", path.read_text())
    ]
    assert past == ["__init__.py", "check.py", "send.py", "up.py", "console.py"]


def test_the_version_is_told_as_words_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    for asked_for in (["--version"], ["--version", "--json"]):
        with pytest.raises(SystemExit) as end:
            app(asked_for)
        assert end.value.code == 0
        said = capsys.readouterr().out
        python = ".".join(map(str, sys.version_info[:3]))
        if "--json" in asked_for:
            assert json.loads(said)["python"] == python
            assert json.loads(said).keys() == {"sluice", "python", "platform"}
        else:
            assert re.fullmatch(rf"sluice \S+ \(Python {re.escape(python)}, .+\)\n", said)
