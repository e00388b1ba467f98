"""Writes the file with the endpoint and credentials of a local AWS; only the user who started it can read it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from localaws.context import ADMIN_ACCESS_KEY, WELL_KNOWN_SECRET, Context

#: In the data folder; JSON with ``endpoint``, ``region``, ``access_key``, ``secret`` and the own routes' ``token``.
FILE = "access.json"


def write(ctx: Context) -> None:
    """Write the file, readable by this user alone; it is deleted when the local AWS stops.

    If the local AWS has a secret of its own, the folder is closed to other users as well: it holds functions' code and
    logs.
    """
    path = ctx.scratch / FILE
    if ctx.secret != WELL_KNOWN_SECRET:
        ctx.scratch.chmod(0o700)
    found = {
        "endpoint": ctx.endpoint,
        "region": ctx.region,
        "access_key": ADMIN_ACCESS_KEY,
        "secret": ctx.secret,
        "token": ctx.token,
    }
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(found, stream)
    unfinished.replace(path)
    ctx.on_close(lambda: _remove(path, ctx.token))


def _remove(path: Path, token: str) -> None:
    if path.is_file() and json.loads(path.read_text())["token"] == token:
        path.unlink()
