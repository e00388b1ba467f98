"""A shell completes every command and option that there is, and the project's own tables and datasets."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sluice.cli import all_commands
from sluice.cli.completing import script

COMMANDS: dict[str, Any] = get_command(all_commands()).commands  # type: ignore[attr-defined]


def completed(folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last of the words."""
    typed = " ".join(f"'{word}'" for word in ("sluice", *words))
    code = f"{script('bash', all_commands())}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words)}; _sluice\n"
    done = subprocess.run(
        ["bash", "-uc", f'{code}printf "%s\\n" "${{COMPREPLY[@]}}"'],
        cwd=folder, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "contracts" / "gold").mkdir(parents=True)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("environments.yaml", "contracts/orders.yaml", "contracts/gold/sales.yaml", "contracts/notes.txt"):
        (tmp_path / name).write_text("")
    return tmp_path / "deep" / "er"


@pytest.mark.slow
def test_every_command_and_option_is_completed(tmp_path: Path) -> None:
    assert set(COMMANDS) < set(completed(tmp_path, ""))
    assert completed(tmp_path, "stat") == ["status"]
    for name, command in COMMANDS.items():
        options = {each for param in command.params if param.param_type_name == "option" for each in param.opts}
        assert options | {"--help"} <= set(completed(tmp_path, name, "--")), name


def test_values_of_options_and_arguments_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "query", "--format", "") == ["table", "csv", "json", "sheet"]
    assert completed(tmp_path, "completion", "z") == ["zsh"]


def test_the_projects_tables_and_datasets_are_completed(project: Path) -> None:
    assert completed(project, "pause", "") == ["gold.sales"]
    assert completed(project, "pause", "g") == ["gold.sales"]
    assert completed(project, "send", "") == ["orders"]


def test_outside_of_a_project_no_table_is_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "pause", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one_that_the_shell_reads(shell: str, tmp_path: Path) -> None:
    text = script(shell, all_commands())
    for name in COMMANDS:
        assert name in text
    (tmp_path / "script").write_text(text)
    if found := shutil.which(shell):  # fish and zsh are not on every machine
        done = subprocess.run([found, "-n", str(tmp_path / "script")], capture_output=True, check=False, timeout=20)
        assert (done.returncode, done.stderr) == (0, b"")
