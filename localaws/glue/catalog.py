"""The Glue Data Catalog with AWS's optimistic locking, added to moto; jobs are in ``jobs``."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.models import GlueBackend
from moto.glue.responses import GlueResponse

from localaws.context import Context

#: One lock for every catalog write: moto checks and then writes, and the server runs a thread per request.
_WRITES = threading.RLock()
_PATCHED = "_localaws_patched"


class ConcurrentModificationException(JsonRESTError):
    """The table changed since the version that the caller names was read."""

    code = 400

    def __init__(self) -> None:
        super().__init__("ConcurrentModificationException", "Update table failed due to concurrent modifications.")


def install(ctx: Context) -> None:
    """Give moto's Glue compare-and-set table updates, atomic creates and lower-case names."""
    if getattr(GlueBackend, _PATCHED, False):
        return
    backend: Any = GlueBackend
    response: Any = GlueResponse
    response.update_table = _update_table
    backend.get_database = _named(backend.get_database)
    backend.get_table = _named(backend.get_table)
    backend.create_database = _serial(_named(backend.create_database))
    backend.delete_database = _serial(_named(backend.delete_database))
    backend.create_table = _serial(_create_table(backend.create_table))
    backend.delete_table = _serial(_named(backend.delete_table))
    backend.create_partition = _serial(backend.create_partition)
    setattr(GlueBackend, _PATCHED, True)


def _update_table(self: Any) -> ActionResult:
    database = self.parameters.get("DatabaseName")
    table_input = self.parameters.get("TableInput")
    table_input["Name"] = table_input["Name"].lower()
    expected = self.parameters.get("VersionId")
    with _WRITES:
        table = self.glue_backend.get_table(database, table_input["Name"])
        replaced = str(table._current_version)
        if expected is not None and str(expected) != replaced:
            raise ConcurrentModificationException()
        table.update(table_input)
        if self.parameters.get("SkipArchive"):
            table.versions.pop(replaced, None)
    return ActionResult({})


def _create_table(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create(self: Any, database_name: str, table_name: str, table_input: dict[str, Any], *args: Any) -> Any:
        table_input["Name"] = table_name.lower()
        return original(self, database_name.lower(), table_name.lower(), table_input, *args)

    return create


def _named(original: Callable[..., Any]) -> Callable[..., Any]:
    """Lower-case the leading names, as the Glue catalog does."""

    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        lowered = [arg.lower() if isinstance(arg, str) else arg for arg in args]
        return original(self, *lowered, **kwargs)

    return call


def _serial(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _WRITES:
            return original(self, *args, **kwargs)

    return call
