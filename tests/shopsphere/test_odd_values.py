"""Whatever value an option of the example's commands gets, it ends with 0, 1 or 2 and a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_group

import shopsphere.demo.run
import shopsphere.generate.stream_files
from shopsphere.commands import commands
from shopsphere.generate.demand import lines_per_day
from tests.laws import cases
from tests.sluice.cli.odd_values import ODD, asked, ends_without_a_traceback, given_to, odd_folder, run, valued

COMMANDS = get_group(commands).commands


@pytest.fixture(scope="module", autouse=True)
def nothing_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with odd_folder(tmp_path_factory.mktemp("odd")) as patch:
        patch.setattr(shopsphere.demo.run, "run_demo", lambda **_: 0)
        patch.setattr("shopsphere.generating.stream_files", asked)
        patch.setattr("shopsphere.generate.lines_per_day", asked)
        yield


@settings(max_examples=cases(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.sampled_from(valued(COMMANDS)), value=st.sampled_from(ODD))
def test_no_value_ends_a_command_with_a_traceback(
    at: tuple[str, Any], value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_without_a_traceback(given_to(COMMANDS, *at, value), capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--days", "0"], ["demo", "--port", "65536"],
        ["generate", "--days", "0"], ["generate", "--days", "-1"], ["generate", "--seed", "-1"],
        ["generate", "--start", "now"], ["generate", "--rate", "3"], ["generate", "--events", "3"],
        ["generate", "--manifest", "x"],
        ["generate", "--env", "dev"], ["generate", "--rows-per-day", "0"], ["generate", "--stream", "--days", "3"],
        ["generate", "--stream", "--out", "new", "--manifest", "x"], ["generate", "--stream", "--rate", "nan"],
    ],
)  # fmt: skip
def test_what_can_never_be_right_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Usage: " in capsys.readouterr().err


def test_a_folder_that_is_not_empty_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("generate", "--out", "bad") == 1
    told = capsys.readouterr().err
    assert "bad is not empty" in told
    assert "Next: " in told


def test_a_folder_that_cannot_be_made_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopsphere.generate.lines_per_day", lines_per_day)
    assert run("generate", "--days", "1", "--rows-per-day", "1", "--out", "/proc/x") == 1
    assert "'/proc/x'\nSafe: what was done before stays as it is.\nNext: check the path" in capsys.readouterr().err
