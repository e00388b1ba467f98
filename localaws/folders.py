"""Folders that nobody else can write to: what lies there is run, and what is written there must land there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class NotOurs(Exception):
    """A folder in which others could put what we then read or write; says whose, and what to do."""


def own(path: Path) -> Path:
    """Return the folder at ``path``, made for this user alone if it is not there, with no links in it.

    Raises NotOurs of one that belongs to somebody else, that others may write to, or that is no folder.
    """
    if path.is_symlink() and path.lstat().st_uid != os.getuid():
        raise NotOurs(f"{path} is a link that another user made. Nothing was written. Choose another folder.")
    folder = path.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotOurs(f"{folder} is no folder. Nothing was written. Choose another.") from None
        if found.st_uid != os.getuid():
            raise NotOurs(f"{folder} belongs to another user. Nothing was written. Choose another folder.") from None
        if found.st_mode & _WRITABLE_BY_OTHERS:
            raise NotOurs(
                f"Other users may write to {folder}, and so decide what runs here. Nothing was written. "
                f"Look through it, then `chmod go-w {folder}`, or choose another folder."
            ) from None
    return folder


def open_for_writing(path: Path, *, append: bool = False) -> int:
    """Open a file of this user alone and return its descriptor; never what a link names. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if append else os.O_TRUNC)
    return os.open(path, flags, 0o600)
