"""The Glue Data Catalog with AWS's optimistic locking, added to moto; jobs are in ``jobs``."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.models import GlueBackend
from moto.glue.responses import GlueResponse

from localaws.context import Context
from localaws.gateway.callers import session_of
from localaws.iam.enforcement import would_allow
from localaws.moto_patches import add, original, replace

#: One lock for every catalog write: moto checks and then writes, and the server runs a thread per request.
_WRITES = threading.RLock()


class ConcurrentModificationException(JsonRESTError):
    """The table was changed after the version that the caller names."""

    code = 400

    def __init__(self) -> None:
        super().__init__("ConcurrentModificationException", "Update table failed due to concurrent modifications.")


def install(ctx: Context) -> None:
    """Give moto's Glue compare-and-set table updates, atomic creates and lower-case names."""
    replace(GlueResponse, "update_table", _update_table)
    replace(GlueResponse, "get_tables", _tables_shown(ctx, original(GlueResponse, "get_tables")))
    add(GlueBackend, "rename_table", _rename_table)
    for name in ("get_database", "get_table"):
        replace(GlueBackend, name, _named(original(GlueBackend, name)))
    for name in ("create_database", "delete_database", "delete_table"):
        replace(GlueBackend, name, _serial(_named(original(GlueBackend, name))))
    replace(GlueBackend, "create_table", _serial(_create_table(original(GlueBackend, "create_table"))))
    replace(GlueBackend, "create_partition", _serial(original(GlueBackend, "create_partition")))


def _tables_shown(ctx: Context, motos: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    """Return GetTables with those tables alone that its caller has leave for.

    https://docs.aws.amazon.com/glue/latest/dg/glue-policy-examples-iam.html
    """

    @functools.wraps(motos)
    def get_tables(self: Any) -> ActionResult:
        answer = motos(self)
        call = getattr(self, "localaws_call", None)
        caller = session_of(call.access_key) if call is not None else None
        if caller is None:
            return answer
        begins = f"arn:aws:glue:{self.region}:{self.current_account}:table/{self.parameters.get('DatabaseName')}/"
        listed = answer.result["TableList"]  # type: ignore[index]
        shown = [each for each in listed if would_allow(ctx, caller, "glue:GetTables", begins + each["Name"])]
        return ActionResult({"TableList": shown})

    return get_tables


def _rename_table(self: Any, old: tuple[str, str], new: tuple[str, str]) -> None:
    """Give a table, as its last commit left it, another database and name: no other write comes between.

    Raises moto's TableNotFoundException, DatabaseNotFoundException and TableAlreadyExistsException.
    """
    with _WRITES:
        table = self.get_table(*old)
        latest = copy.deepcopy(table.versions[str(table._current_version)])
        self.create_table(*new, latest | {"Name": new[1]})
        self.delete_table(*old)


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


def _create_table(motos: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(motos)
    def create(self: Any, database_name: str, table_name: str, table_input: dict[str, Any], *args: Any) -> Any:
        table_input["Name"] = table_name.lower()
        return motos(self, database_name.lower(), table_name.lower(), table_input, *args)

    return create


def _named(motos: Callable[..., Any]) -> Callable[..., Any]:
    """Return moto's method with its leading names in lower case, as the Glue catalog has them."""

    @functools.wraps(motos)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        lowered = [arg.lower() if isinstance(arg, str) else arg for arg in args]
        return motos(self, *lowered, **kwargs)

    return call


def _serial(motos: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(motos)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _WRITES:
            return motos(self, *args, **kwargs)

    return call
