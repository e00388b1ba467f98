"""Options that several commands share, and what their values must be: found wrong before anything is done."""

from __future__ import annotations

import errno
import math
import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

_ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{0,15}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def usable_path(given: str | Path) -> Path:
    """Return the path; ``BadParameter`` for one that is empty, not UTF-8, too long, or links that go in a circle."""
    text = str(given)  # a default comes as the path that it is
    if not text:
        raise typer.BadParameter("the path is empty")
    if text != text.encode(errors="replace").decode():
        raise typer.BadParameter(f"the path {text!a} is not UTF-8")
    try:
        os.stat(text)
    except OSError as error:
        if error.errno in {errno.ENAMETOOLONG, errno.ELOOP}:
            raise typer.BadParameter(f"{text[:80]}: {error.strerror}") from error
    return Path(text)


def contracts_folder(given: str | Path) -> Path:
    """Return the path of a folder of contracts; ``BadParameter`` for one that is no folder."""
    path = usable_path(given)
    if not path.is_dir():
        raise typer.BadParameter(f"{path} is {'no folder' if path.exists() else 'not there'}; name a contracts folder")
    return path


def finite(value: float | None) -> float | None:
    """Return the number; ``BadParameter`` for one that is infinite or none."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no number of this kind")
    return value


def environment(name: str) -> str:
    """Return the environment's name; ``BadParameter`` for what can be none."""
    if not _ENVIRONMENT.fullmatch(name):
        raise typer.BadParameter(f"{name[:80]!r} is no environment; write one of environments.yaml, such as dev")
    return name


def day(text: str) -> str:
    """Return the day as it was given; ``BadParameter`` for what is no day of the calendar. An empty text is none."""
    if text:
        try:
            date.fromisoformat(text if _DAY.fullmatch(text) else "")
        except ValueError as error:
            raise typer.BadParameter(f"{text[:80]!r} is no day; write one as 2026-01-31") from error
    return text


def derived_table(name: str) -> str:
    """Return the table's name; ``BadParameter`` for what can be none."""
    if not re.fullmatch(r"\w+\.\w+", name):
        raise typer.BadParameter(f"{name[:80]!r} is no derived table, as gold.daily_sales; `sluice status` lists them")
    return name


def revision(name: str) -> str:
    """Return the git revision; ``BadParameter`` for what git would take for an option."""
    if name.startswith("-") or "\0" in name:
        raise typer.BadParameter(f"{name[:80]!r} is no git revision")
    return name


DerivedTable = Annotated[
    str, typer.Argument(help="Derived table, e.g. gold.daily_sales.", callback=derived_table, metavar="TABLE")
]
Contracts = Annotated[
    list[Path] | None,
    typer.Option(
        "--contracts", help="Contracts folder; may be given repeatedly.", parser=contracts_folder, metavar="FOLDER"
    ),
]
Environment = Annotated[
    str, typer.Option("--env", help="Environment of environments.yaml, such as dev.", callback=environment)
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Directory for logs and scratch; nothing is written outside.",
        parser=usable_path,
        metavar="FOLDER",
    ),
]
