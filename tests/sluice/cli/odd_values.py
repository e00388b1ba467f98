"""Values that an option or argument was not made for, and a folder in which commands can be given them."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import sluice.load
from sluice.cli import app, deployment, local
from sluice.errors import CommandError
from sluice.folders import MARKS
from tests.folders import SMALL

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
    "assembly": "build/dev",
    "delivery": "s3://bucket/key",
    "to": "2026-01-31",
    "name": "orders",
    "shell": "bash",
    "run": "gold.daily_sales",
    "of": "file",
    "folder": "new",
}


class AskedAws(CommandError):
    """The command found nothing wrong and went on to AWS."""


def asked(*_: Any, **__: Any) -> Any:
    """Stand in for what would take long or reach AWS."""
    raise AskedAws("asked")


def valued(commands: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return every option and argument with a value, of every one of the commands."""
    return [
        (command, parameter)
        for command in sorted(commands)
        for parameter in commands[command].params
        if not getattr(parameter, "is_flag", False) and parameter.name != "help"
    ]


@contextmanager
def odd_folder(folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """Be in a folder with odd paths; what would take long or reach AWS raises an error there."""
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
            shutil.copy(SMALL / mark, folder)
        patch.setattr(sluice.load, "transform_folders", asked)
        yield patch
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app(list(arguments))
    return int(ended.value.code or 0)


def given_to(commands: Mapping[str, Any], command: str, parameter: Any, value: str) -> list[str]:
    """Return a command's arguments: ``value`` for the parameter, sound ones for the others that are required."""
    words = [] if parameter.param_type_name == "argument" else [parameter.opts[0], value]
    places = [each for each in commands[command].params if each.param_type_name == "argument"]
    rest = [
        value if each is parameter else SOUND[str(each.name)] for each in places if each.required or each is parameter
    ]
    return [command, *words, "--", *rest] if rest else [command, *words]


def ends_without_a_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that a command ends as people can understand, whatever it was given."""
    capsys.readouterr()
    code = run(*arguments)
    told = capsys.readouterr()
    assert code in {0, 1, 2}
    assert "Traceback" not in told.out + told.err
    # What was found (1) may be what was asked for, as what `sluice doctor` finds on this machine.
    assert code == 0 or told.err.strip() or (code == 1 and told.out.strip())
