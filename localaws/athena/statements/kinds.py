"""Athena's statements as they were written: one structure a kind, with names in small letters.

https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
https://docs.aws.amazon.com/athena/latest/ug/dml-queries-functions-operators.html
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Name:
    """A table's, view's or database's name; ``database`` is empty where the statement names none."""

    name: str
    database: str = ""

    def within(self, database: str) -> Name:
        """Return the name with the database of the query's context where it has none of its own."""
        return self if self.database else Name(self.name, database)

    def __str__(self) -> str:
        return f"{self.database}.{self.name}" if self.database else self.name


@dataclass(frozen=True)
class Column:
    """A declared column: its type as Hive writes it."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True)
class Transform:
    """A field of an Iceberg partition: ``bucket(16, id)``; ``identity`` for a column alone."""

    function: str
    column: str
    argument: int | None = None


#: The values of one partition by key, in the order in which they were written.
Spec = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CreateDatabase:
    """``CREATE DATABASE``."""

    name: str
    exists_ok: bool
    comment: str
    location: str
    properties: dict[str, str]


@dataclass(frozen=True)
class DropDatabase:
    """``DROP DATABASE``; ``cascade`` drops what is in it, too."""

    name: str
    exists_ok: bool
    cascade: bool


@dataclass(frozen=True)
class AlterDatabase:
    """``ALTER DATABASE … SET DBPROPERTIES``."""

    name: str
    properties: dict[str, str]


@dataclass(frozen=True)
class CreateTable:
    """``CREATE [EXTERNAL] TABLE … (columns) …``: a table over objects, or an empty Iceberg table."""

    name: Name
    external: bool
    exists_ok: bool
    columns: tuple[Column, ...]
    comment: str = ""
    keys: tuple[Column, ...] = ()
    transforms: tuple[Transform, ...] = ()
    bucketed_by: tuple[str, ...] = ()
    buckets: int = 0
    serde: str = ""
    serde_properties: dict[str, str] = field(default_factory=dict)
    stored_as: str = ""
    formats: tuple[str, str] | None = None
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DropTable:
    """``DROP TABLE``."""

    name: Name
    exists_ok: bool


@dataclass(frozen=True)
class DropView:
    """``DROP VIEW``."""

    name: Name
    exists_ok: bool


@dataclass(frozen=True)
class AddPartitions:
    """``ADD PARTITION``: each with its location, empty where none is said."""

    exists_ok: bool
    partitions: tuple[tuple[Spec, str], ...]


@dataclass(frozen=True)
class DropPartitions:
    """``DROP PARTITION``."""

    exists_ok: bool
    partitions: tuple[Spec, ...]


@dataclass(frozen=True)
class RenamePartition:
    """``PARTITION … RENAME TO PARTITION``."""

    before: Spec
    after: Spec


@dataclass(frozen=True)
class RenameTable:
    """``RENAME TO`` of an Iceberg table."""

    after: Name


@dataclass(frozen=True)
class SetLocation:
    """``SET LOCATION`` of a table or one of its partitions."""

    partition: Spec | None
    location: str


@dataclass(frozen=True)
class SetProperties:
    """``SET TBLPROPERTIES``."""

    properties: dict[str, str]


@dataclass(frozen=True)
class UnsetProperties:
    """``UNSET TBLPROPERTIES``."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class AddColumns:
    """``ADD COLUMNS``."""

    columns: tuple[Column, ...]


@dataclass(frozen=True)
class ReplaceColumns:
    """``REPLACE COLUMNS``."""

    columns: tuple[Column, ...]


@dataclass(frozen=True)
class ChangeColumn:
    """``after`` is a column's name, ``FIRST``'s empty text, or None where the place stays."""

    before: str
    column: Column
    after: str | None = None


@dataclass(frozen=True)
class DropColumn:
    """``DROP COLUMN``."""

    name: str


Action = (
    AddPartitions
    | DropPartitions
    | RenamePartition
    | RenameTable
    | SetLocation
    | SetProperties
    | UnsetProperties
    | AddColumns
    | ReplaceColumns
    | ChangeColumn
    | DropColumn
)


@dataclass(frozen=True)
class AlterTable:
    """``ALTER TABLE``."""

    name: Name
    action: Action


@dataclass(frozen=True)
class RepairTable:
    """``MSCK REPAIR TABLE``."""

    name: Name


@dataclass(frozen=True)
class CreateView:
    """``CREATE [OR REPLACE] VIEW``."""

    name: Name
    replace: bool
    columns: tuple[str, ...]
    query: str


@dataclass(frozen=True)
class ShowDatabases:
    """``SHOW DATABASES``."""

    pattern: str | None


@dataclass(frozen=True)
class ShowTables:
    """``SHOW TABLES`` and ``SHOW VIEWS``; ``database`` is empty where none is named."""

    database: str
    pattern: str | None
    views: bool = False


@dataclass(frozen=True)
class ShowColumns:
    """``SHOW COLUMNS``."""

    name: Name


@dataclass(frozen=True)
class ShowPartitions:
    """``SHOW PARTITIONS``."""

    name: Name


@dataclass(frozen=True)
class ShowCreate:
    """``SHOW CREATE TABLE`` and ``SHOW CREATE VIEW``."""

    name: Name
    view: bool = False


@dataclass(frozen=True)
class ShowProperties:
    """``SHOW TBLPROPERTIES``."""

    name: Name
    property: str | None


@dataclass(frozen=True)
class Describe:
    """``DESCRIBE [EXTENDED | FORMATTED] table [PARTITION (…)] [column[.field]]``."""

    name: Name
    style: str = ""
    partition: Spec | None = None
    column: tuple[str, ...] = ()
    view: bool = False


@dataclass(frozen=True)
class CreateTableAs:
    """``CREATE TABLE … WITH (…) AS query``; a property's value is its text, or the texts of its ARRAY."""

    name: Name
    exists_ok: bool
    query: str
    properties: dict[str, str | tuple[str, ...]]
    with_data: bool = True


@dataclass(frozen=True)
class InsertInto:
    """``INSERT INTO``."""

    name: Name
    columns: tuple[str, ...]
    query: str


@dataclass(frozen=True)
class Unload:
    """``UNLOAD (query) TO 's3://…'``."""

    query: str
    target: str
    properties: dict[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class Change:
    """An UPDATE, DELETE or MERGE, whose ``text`` is read where it runs."""

    kind: str
    text: str


@dataclass(frozen=True)
class Optimize:
    """``OPTIMIZE table REWRITE DATA USING BIN_PACK [WHERE condition]``."""

    name: Name
    condition: str


@dataclass(frozen=True)
class Vacuum:
    """``VACUUM``."""

    name: Name


@dataclass(frozen=True)
class Prepare:
    """``PREPARE name FROM statement``."""

    name: str
    statement: str


@dataclass(frozen=True)
class Execute:
    """``EXECUTE name USING …``."""

    name: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Deallocate:
    """``DEALLOCATE PREPARE``."""

    name: str


@dataclass(frozen=True)
class Explain:
    """``analyze`` runs the statement; ``format`` and ``type`` are those of ``(FORMAT JSON, TYPE LOGICAL)``."""

    statement: str
    analyze: bool = False
    format: str = "TEXT"
    type: str = "DISTRIBUTED"
    verbose: bool = False


@dataclass(frozen=True)
class Query:
    """A SELECT, WITH, VALUES or TABLE, which is read where it runs."""

    text: str


Statement = (
    CreateDatabase
    | DropDatabase
    | AlterDatabase
    | CreateTable
    | DropTable
    | DropView
    | AlterTable
    | RepairTable
    | CreateView
    | ShowDatabases
    | ShowTables
    | ShowColumns
    | ShowPartitions
    | ShowCreate
    | ShowProperties
    | Describe
    | CreateTableAs
    | InsertInto
    | Unload
    | Change
    | Optimize
    | Vacuum
    | Prepare
    | Execute
    | Deallocate
    | Explain
    | Query
)
