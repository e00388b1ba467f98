"""Writes files whole or not at all, and never through a link."""

from __future__ import annotations

import os
from pathlib import Path

from sluice.errors import WrongArgument


def write_whole(path: Path, text: str) -> None:
    """Write the text in UTF-8 as a new file in the path's place; a link there is replaced, what it leads to stays.

    Raise ``WrongArgument`` when the path is a folder's.
    """
    if path.is_dir() and not path.is_symlink():
        raise WrongArgument(
            f"{path} is a folder.", safe="nothing was written.", next_step="name a file.", file=str(path)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
