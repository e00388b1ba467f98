"""Whatever value an option or argument gets, a command ends with 0, 1 or 2 and a message: never with a traceback."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_group

import shopsphere.demo.run
import shopsphere.generate.stream_files
import sluice.load
from shopsphere.generate.demand import lines_per_day
from sluice.cli import all_commands, app, deployment, local
from sluice.errors import CommandError, Unreachable, WrongArgument
from sluice.folders import MARKS
from sluice.refresh.duckdb.compare import Comparison
from tests.folders import ROOT
from tests.laws import cases

COMMANDS = get_group(all_commands()).commands
#: Every option and argument with a value, of every command.
VALUED = [
    (command, parameter)
    for command in sorted(COMMANDS)
    for parameter in COMMANDS[command].params
    if not getattr(parameter, "is_flag", False) and parameter.name != "help"
]
ODD = [
    "", " ", "-1", "0", "1", "65536", "99999", str(10**30), "nan", "inf", "-inf", "1e999", "0.0", "x",
    "2026-02-30", "20260101", "now",
    "a" * 5000, "loop", "loop/inner", "bad", "bad/a.yaml", "empty", "file", "file/inner", "/proc/x", "/dev/null",
    ".", "..", "nofile",
    "ü", "dev", "-", "--", "a.b", "s3://", "\n",
]  # fmt: skip
#: A sound value of each required argument.
SOUND = {"table": "gold.daily_sales", "what": "s3://bucket/key", "sql": "SELECT 1", "dataset": "orders", "file": "file"}
SOUND |= {
    "delivery": "s3://bucket/key",
    "to": "2026-01-31",
    "name": "orders",
    "shell": "bash",
    "run": "gold.daily_sales",
}


class AskedAws(CommandError):
    """The command found nothing wrong and went on to AWS."""


@pytest.fixture(scope="module", autouse=True)
def nothing_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder with odd paths; whatever would take long or reach AWS raises an error instead."""

    def asked(*arguments: Any, **named: Any) -> Any:
        raise AskedAws("asked")

    folder = tmp_path_factory.mktemp("odd")
    (folder / "loop").symlink_to("loop")
    (folder / "bad" / "a.yaml").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "file").write_text("{}\n")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(deployment, "deployed", asked)
        patch.setattr(local, "assembly_folder", asked)
        for mark in MARKS:  # a project, so that no command stops at there being none
            shutil.copy(ROOT / mark, folder)
        patch.setattr(shopsphere.demo.run, "run_demo", lambda **_: 0)
        patch.setattr("shopsphere.generating.stream_files", asked)
        patch.setattr("shopsphere.generate.lines_per_day", asked)
        patch.setattr(sluice.load, "transform_folders", asked)
        yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app(list(arguments))
    return int(ended.value.code or 0)


def given_to(command: str, parameter: Any, value: str) -> list[str]:
    """The command's arguments with ``value`` for the parameter, and sound ones for the others that are required."""
    words = [] if parameter.param_type_name == "argument" else [parameter.opts[0], value]
    places = [each for each in COMMANDS[command].params if each.param_type_name == "argument"]
    rest = [
        value if each is parameter else SOUND[str(each.name)] for each in places if each.required or each is parameter
    ]
    return [command, *words, "--", *rest] if rest else [command, *words]


@settings(max_examples=cases(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.sampled_from(VALUED), value=st.sampled_from(ODD))
def test_no_value_ends_a_command_with_a_traceback(
    at: tuple[str, Any], value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, parameter = at
    capsys.readouterr()
    code = run(*given_to(command, parameter, value))
    told = capsys.readouterr()
    assert code in {0, 1, 2}
    assert "Traceback" not in told.out + told.err
    assert code == 0 or told.err.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--port", "99999"], ["up", "--port", "-1"], ["demo", "--days", "0"], ["demo", "--port", "65536"],
        ["generate", "--days", "0"], ["generate", "--days", "-1"], ["generate", "--seed", "-1"],
        ["generate", "--start", "now"], ["generate", "--rate", "3"], ["generate", "--events", "3"],
        ["generate", "--manifest", "x"],
        ["generate", "--env", "dev"], ["generate", "--rows-per-day", "0"], ["generate", "--stream", "--days", "3"],
        ["generate", "--stream", "--out", "new", "--manifest", "x"], ["generate", "--stream", "--rate", "nan"],
        ["check", "--contracts", ""], ["down", "--data", "\udcff"], ["check", "--contracts", "loop"],
        ["check", "--contracts", "a" * 5000],
        ["status", "--timeout", "-1"], ["status", "--timeout", "nan"], ["status", "--env", "Foo/"],
        ["plan", "--env", ""],
        ["backfill", "gold.x", "--from", "2026-02-30", "--to", "2026-03-01"],
        ["backfill", "gold.x", "--from", "2026-01-01"],
        ["backfill", "gold.x", "--from", "2026-01-02", "--to", "2026-01-01"], ["backfill", "x"],
        ["backfill", "gold.x", "--cancel", "--column", "day"],
        ["send", "orders", "\udcff"], ["send", "orders", ""], ["send", "orders", "loop"],
        ["send", "orders", "file", "--rate", "inf"],
    ],
)  # fmt: skip
def test_what_can_never_be_right_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Usage: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--contracts", "empty"], "empty holds no contract"),
        (["check", "--contracts", "bad"], "bad/a.yaml: contract: it cannot be read: Is a directory"),
        (["check", "--contracts", "nofile"], "There is no contracts folder nofile"),
        (["generate", "--out", "bad"], "bad is not empty"),
        (["send", "orders", "nofile"], "There is no file nofile"),
        (["send", "orders", "empty"], "There is no file empty"),
        (["down", "--data", "file"], "file"),
    ],
)
def test_what_the_machine_refuses_is_told_and_ends_with_1_before_aws_is_asked(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Next: " in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["rollback", "gold.x", "--to", "7"], ["compare", "gold.x"], ["retract", "s3://b/orders/x"], ["discard", "x"],
        ["backfill", "gold.x"],
    ],
)  # fmt: skip
@pytest.mark.parametrize(("error", "status"), [(WrongArgument, 2), (CommandError, 1), (Unreachable, 1)])
def test_what_names_nothing_ends_with_2_and_what_fails_with_1(
    arguments: list[str],
    error: type[CommandError],
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        # As a function's answer comes back, which knows the type by its name alone.
        raise CommandError.from_data(error("It is not there.", next_step="name another.").as_data())

    monkeypatch.setattr("sluice.cli.deployment.deployed", refuse)
    assert run(*arguments) == status
    assert "It is not there." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["compare", "gold.x"], ["status"]])
@pytest.mark.parametrize(("error", "status"), [(WrongArgument, 2), (CommandError, 1), (Unreachable, 1)])
def test_of_a_command_that_failed_nothing_stands_where_what_it_found_would(
    arguments: list[str],
    error: type[CommandError],
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise error("It is not there.", next_step="name another.")

    monkeypatch.setattr("sluice.cli.deployment.deployed", refuse)
    assert run(*arguments, "--json") == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert json.loads(printed.err)["error"] == error.__name__


def test_outside_of_a_project_compare_says_that_it_did_not_compare(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("compare", "gold.x", "--json") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error" in json.loads(printed.err)


@pytest.mark.parametrize("added", [0, 3])
def test_compare_ends_with_1_and_says_so_where_the_tables_differ(
    added: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty: dict[str, Any] = {}
    found = Comparison(
        "gold.x", "1", {"silver.x": "1"}, ("id",), 5, 5 + added, added, 0, 0, (), (), empty, empty, empty, empty
    )
    monkeypatch.setattr("sluice.cli.deployment.deployed", lambda *_: None)
    monkeypatch.setattr("sluice.cli.comparing.compare_with", lambda *_, **__: found)
    assert run("compare", "gold.x", "--json") == (1 if added else 0)
    assert json.loads(capsys.readouterr().out)["same"] is not bool(added)


def test_a_folder_that_cannot_be_made_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopsphere.generate.lines_per_day", lines_per_day)
    assert run("generate", "--days", "1", "--rows-per-day", "1", "--out", "/proc/x") == 1
    assert "'/proc/x'\nSafe: what was done before stays as it is.\nNext: check the path" in capsys.readouterr().err
