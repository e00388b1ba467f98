"""Reads each of botocore's API models once in this process; else every session and every moto service reads its own.

Sharing them is safe because nothing changes them: clients of one session share them already.
"""

from __future__ import annotations

import functools
from typing import Any

import botocore.session
from botocore.loaders import Loader
from moto.core import utils

from localaws.moto_patches import original, replace

#: What loaders have read, by the search path that a session is configured with.
_read: dict[str | None, dict[Any, Any]] = {}


def share() -> None:
    """Make the loaders of all sessions share what they have read, and give moto one loader for all services."""
    replace(botocore.session, "create_loader", _sharing)
    replace(utils, "create_loader", _motos_loader)


def _sharing(search_path_string: str | None = None) -> Loader:
    loader: Loader = original(botocore.session, "create_loader")(search_path_string)
    loader._cache = _read.setdefault(search_path_string, {})
    return loader


@functools.cache
def _motos_loader() -> Any:
    return original(utils, "create_loader")()
