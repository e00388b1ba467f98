"""Where a statement runs: whose leave it has, the catalog that it changes, the database that it is asked in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from moto.core.exceptions import JsonRESTError

from localaws.athena.catalog import Catalog
from localaws.athena.engine import Answer
from localaws.athena.errors import QueryFailed
from localaws.athena.leave import Leave
from localaws.athena.plan import Parsed
from localaws.athena.statements.kinds import Name
from localaws.context import Context

#: How Hive's errors begin, which Athena passes on.
_EXECUTION = "Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask."


@dataclass(frozen=True)
class Place:
    """What a statement needs to run.

    ``output`` is the folder of the query's results, ends with a slash, and with ``query_id`` names what it writes.
    ``answer`` runs a query; ``described`` returns its columns and no rows. ``unstopped`` raises if the statement was
    stopped, and is called before each change; ``allow`` gets the bytes that are read without a query, and may raise.
    """

    ctx: Context
    leave: Leave
    catalog: Catalog
    database: str
    query_id: str
    output: str
    answer: Callable[[str | Parsed], Answer]
    described: Callable[[str], Answer]
    unstopped: Callable[[], None]
    allow: Callable[[int], None]

    @property
    def glue(self) -> Any:
        """Return the Glue client that changes the catalog, once leave was asked."""
        return self.ctx.client("glue")

    def name(self, name: Name) -> Name:
        """Return the name with its database; raise where there is none of that name."""
        found = name.within(self.database)
        self.leave.glue("GetDatabase", found.database)
        try:
            self.glue.get_database(Name=found.database)
        except self.glue.exceptions.EntityNotFoundException:
            failed(f"SemanticException [Error 10072]: Database does not exist: {found.database}")
        return found

    def found(self, name: Name) -> dict[str, Any] | None:
        """Return the Glue table or view of the full name, or None."""
        self.leave.glue("GetTable", name.database, name.name)
        try:
            table: dict[str, Any] = self.glue.get_table(DatabaseName=name.database, Name=name.name)["Table"]
        except (self.glue.exceptions.EntityNotFoundException, JsonRESTError):
            return None
        return table

    def table(self, name: Name) -> tuple[Name, dict[str, Any]]:
        """Return full name and Glue table of a table; raise for one that is not there, and for a view."""
        full = self.name(name)
        table = self.found(full)
        if table is None:
            failed(f"SemanticException [Error 10001]: Table not found {full}")
        if is_view(table):
            failed(f"SemanticException [Error 10131]: {full} is a view, not a table")
        return full, table


def is_view(table: dict[str, Any]) -> bool:
    """Return whether a Glue table is a view."""
    return table.get("TableType") == "VIRTUAL_VIEW"


def is_iceberg(table: dict[str, Any]) -> bool:
    """Return whether a Glue table is an Iceberg table."""
    return "metadata_location" in (table.get("Parameters") or {})


def table_input(table: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return what UpdateTable takes for a table that GetTable gave, with what is ``changed``."""
    kept = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "ViewOriginalText",
            "ViewExpandedText", "TableType", "Parameters")  # fmt: skip
    return {key: table[key] for key in kept if key in table} | changed


def failed(message: str) -> NoReturn:
    """Raise an error in Hive's words."""
    raise QueryFailed("FAILED", message)


def not_done(message: str) -> NoReturn:
    """Raise an error of Hive's metastore."""
    raise QueryFailed("FAILED", f"{_EXECUTION} {message}")
