"""Folders that no other user can write to: files in them are executed, and what is written there must stay there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class NotOurs(Exception):
    """A folder in which other users could put files that we then read or write; names its owner and the next step."""


def own(path: Path) -> Path:
    """Return the folder at ``path``, created for this user alone if it does not exist; no part of it may be a link.

    Raises NotOurs if it belongs to another user, others may write to it, or it is no folder.
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
    """Open a file of this user alone and return its descriptor; a link is never followed. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if append else os.O_TRUNC)
    return os.open(path, flags, 0o600)
