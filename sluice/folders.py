"""Where things lie: what the package brings, and the project that a command is run in.

A project is a folder with the files of ``MARKS``; a command finds it from the present folder upwards, as git does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sluice.errors import CommandError

#: The files by which a folder is known as a project.
MARKS: Final = ("environments.yaml", "cdk.json")
#: The folder of this library.
LIBRARY: Final = Path(__file__).resolve().parent


@dataclass(frozen=True)
class ProjectFolder:
    """The folder of a project, and where its parts are."""

    root: Path

    @property
    def contracts(self) -> Path:
        """Return the folder of the contracts."""
        return self.root / "contracts"

    @property
    def transforms(self) -> Path:
        """Return the folder of the transforms and of what they share."""
        return self.root / "glue_jobs"

    @property
    def environments(self) -> Path:
        """Return the file that declares where the project is deployed."""
        return self.root / MARKS[0]

    @property
    def cache(self) -> Path:
        """Return the folder of what is expensive to make and changes seldom."""
        return self.root / ".sluice" / "cache"

    @property
    def run(self) -> Path:
        """Return the folder to which a local AWS writes that names no other."""
        return self.root / ".sluice" / "run"


def brought(name: str) -> Path:
    """Return a folder that the package brings beside its modules, such as ``lambdas``.

    The wheel carries it inside of this library, a clone of the repository has it beside this library.
    """
    inside = LIBRARY / name
    return inside if inside.is_dir() else LIBRARY.parent / name


def project_around(place: Path) -> ProjectFolder | None:
    """Return the project that ``place`` is in, or None."""
    here = place.resolve()
    for folder in (here, *here.parents):
        # Where one may not look there is no project: unlike Path.is_file, this says so of a folder of somebody else's.
        if all(os.path.isfile(folder / mark) for mark in MARKS):
            return ProjectFolder(folder)
    return None


def present_project() -> ProjectFolder | None:
    """Return the project of the present folder, or None."""
    try:
        return project_around(Path.cwd())
    except OSError:  # the present folder was deleted, or a folder above it may not be read
        return None


def present_folder() -> str:
    """Return the path of the present folder, or words for one that cannot be told, as a deleted one."""
    try:
        return os.getcwd()
    except OSError:
        return "the present folder"


def meant_project(places: Iterable[Path]) -> ProjectFolder | None:
    """Return the project that contracts or transforms at ``places`` are in, or the present one when they are in none.

    Raise ``CommandError`` for places in two projects: helpers, environments and cache are those of one.
    """
    found = list(dict.fromkeys(filter(None, map(project_around, places))))
    if len(found) > 1:
        raise CommandError(
            f"{' and '.join(str(each.root) for each in found)} are two projects.",
            safe="nothing was deployed or changed.",
            next_step="name the contracts of one of them alone.",
            file=str(found[1].root),
        )
    return found[0] if found else present_project()


def needed_project(contracts: Iterable[Path] = ()) -> ProjectFolder:
    """Return the project that ``contracts`` are in, or the present folder's; ``CommandError`` where there is none."""
    if found := meant_project(contracts):
        return found
    raise CommandError(
        f"{present_folder()} is in no Sluice project: neither it nor a folder above it has {' and '.join(MARKS)}.",
        next_step="`sluice init NAME` makes a project; in a project's folder every command finds it.",
        file=present_folder(),
    )
