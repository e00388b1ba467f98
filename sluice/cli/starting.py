"""Makes a project of one's own, for `sluice init`: its files stand in ``sluice/new_project``, each as it will be.

What differs from project to project is written ``@SO@`` there, and a file's name ends with ``.in``: it is no module of
this library, and no tool takes it for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sluice.environments import NAME_PREFIX
from sluice.errors import WrongArgument
from sluice.folders import LIBRARY

#: The CDK CLI that Sluice's stacks are deployed with; package.json locks it.
CDK_CLI: Final = "2.1148.1"
_FILES = LIBRARY / "new_project"
_SUFFIX = ".in"


def start_project(folder: Path, *, empty: bool) -> list[Path]:
    """Write a new project to ``folder``, ``empty`` or with a dataset and a table, and return its files in order.

    Raise ``WrongArgument`` when the folder's name is no name of a project, or when anything is in the folder.
    """
    place = folder.resolve()
    if not NAME_PREFIX.fullmatch(place.name):
        raise WrongArgument(
            f"{place.name!r} is no name of a project: at most 30 small letters, digits and single - between them, a "
            "letter first. The names of its stacks begin with it.",
            next_step=f"`sluice init {_suggested(place.name)}`",
            value=place.name,
        )
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise WrongArgument(
            f"{place} is not empty." if place.is_dir() else f"{place} is a file.",
            safe="nothing was written.",
            next_step="name a folder that is not there yet.",
            file=str(place),
        )
    texts = render(place.name, empty=empty)
    for name, text in texts.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    return [place / name for name in texts]


def render(name: str, *, empty: bool) -> dict[str, str]:
    """Return the text of each file of a new project, by its path in the project."""
    known = {
        "NAME": name,
        "WHEEL": f"sluice-{version('sluice')}-py3-none-any.whl",
        "CDK": CDK_CLI,
        "FILE": "FILE" if empty else "samples/visits.csv",
        "DATASET": "DATASET" if empty else "visits",
    }
    found = {}
    for part in (_FILES / "base", _FILES / ("empty" if empty else "seed")):
        for file in sorted(part.rglob(f"*{_SUFFIX}")):
            path = file.relative_to(part).as_posix().removesuffix(_SUFFIX)
            found[path] = _filled(file.read_text(encoding="utf-8"), known)
    return dict(sorted(found.items()))


def _filled(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda mark: known[mark[1]], text)


def _suggested(name: str) -> str:
    plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
    return plain if NAME_PREFIX.fullmatch(plain) else "shop"
