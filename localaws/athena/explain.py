"""EXPLAIN and EXPLAIN ANALYZE: the plan, which is the local engine's own, the check, or the tables and columns read.

https://docs.aws.amazon.com/athena/latest/ug/athena-explain-statement.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena import results as answers
from localaws.athena import statements
from localaws.athena.engine import Column, QueryEngine
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.plan import TableName, plan
from localaws.athena.results import Results
from localaws.athena.statements import kinds
from localaws.athena.statements.words import CATALOG
from localaws.athena.typing import DType
from localaws.athena.write import check_insert

_UNKNOWN = {
    "outputRowCount": "NaN", "outputSizeInBytes": "NaN", "cpuCost": "NaN", "maxMemory": "NaN", "networkCost": "NaN",
}  # fmt: skip


def explain(statement: kinds.Explain, database: str, engine: QueryEngine, allow: Callable[[int], None]) -> Results:
    """Return what EXPLAIN answers of a query, or of the query that a statement writes; nothing is written.

    The table of an INSERT is checked as where it is run.
    """
    inner = statements.read(statement.statement)
    query, target = _query(inner, database)
    if statement.analyze and not isinstance(inner, kinds.Query):
        raise not_supported(f"EXPLAIN ANALYZE of {_named(inner)}", allowed="EXPLAIN ANALYZE of a query")
    if statement.analyze and statement.type != "DISTRIBUTED":
        raise QueryFailed("SYNTAX_ERROR", "line 1:1: EXPLAIN ANALYZE has the option FORMAT alone")
    if isinstance(inner, kinds.InsertInto):
        check_insert(inner, database, engine)
    if statement.type == "VALIDATE":
        engine.described(query, database)
        valid = Column("Valid", exp.DataType(this=DType.BOOLEAN))
        return Results([answers.column_info(valid)], [["true"]], labels=["Valid"])
    if statement.type == "IO":
        text = json.dumps(_read_and_written(query, database, engine, target), indent=2)
    else:
        text = engine.explained(query, database, form=statement.format, analyze=statement.analyze, allow=allow)
    return answers.of_lines("Query Plan", lines=text.split("\n"))


def _query(inner: kinds.Statement, database: str) -> tuple[str, kinds.Name | None]:
    """Return the query of a statement, and the table that it would write to."""
    if isinstance(inner, kinds.Query):
        return inner.text, None
    if isinstance(inner, kinds.CreateTableAs | kinds.InsertInto):
        return inner.query, inner.name.within(database)
    if isinstance(inner, kinds.Unload):
        return inner.query, None
    raise not_supported(f"EXPLAIN of {_named(inner)}", allowed="queries, CREATE TABLE AS, INSERT INTO and UNLOAD")


def _named(inner: kinds.Statement) -> str:
    return statements.subkind_of(inner).replace("_", " ")


def _read_and_written(query: str, database: str, engine: QueryEngine, target: kinds.Name | None) -> dict[str, Any]:
    found = plan(query, database, engine.catalog.readable, engine.catalog.view_of)
    read = [
        {"table": _table(name.database, str(name.name)), "constraint": {"none": False, "columnConstraints": []},
         "estimate": _UNKNOWN}
        for name in sorted(found.relations.values(), key=_order)
    ]  # fmt: skip
    written = {} if target is None else {"outputTable": _table(target.database, target.name)}
    return {"inputTableColumnInfos": read, **written, "estimate": _UNKNOWN}


def _order(name: TableName) -> tuple[str, str, str]:
    return name.database, name.name, name.suffix


def _table(database: str, name: str) -> dict[str, Any]:
    return {"catalog": CATALOG, "schemaTable": {"schema": database, "table": name}}
