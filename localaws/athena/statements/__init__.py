"""Reads Athena's statements: ``read`` returns what a text asks for, as one of the structures in ``kinds``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from localaws.athena.errors import QueryFailed
from localaws.athena.statements import hive, kinds, trino
from localaws.athena.statements.words import Words

__all__ = ["LONGEST", "clean", "kind_of", "read", "subkind_of"]

#: How many bytes a statement may have: https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
LONGEST: Final = 262_144
_HIVE: Final[dict[str, Callable[[Words], kinds.Statement]]] = {
    "ALTER": hive.alter,
    "CREATE": hive.create,
    "DESC": hive.describe,
    "DESCRIBE": hive.describe,
    "DROP": hive.drop,
    "MSCK": hive.repair,
    "SHOW": hive.show,
    "VACUUM": trino.vacuum,  # its names may stand in Hive's marks, not in Trino's
}
_TRINO: Final[dict[str, Callable[[Words], kinds.Statement]]] = {
    "CREATE": trino.create,
    "DEALLOCATE": trino.deallocate,
    "DROP": trino.drop,
    "EXECUTE": trino.execute,
    "EXPLAIN": trino.explain,
    "INSERT": trino.insert,
    "OPTIMIZE": trino.optimize,
    "PREPARE": trino.prepare,
    "SHOW": trino.show,
    "UNLOAD": trino.unload,
}
_QUERIES: Final = ("SELECT", "WITH", "VALUES", "TABLE", "(")
_CHANGES: Final = ("UPDATE", "DELETE", "MERGE")
_UTILITY: Final = (
    kinds.ShowDatabases | kinds.ShowTables | kinds.ShowColumns | kinds.ShowPartitions | kinds.ShowCreate
    | kinds.ShowProperties | kinds.Describe | kinds.Explain | kinds.Prepare | kinds.Deallocate
)  # fmt: skip
_DML: Final = (
    kinds.Query | kinds.InsertInto | kinds.Unload | kinds.Change | kinds.Optimize | kinds.Vacuum | kinds.Execute
)
_SUBKINDS: Final[dict[type, str]] = {kinds.Query: "SELECT", kinds.CreateTableAs: "CREATE_TABLE_AS_SELECT"}


def read(sql: str) -> kinds.Statement:
    """Return what the text asks for; raise QueryFailed with SYNTAX_ERROR and the place where it is no statement."""
    words = Words(sql, hive=_in_hive(sql))
    first = words.here
    word = first.text.upper() if first is not None else ""
    if word in _QUERIES:
        return kinds.Query(words.rest())
    if word in _CHANGES:
        return kinds.Change(word, words.rest())
    known = (_HIVE if words.hive else _TRINO).get(word)
    if known is None:
        words.fail()
    words.need(word)
    return known(words)


def clean(sql: str) -> str:
    """Return the statement without surrounding space, comments before it and the closing semicolon."""
    try:
        words = Words(sql, hive=_in_hive(sql))
    except QueryFailed:
        return sql.strip()  # its error is said where it runs
    return words.rest() if words.here is not None else ""


def kind_of(statement: kinds.Statement) -> str:
    """Return Athena's ``StatementType``: DDL, DML or UTILITY."""
    if isinstance(statement, _UTILITY):
        return "UTILITY"
    return "DML" if isinstance(statement, _DML) else "DDL"


def subkind_of(statement: kinds.Statement) -> str:
    """Return Athena's ``SubstatementType``, such as ``CREATE_TABLE_AS_SELECT``."""
    if isinstance(statement, kinds.Change):
        return statement.kind
    found = _SUBKINDS.get(type(statement))
    if found is None:
        name = type(statement).__name__
        found = "".join(f"_{letter}" if letter.isupper() else letter for letter in name).lstrip("_").upper()
    return found


def _in_hive(sql: str) -> bool:  # noqa: PLR0911  one return a word
    """Return whether a statement is written in Hive's grammar: what defines tables, but neither views nor CTAS."""
    try:
        words = Words(sql, hive=False)
    except QueryFailed:
        words = Words(sql, hive=True)  # quotes inside of texts are written otherwise
    first = words.here
    word = first.text.upper() if first is not None else ""
    if word not in _HIVE:
        return False
    words.need(word)
    if word == "DROP":
        return not words.looks("VIEW")
    if word == "SHOW" and words.take("CREATE", "VIEW"):
        return words.looks("`")
    if word != "CREATE":
        return True
    if words.looks("OR", "REPLACE") or words.looks("VIEW"):
        return False
    if not words.take("TABLE"):
        return True
    words.take("IF", "NOT", "EXISTS")
    in_marks = words.looks("`")
    if not in_marks:
        words.skip_name()
    return in_marks or words.looks("(")
