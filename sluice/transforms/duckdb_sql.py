"""Makes DuckDB's SQL of a transform's function, from calls recorded while SQLFrame runs it on empty tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlglot
from sqlframe.base.dataframe import BaseDataFrame
from sqlglot import exp

from sluice.confined import quoted
from sluice.contracts import Contract
from sluice.errors import TransformError
from sluice.nearest import did_you_mean
from sluice.transforms import apply, conflicting
from sluice.transforms.bound import column_types, empty_tables
from sluice.transforms.dialect_fixes import alike
from sluice.transforms.discover import DiscoveredTransform
from sluice.transforms.functions.copies import sharing
from sluice.transforms.functions.frames import AtOnce
from sluice.transforms.functions.lowered import lowered
from sluice.transforms.functions.recorded import describe_by, recording, session_on
from sluice.transforms.functions.spark_types import spark_type
from sluice.transforms.lint import Finding, accepted, lint
from sluice.transforms.named import read_as_names
from sluice.transforms.own_code import is_own, line_naming, line_of_result, refused
from sluice.transforms.ties import Tie, ties

#: DuckDB's sum of integers is a HUGEINT, Spark's a BIGINT; the final cast to BIGINT fails on overflow.
#: https://duckdb.org/docs/stable/sql/functions/aggregates
_SAME_IN_SPARK = {("HUGEINT", "BIGINT")}
#: Calls that are nested deeper than Python's own limit are compiled, too: a hundred conditions are a hundred deep.
_DEEPEST = 10_000
_LONGEST = 90


class _Everything(dict[str, str]):
    """Accepts every finding: what is asked for here is a type alone, and the whole query is judged later."""

    def __contains__(self, name: object) -> bool:
        return True


class EmptyTables:
    """A DuckDB connection with an empty table for each contract, and a SQLFrame session on it."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self.contracts = {contract.table: contract for contract in contracts}
        self.connection = empty_tables(self.contracts.values())
        read_as_names(name for contract in self.contracts.values() for name in (contract.name, *column_types(contract)))
        self.session: Any = session_on(self.connection)
        self.types = {
            table: {name: spark_type(kind) for name, kind in column_types(contract).items()}
            for table, contract in self.contracts.items()
        }
        #: Of bronze no columns are a key: a producer may send a record twice.
        self.keys = {
            table: [contract.key, *((column.name,) for column in contract.columns if column.unique)]
            for table, contract in self.contracts.items()
            if contract.derived and contract.key
        }
        describe_by(self._described)

    def _described(self, rows: Any) -> list[tuple[str, str]]:
        with sharing(on=False):
            (tree,) = rows._get_expressions(optimize=False)
            sql = lowered(tree, self.types, _Everything()).sql
        described = self.connection.execute(f"DESCRIBE {sql}").fetchall()
        return [(row[0], row[1].replace("VARCHAR", "TEXT")) for row in described]  # SQLFrame asks a VARCHAR its length


def duckdb_sql(
    item: DiscoveredTransform, contract: Contract, keys: Mapping[str, tuple[str, ...]], tables: EmptyTables
) -> tuple[str, dict[str, str]]:
    """Return the transform's SQL, and the SQL that selects conflicts by input table.

    Raise ``TransformError`` for what does not run on DuckDB, does not fit the contract, or is not proven to give the
    same rows on both engines and in each run.
    """
    made, conflicts, described = bound_sql(item, keys, tables)
    _compare(described, contract, item)
    return _with_casts(made, contract), conflicts


def bound_sql(
    item: DiscoveredTransform, keys: Mapping[str, tuple[str, ...]], tables: EmptyTables
) -> tuple[str, dict[str, str], list[tuple[str, str]]]:
    """Return the transform's SQL, that of conflicts by input table, and the result's columns with DuckDB's types.

    Raise ``TransformError`` as ``duckdb_sql`` does, but for what does not fit a contract.
    """
    sys.setrecursionlimit(max(_DEEPEST, sys.getrecursionlimit()))
    recording(item.engine != "duckdb")
    try:
        frames = {name: tables.session.table(table) for name, table in item.inputs.items()}
        with sharing():
            result: Any = apply(item, frames, keys)
            if not isinstance(result, BaseDataFrame):
                raise _no_rows(item, result)
            newest = {name: given.newest for name, given in item.sources.items() if given.newest is not None}
            losers = {name: conflicting(frames[name], keys[name], newest=newest[name]) for name in newest}
        made, findings = _made(result, item, tables)
        conflicts = {}
        for name, rows in losers.items():
            conflicts[item.inputs[name]], more = _made(rows, item, tables)
            findings += [each for each in more if each not in findings]
    except TransformError:
        raise
    except Exception as error:
        raise _cannot_run(item, error) from error
    if problems := list(accepted(findings, item.accept)):
        raise _may_differ(item, problems, findings)
    try:
        described = tables.connection.execute(f"DESCRIBE {made}").fetchall()
    except Exception as error:
        raise _cannot_run(item, error) from error
    return made, conflicts, [(row[0], row[1]) for row in described]


def _may_differ(item: DiscoveredTransform, problems: list[str], findings: list[Finding]) -> TransformError:
    """Return the error of a transform whose rows may differ, with the first line that names a column there is not."""
    named = [each.expression for each in findings if each.rule == "column"]
    lines = (line_naming(Path(item.file), item.function.__name__, name.rpartition(".")[2]) for name in named)
    line = next(filter(None, lines), item.line)
    what, step = "names columns that are not there", "mend the names"
    if len(named) < len(findings) or len(problems) > len(findings):
        what = "may not give the same rows on both engines or each time"
        step = 'mend it, or declare @transform(engine="spark")'
    if any(each.accept for each in findings):
        step += (
            "; where only what is told differs, accept it by the name that its line gives: "
            '@transform(accept={"name": "reason"})'
        )
    return TransformError(
        f"{item.file}:{line}: {item.table} {what}:\n- " + "\n- ".join(problems),
        next_step=f"{step}.",
        dataset=item.table,
        column=named[0] if named else None,
        file=item.file,
        position=line,
    )


def _no_rows(item: DiscoveredTransform, result: object) -> TransformError:
    """Return the error of a function that returns no DataFrame."""
    line = line_of_result(Path(item.file), item.function.__name__) or item.line
    got = "nothing (None)" if result is None else f"a {type(result).__name__}"
    return TransformError(
        f"{item.file}:{line}: {item.table}: the function returns {got}; it returns a DataFrame, the table's rows.",
        next_step="write `return` before the DataFrame that has the table's rows.",
        dataset=item.table,
        file=item.file,
        position=line,
    )


def _made(rows: Any, item: DiscoveredTransform, tables: EmptyTables) -> tuple[str, list[Finding]]:
    """Return the SQL of a DataFrame, and what in it may differ between the engines or between runs."""
    if item.engine == "duckdb":  # which alone runs it: SQLFrame's own translation
        sql = alike(rows.sql(dialect="duckdb", pretty=True))
        return sql, lint(sqlglot.parse_one(sql, read="duckdb"))
    (tree,) = rows._get_expressions(optimize=False)
    assert isinstance(tree, exp.Expression)
    sql, unproven, types = lowered(tree, tables.types, item.accept)
    tied = map(_of_tie, ties(tree, tables.types, tables.keys, types))
    return sql, [*lint(tree), *(Finding(*each) for each in unproven), *tied]


def _of_tie(tie: Tie) -> Finding:
    accept = f"order of {tie.name}"
    why = f'{tie.why}; where that makes no difference: accept={{"{accept}": "reason"}}'
    return Finding(tie.name, tie.text if len(tie.text) <= _LONGEST else f"{tie.text[: _LONGEST - 1]}…", why, accept)


def _cannot_run(item: DiscoveredTransform, error: Exception) -> TransformError:
    path = Path(item.file)
    if is_own(error, path) and not isinstance(error, AttributeError | NotImplementedError):
        step = "mend that line; `sluice check --traceback` shows Python's whole traceback."
        return refused(error, path, item.table, "fails", line=item.line, next_step=step)
    if isinstance(error, AtOnce):
        step = (
            "remove that call. Rows are looked at in a test (`sluice.testing.run_transform`) or, once it is deployed, "
            f"by `sluice query 'SELECT * FROM {item.table} LIMIT 10'`."
        )
        return refused(
            error, path, item.table, "does not only say which rows there are", line=item.line, next_step=step
        )
    step = 'use only functions that both engines have, or declare @transform(engine="spark").'
    return refused(error, path, item.table, "does not run on DuckDB", line=item.line, next_step=step)


def _with_casts(sql: str, contract: Contract) -> str:
    """Return ``sql`` with every column cast to the contract's type, in the contract's order."""
    columns = ",\n".join(f"  CAST({quoted(c.name)} AS {c.type.duckdb}) AS {quoted(c.name)}" for c in contract.columns)
    return f"SELECT\n{columns}\nFROM (\n{sql}\n)"


def _compare(result: list[tuple[str, str]], contract: Contract, item: DiscoveredTransform) -> None:
    """Raise ``TransformError`` unless the result has exactly the contract's columns, in name and type."""
    declared = {column.name: column.type.duckdb for column in contract.columns}
    got = dict(result)
    problems = [f"{name} is missing" for name in declared if name not in got]
    lacking = [name for name in declared if name not in got]
    problems += [
        f"{name} is not in the contract{';' * bool(meant := did_you_mean(name, lacking))}{meant}"
        for name in got
        if name not in declared
    ]
    problems += [
        f"{name} is {got[name].lower()}, the contract says {declared[name].lower()}"
        for name in declared
        if name in got and got[name] != declared[name] and (got[name], declared[name]) not in _SAME_IN_SPARK
    ]
    if problems:
        raise TransformError(
            f"{item.place}: {item.table} does not fit {contract.file}: {'; '.join(problems)}.",
            dataset=item.table,
            file=item.file,
            position=item.line,
        )
