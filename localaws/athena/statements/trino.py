"""The statements that read and change rows, views and prepared statements, in Trino's grammar.

https://docs.aws.amazon.com/athena/latest/ug/dml-queries-functions-operators.html
"""

from __future__ import annotations

from localaws.athena.errors import QueryFailed
from localaws.athena.statements import kinds
from localaws.athena.statements.words import Words

_FORMATS = frozenset({"TEXT", "GRAPHVIZ", "JSON"})
_TYPES = frozenset({"LOGICAL", "DISTRIBUTED", "VALIDATE", "IO"})


def create(words: Words) -> kinds.Statement:
    """Read CREATE VIEW or CREATE TABLE AS, whose first word is read."""
    replace = words.take("OR", "REPLACE")
    if replace or words.looks("VIEW"):
        words.need("VIEW")
        name = words.name()
        columns = words.listed(words.identifier) if words.looks("(") else ()
        words.need("AS")
        return kinds.CreateView(name, replace, columns, words.rest())
    words.need("TABLE")
    exists_ok = words.take("IF", "NOT", "EXISTS")
    name = words.name()
    properties = _properties(words) if words.take("WITH") else {}
    words.need("AS")
    query = words.rest(until=lambda: words.ends_with("WITH", "NO", "DATA") or words.ends_with("WITH", "DATA"))
    without = words.take("WITH", "NO", "DATA")
    return kinds.CreateTableAs(name, exists_ok, query, properties, with_data=not without)


def drop(words: Words) -> kinds.Statement:
    """Read DROP VIEW, whose first word is read."""
    words.need("VIEW")
    exists_ok = words.take("IF", "EXISTS")
    found = kinds.DropView(words.name(), exists_ok)
    words.end()
    return found


def show(words: Words) -> kinds.Statement:
    """Read SHOW CREATE VIEW, whose first word is read: Hive's grammar has the other forms of SHOW."""
    words.need("CREATE", "VIEW")
    found = kinds.ShowCreate(words.name(), view=True)
    words.end()
    return found


def insert(words: Words) -> kinds.Statement:
    """Read INSERT INTO, whose first word is read."""
    words.need("INTO")
    name = words.name()
    columns: tuple[str, ...] = ()
    if words.looks("(") and not any(words.looks("(", word) for word in ("SELECT", "WITH", "VALUES", "(")):
        columns = words.listed(words.identifier)
    return kinds.InsertInto(name, columns, words.rest())


def unload(words: Words) -> kinds.Statement:
    """Read UNLOAD, whose first word is read."""
    query = words.inside()
    words.need("TO")
    target = words.string()
    properties = _properties(words) if words.take("WITH") else {}
    words.end()
    return kinds.Unload(query, target, properties)


def optimize(words: Words) -> kinds.Statement:
    """Read OPTIMIZE, whose first word is read."""
    name = words.name()
    words.need("REWRITE", "DATA", "USING", "BIN_PACK")
    condition = words.rest() if words.take("WHERE") else ""
    words.end()
    return kinds.Optimize(name, condition)


def vacuum(words: Words) -> kinds.Statement:
    """Read VACUUM, whose first word is read."""
    found = kinds.Vacuum(words.name())
    words.end()
    return found


def prepare(words: Words) -> kinds.Statement:
    """Read PREPARE, whose first word is read."""
    name = words.identifier()
    words.need("FROM")
    return kinds.Prepare(name, words.rest())


def execute(words: Words) -> kinds.Statement:
    """Read EXECUTE, whose first word is read."""
    name = words.identifier()
    if not words.take("USING"):
        words.end()
        return kinds.Execute(name, ())
    found = [words.rest(until=lambda: words.looks(","))]
    while words.take(","):
        found.append(words.rest(until=lambda: words.looks(",")))
    return kinds.Execute(name, tuple(found))


def deallocate(words: Words) -> kinds.Statement:
    """Read DEALLOCATE PREPARE, whose first word is read."""
    words.need("PREPARE")
    found = kinds.Deallocate(words.identifier())
    words.end()
    return found


def explain(words: Words) -> kinds.Statement:
    """Read EXPLAIN, whose first word is read."""
    analyze = words.take("ANALYZE")
    verbose = analyze and words.take("VERBOSE")
    chosen = {"FORMAT": "TEXT", "TYPE": "DISTRIBUTED"}
    if words.looks("(") and any(words.looks("(", name) for name in chosen):
        for key, value in words.listed(lambda: _option(words)):
            chosen[key] = value
    return kinds.Explain(words.rest(), analyze, chosen["FORMAT"], chosen["TYPE"], verbose)


def _option(words: Words) -> tuple[str, str]:
    key = "FORMAT" if words.take("FORMAT") else "TYPE"
    if key == "TYPE":
        words.need("TYPE")
    allowed = _FORMATS if key == "FORMAT" else _TYPES
    place, value = words.position(), words.identifier().upper()
    if value not in allowed:
        raise QueryFailed("SYNTAX_ERROR", f"{place}: {key} is one of {', '.join(sorted(allowed))}, not {value}")
    return key, value


def _properties(words: Words) -> dict[str, str | tuple[str, ...]]:
    """Read ``(name = value, …)``; a value is a text, a number, true or false, or an ARRAY of texts."""

    def one() -> tuple[str, str | tuple[str, ...]]:
        key = words.identifier()
        words.need("=")
        return key, _value(words)

    return dict(words.listed(one))


def _value(words: Words) -> str | tuple[str, ...]:
    if words.take("ARRAY"):
        words.need("[")
        found: list[str] = []
        while not words.take("]"):
            found.append(words.literal())
            if not words.looks("]"):
                words.need(",")
        return tuple(found)
    for word in ("TRUE", "FALSE"):
        if words.take(word):
            return word.lower()
    return words.literal()
