"""The statements that define databases and tables, in Hive's grammar.

https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
"""

from __future__ import annotations

from typing import Any

from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.statements import kinds
from localaws.athena.statements.words import Words

#: The parts of an Iceberg partition that take a number, and those that take none.
_NUMBERED = frozenset({"bucket", "truncate"})
_DATED = frozenset({"year", "month", "day", "hour", "years", "months", "days", "hours"})

_CLAUSES = "'COMMENT', 'PARTITIONED BY', 'CLUSTERED BY', 'ROW FORMAT', 'STORED AS', 'LOCATION', 'TBLPROPERTIES'"
_SHOWN = "'COLUMNS', 'CREATE TABLE', 'CREATE VIEW', 'DATABASES', 'PARTITIONS', 'TABLES', 'TBLPROPERTIES', 'VIEWS'"


def create(words: Words) -> kinds.Statement:
    """Read CREATE DATABASE or CREATE TABLE, whose first word is read."""
    if words.take("DATABASE") or words.take("SCHEMA"):
        return _create_database(words)
    external = words.take("EXTERNAL")
    words.need("TABLE")
    exists_ok = words.take("IF", "NOT", "EXISTS")
    name = words.name()
    columns = words.listed(lambda: _column(words))
    return kinds.CreateTable(name, external, exists_ok, columns, **_clauses(words))


def drop(words: Words) -> kinds.Statement:
    """Read DROP DATABASE or DROP TABLE, whose first word is read."""
    if words.take("DATABASE") or words.take("SCHEMA"):
        exists_ok = words.take("IF", "EXISTS")
        name = words.identifier()
        cascade = words.take("CASCADE")
        if not cascade:
            words.take("RESTRICT")
        words.end()
        return kinds.DropDatabase(name, exists_ok, cascade)
    words.need("TABLE")
    exists_ok = words.take("IF", "EXISTS")
    found = kinds.DropTable(words.name(), exists_ok)
    words.take("PURGE")
    words.end()
    return found


def alter(words: Words) -> kinds.Statement:
    """Read ALTER DATABASE or ALTER TABLE, whose first word is read."""
    if words.take("DATABASE") or words.take("SCHEMA"):
        name = words.identifier()
        words.need("SET", "DBPROPERTIES")
        found = kinds.AlterDatabase(name, words.properties())
        words.end()
        return found
    if words.take("VIEW"):
        raise not_supported("ALTER VIEW … DIALECT", allowed="CREATE OR REPLACE VIEW")
    words.need("TABLE")
    altered = kinds.AlterTable(words.name(), _action(words))
    words.end()
    return altered


def repair(words: Words) -> kinds.Statement:
    """Read MSCK REPAIR TABLE, whose first word is read."""
    words.need("REPAIR", "TABLE")
    found = kinds.RepairTable(words.name())
    words.end()
    return found


def show(words: Words) -> kinds.Statement:
    """Read SHOW, whose first word is read."""
    found = _shown(words)
    words.end()
    return found


def describe(words: Words) -> kinds.Statement:
    """Read DESCRIBE, whose first word is read."""
    if words.take("VIEW"):
        view = kinds.Describe(words.name(), view=True)
        words.end()
        return view
    style = next((style for style in ("EXTENDED", "FORMATTED") if words.take(style)), "")
    name = words.name()
    partition = _spec(words) if words.take("PARTITION") else None
    column: list[str] = []
    while words.here is not None:
        column.append(words.identifier())
        if words.here is not None:
            words.need(".")
    return kinds.Describe(name, style, partition, tuple(column))


def _create_database(words: Words) -> kinds.CreateDatabase:
    exists_ok = words.take("IF", "NOT", "EXISTS")
    name, comment, location = words.identifier(), "", ""
    properties: dict[str, str] = {}
    while words.here is not None:
        if words.take("COMMENT"):
            comment = words.string()
        elif words.take("LOCATION"):
            location = words.string()
        elif words.take("WITH", "DBPROPERTIES"):
            properties = words.properties()
        else:
            words.fail("'COMMENT', 'LOCATION', 'WITH DBPROPERTIES'")
    return kinds.CreateDatabase(name, exists_ok, comment, location, properties)


def _column(words: Words) -> kinds.Column:
    name, kind = words.identifier(), words.type_text()
    return kinds.Column(name, kind, words.string() if words.take("COMMENT") else "")


def _clauses(words: Words) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while words.here is not None:
        if words.take("COMMENT"):
            found["comment"] = words.string()
        elif words.take("PARTITIONED", "BY"):
            parts = words.listed(lambda: _partition_field(words))
            found["keys"] = tuple(part for part in parts if isinstance(part, kinds.Column))
            found["transforms"] = tuple(part for part in parts if isinstance(part, kinds.Transform))
        elif words.take("CLUSTERED", "BY"):
            found["bucketed_by"] = words.listed(words.identifier)
            words.need("INTO")
            found["buckets"] = words.integer()
            words.need("BUCKETS")
        elif words.take("ROW", "FORMAT"):
            found |= _row_format(words)
        elif words.take("STORED", "AS"):
            if words.take("INPUTFORMAT"):
                reads = words.string()
                words.need("OUTPUTFORMAT")
                found["formats"] = (reads, words.string())
            else:
                found["stored_as"] = words.word()
        elif words.take("WITH", "SERDEPROPERTIES"):
            found["serde_properties"] = {**found.get("serde_properties", {}), **words.properties()}
        elif words.take("LOCATION"):
            found["location"] = words.string()
        elif words.take("TBLPROPERTIES"):
            found["properties"] = words.properties()
        else:
            words.fail(
                "'COMMENT', 'PARTITIONED BY', 'CLUSTERED BY', 'ROW FORMAT', 'STORED AS', 'LOCATION', 'TBLPROPERTIES'"
            )
    return found


def _partition_field(words: Words) -> kinds.Column | kinds.Transform:
    """Read one field of PARTITIONED BY: a column with its type, as Hive has it, or an Iceberg transform."""
    place, name = words.position(), words.word() if words.calls() else words.identifier()
    if words.take("("):
        argument = words.integer() if name in _NUMBERED else None
        if name in _NUMBERED:
            words.need(",")
        elif name not in _DATED:
            raise QueryFailed("SYNTAX_ERROR", f"{place}: unknown partition transform '{name}'")
        column = words.identifier()
        words.need(")")
        return kinds.Transform(name.removesuffix("s"), column, argument)
    if words.looks(",") or words.looks(")"):
        return kinds.Transform("identity", name)
    kind = words.type_text()
    return kinds.Column(name, kind, words.string() if words.take("COMMENT") else "")


def _row_format(words: Words) -> dict[str, Any]:
    if words.take("SERDE"):
        found: dict[str, Any] = {"serde": words.string()}
        if words.take("WITH", "SERDEPROPERTIES"):
            found["serde_properties"] = words.properties()
        return found
    words.need("DELIMITED")
    properties: dict[str, str] = {}
    while True:
        if words.take("FIELDS", "TERMINATED", "BY"):
            properties["field.delim"] = properties["serialization.format"] = words.string()
        elif words.take("ESCAPED", "BY"):
            properties["escape.delim"] = words.string()
        elif words.take("COLLECTION", "ITEMS", "TERMINATED", "BY"):
            properties["collection.delim"] = words.string()
        elif words.take("MAP", "KEYS", "TERMINATED", "BY"):
            properties["mapkey.delim"] = words.string()
        elif words.take("LINES", "TERMINATED", "BY"):
            properties["line.delim"] = words.string()
        elif words.take("NULL", "DEFINED", "AS"):
            properties["serialization.null.format"] = words.string()
        else:
            return {"serde_properties": properties}


def _spec(words: Words) -> kinds.Spec:
    def one() -> tuple[str, str]:
        key = words.identifier()
        words.need("=")
        return key, words.literal()

    return words.listed(one)


def _action(words: Words) -> kinds.Action:  # noqa: PLR0911, PLR0912  one branch an action
    if words.take("ADD", "COLUMNS"):
        return kinds.AddColumns(words.listed(lambda: _column(words)))
    if words.take("ADD"):
        exists_ok = words.take("IF", "NOT", "EXISTS")
        added = []
        while words.take("PARTITION"):
            spec = _spec(words)
            added.append((spec, words.string() if words.take("LOCATION") else ""))
        if not added:
            words.fail("'COLUMNS', 'PARTITION'")
        return kinds.AddPartitions(exists_ok, tuple(added))
    if words.take("DROP", "COLUMN"):
        return kinds.DropColumn(words.identifier())
    if words.take("DROP"):
        exists_ok = words.take("IF", "EXISTS")
        words.need("PARTITION")
        dropped = [_spec(words)]
        while words.take(","):
            words.need("PARTITION")
            dropped.append(_spec(words))
        return kinds.DropPartitions(exists_ok, tuple(dropped))
    if words.take("REPLACE", "COLUMNS"):
        return kinds.ReplaceColumns(words.listed(lambda: _column(words)))
    if words.take("CHANGE"):
        words.take("COLUMN")
        before, column = words.identifier(), _column(words)
        after = "" if words.take("FIRST") else (words.identifier() if words.take("AFTER") else None)
        return kinds.ChangeColumn(before, column, after)
    if words.take("SET", "TBLPROPERTIES"):
        return kinds.SetProperties(words.properties())
    if words.take("UNSET", "TBLPROPERTIES"):
        return kinds.UnsetProperties(words.listed(words.string))
    if words.take("SET", "LOCATION"):
        return kinds.SetLocation(None, words.string())
    if words.take("RENAME", "TO"):
        return kinds.RenameTable(words.name())
    if words.take("PARTITION"):
        spec = _spec(words)
        if words.take("SET", "LOCATION"):
            return kinds.SetLocation(spec, words.string())
        words.need("RENAME", "TO", "PARTITION")
        return kinds.RenamePartition(spec, _spec(words))
    words.fail("'ADD', 'CHANGE', 'DROP', 'PARTITION', 'RENAME', 'REPLACE', 'SET', 'UNSET'")


def _pattern(words: Words) -> str | None:
    return words.string() if words.take("LIKE") or words.here is not None else None


def _database(words: Words) -> str:
    return words.name().name if words.take("IN") or words.take("FROM") else ""


def _shown(words: Words) -> kinds.Statement:  # noqa: PLR0911  one branch a kind
    if words.take("DATABASES") or words.take("SCHEMAS"):
        return kinds.ShowDatabases(_pattern(words))
    if words.take("TABLES"):
        return kinds.ShowTables(_database(words), _pattern(words))
    if words.take("VIEWS"):
        return kinds.ShowTables(_database(words), _pattern(words), views=True)
    if words.take("COLUMNS"):
        if not words.take("IN"):
            words.need("FROM")
        name = words.name()
        database = _database(words)
        return kinds.ShowColumns(kinds.Name(name.name, database or name.database))
    if words.take("PARTITIONS"):
        return kinds.ShowPartitions(words.name())
    if words.take("CREATE", "TABLE"):
        return kinds.ShowCreate(words.name())
    if words.take("CREATE", "VIEW"):
        return kinds.ShowCreate(words.name(), view=True)
    if words.take("TBLPROPERTIES"):
        name = words.name()
        return kinds.ShowProperties(name, words.listed(words.string)[0] if words.looks("(") else None)
    words.fail(
        "'COLUMNS', 'CREATE TABLE', 'CREATE VIEW', 'DATABASES', 'PARTITIONS', 'TABLES', 'TBLPROPERTIES', 'VIEWS'"
    )
