"""Commands of other packages join; one that is broken costs no other command, and is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sluice.cli import commands as own
from sluice.cli.joined import CannotJoin, Joined, names_of
from sluice.errors import ModuleRefused

pytestmark = pytest.mark.slow

TOY = "import typer\ncommands = typer.Typer()\n\n@commands.command()\ndef {name}() -> None:\n    print('toy ran')\n"


def sluice(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line beside an installed package whose module has ``code``."""
    (folder / "toy_commands.py").write_text(code)
    installed = folder / "toy-1.0.dist-info"
    installed.mkdir(exist_ok=True)
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
            "it has a callback but no name",
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
    assert not ran.stderr
    for asked in ("--help", "mine"):
        told = sluice(tmp_path, code, asked).stderr
        left_out = f"The commands of toy (sluice.commands: mine = toy_commands:commands) are left out: {why}"
        assert left_out.casefold() in told.casefold()


def typed(*names: str, name: str | None = None, callback: bool = False) -> typer.Typer:
    made = typer.Typer(name=name, callback=(lambda: None) if callback else None)
    for each in names:
        made.command(each)(lambda: None)
    return made


def holding(*inner: typer.Typer) -> typer.Typer:
    made = typer.Typer()
    for each in inner:
        made.add_typer(each)
    return made


TAKEN = [
    (typed("down"), "there is a command down already, of ours"),
    (typed("Down"), "there is a command down already, of ours"),
    (typed("x", name="down"), "there is a command down already, of ours"),
    (typed("x", name="DOWN"), "there is a command down already, of ours"),
    (typed("group"), "there is a command group already, of ours"),
    (holding(typed("down")), "there is a command down already, of ours"),
    (holding(holding(typed("x", name="down"))), "there is a command down already, of ours"),
    (typed("new", "new"), "it holds the name new twice"),
    (typed("new", "New"), "it holds the name New twice, once as new"),
    (holding(typed("new"), typed("x", name="new")), "it holds the name new twice"),
    (typed("new", "new", name="fresh"), "it holds the name new twice"),
    (typed("new", callback=True), "it has a callback but no name"),
    (holding(typed("new", callback=True)), "it has a callback but no name"),
    (typer.Typer(), "it holds no command"),
    (None, "it is a NoneType, not a typer.Typer"),
]


@pytest.mark.parametrize(("brought", "why"), TAKEN)
def test_a_name_has_one_owner_whatever_the_form_and_a_refused_one_adds_nothing(brought: object, why: str) -> None:
    together = Joined(typer.Typer())
    together.join(holding(typed("down"), typed("inner", name="group")), "ours")
    with pytest.raises(CannotJoin, match=f"^{why}"):
        together.join(brought, "theirs")
    assert names_of(together.cli) == {"down", "group"}


@pytest.mark.parametrize(
    ("brought", "added"),
    [
        (typed("inner"), "inner"),
        (typed("down", "group", name="fresh"), "fresh"),
        (typed("x", name="fresh", callback=True), "fresh"),
        (holding(typed("down", name="fresh")), "fresh"),
    ],
)
def test_what_a_group_holds_is_its_own(brought: typer.Typer, added: str) -> None:
    together = Joined(typer.Typer())
    together.join(holding(typed("down"), typed("inner", name="group")), "ours")
    together.join(brought, "theirs")
    assert names_of(together.cli) == {"down", "group", added}


def test_two_modules_of_ours_that_claim_one_name_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "_FOUND", {"first": typed("New"), "second": typed("x", name="new")})
    with pytest.raises(ModuleRefused, match=r"commands/second\.py: there is a command New already, of .*/first\.py"):
        own.joined()


def test_a_command_of_ours_that_cannot_be_built_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = typer.Typer()

    @bad.command()
    def hello(n: int | list[str]) -> None: ...

    monkeypatch.setattr(own, "_FOUND", {"bad": bad})
    with pytest.raises(ModuleRefused, match=r"commands/bad\.py: its commands cannot be built"):
        own.joined()
