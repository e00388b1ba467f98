"""Commands of other packages join; one that is broken costs no other command, and is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOY = "import typer\ncommands = typer.Typer()\n\n@commands.command()\ndef {name}() -> None:\n    print('toy ran')\n"


def sluice(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line beside an installed package whose module has ``code``."""
    (folder / "toy_commands.py").write_text(code)
    installed = folder / "toy-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[sluice.commands]\nmine = toy_commands:commands\n")
    return subprocess.run(
        [sys.executable, "-c", "from sluice.cli import app; app()", *arguments],
        env={**os.environ, "PYTHONPATH": str(folder)}, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_command_of_another_package_is_one_of_ours(tmp_path: Path) -> None:
    ran = sluice(tmp_path, TOY.format(name="hello"), "hello")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "toy ran\n", "")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import nowhere_there\n", "it cannot be loaded: ModuleNotFoundError: No module named 'nowhere_there'"),
        ("commands = 3\n", "it is a int, not a typer.Typer"),
        ("import sys\nsys.exit(0)\n", "it cannot be loaded: SystemExit: 0"),
        (TOY.format(name="down"), "there is a command down already"),
        (
            "import typer\ncommands = typer.Typer()\nmore = typer.Typer()\n"
            "@more.command()\ndef x() -> None: ...\ncommands.add_typer(more, name='status')\n",
            "there is a command status already",
        ),
        (
            TOY.format(name="hello") + "\n@commands.callback()\ndef first() -> None: ...\n",
            "it has a callback, which would be called for every command",
        ),
        (
            "import typer\ncommands = typer.Typer()\n@commands.command()\ndef hello(n: int | str) -> None: ...\n",
            "it cannot be loaded: AssertionError: Typer Currently doesn't support Union types",
        ),
    ],
)
def test_a_broken_package_costs_no_other_command_and_is_named(tmp_path: Path, code: str, why: str) -> None:
    ran = sluice(tmp_path, code, "down", "--data", str(tmp_path / "aws"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("nothing was running")
    assert (
        f"The commands of toy (sluice.commands: mine = toy_commands:commands) are left out: {why}".casefold()
        in ran.stderr.casefold()
    )
