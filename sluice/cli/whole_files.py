"""Writes files whole or not at all, and never through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sluice.errors import WrongArgument

#: Folders of the system, whose links are those of its devices: a link that is replaced there is gone for everybody.
_OF_SYSTEM = (Path("/dev"), Path("/proc"), Path("/sys"))


def write_whole(path: Path, text: str) -> None:
    """Write the text in UTF-8 as a new file in the path's place, with the mode of the file that was there.

    A link there is replaced, what it leads to stays. Raise ``WrongArgument`` for what ``refuse_place`` refuses.
    """
    refuse_place(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8") as file:
            if path.exists() and not path.is_symlink():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))  # before there is a word to read
            file.write(text)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def refuse_place(path: Path) -> None:
    """Raise ``WrongArgument`` when at the path is a folder, a pipe, a device or the like, which no file replaces.

    The same holds of a link to a pipe or device, as /dev/stdout is one.
    """
    if path.is_dir() and not path.is_symlink():
        what = "is a folder"
    elif path.exists() and not (path.is_file() or path.is_dir()):
        what = "is no file but a pipe, a device or the like, which would be replaced"
    elif any(path.parent.resolve().is_relative_to(folder) for folder in _OF_SYSTEM):
        what = "is in a folder of the system"
    else:
        return
    raise WrongArgument(f"{path} {what}.", safe="nothing was written.", next_step="name a file.", file=str(path))
