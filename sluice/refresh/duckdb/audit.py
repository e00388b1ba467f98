"""The audit on DuckDB: runs a table's checks on the result of a run before the result is published."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from sluice.compiled import CompiledCheck
from sluice.confined import only_query, quoted, said
from sluice.counted import counted
from sluice.refresh.failures import EXAMPLES, AuditTarget, Failure, judged

#: Seconds after which the query of a check is interrupted; the check then fails.
LONGEST_CHECK = 120.0

_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE")


def audit(
    connection: duckdb.DuckDBPyConnection, checks: Sequence[CompiledCheck], audit_target: AuditTarget[str]
) -> list[Failure]:
    """Return a failure for each check that does not hold.

    Rules of single rows and foreign keys run on the new rows only: the others passed them when they were published.
    """
    failures = list(_broken_rules(connection, [check for check in checks if check.kind == "rows"], audit_target.rows))
    for check in checks:
        if check.kind == "unique":
            failures += _duplicates(connection, audit_target, check)
        elif check.kind == "foreign_key":
            failures += _orphans(connection, audit_target, check)
        elif check.kind == "measure":
            failures += _measured(connection, audit_target, check)
    return failures


def _broken_rules(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[CompiledCheck], rows: str
) -> Iterator[Failure]:
    # One count per rule, all in one statement: DuckDB answers most of them from Parquet statistics, reading no row.
    queries = [f"SELECT {number}, count(*) FROM {rows} WHERE {check.duckdb}" for number, check in enumerate(rules)]
    counts = dict(connection.execute(" UNION ALL ".join(queries)).fetchall()) if rules else {}
    for number, check in enumerate(rules):
        if count := counts[number]:
            broken = f"SELECT DISTINCT {quoted(check.columns[0])} FROM {rows} WHERE {check.duckdb}"
            yield Failure(check.name, counted(count, "row"), _values(connection, broken), check.severity)


def _duplicates(
    connection: duckdb.DuckDBPyConnection, audit_target: AuditTarget[str], check: CompiledCheck
) -> Iterator[Failure]:
    only_new = audit_target.duplicates_are_new(check)
    rows, columns = audit_target.rows if only_new else audit_target.table, _listed(check.columns)
    # As many distinct hashes as rows means no duplicate; counting hashes costs less than grouping the keys themselves.
    alike = connection.execute(f"SELECT count(*) - count(DISTINCT hash({columns})) FROM {rows}").fetchall()[0][0]
    if not alike:
        return
    repeated = f"SELECT {columns} FROM {rows} GROUP BY ALL HAVING count(*) > 1"
    count = connection.execute(f"SELECT count(*) FROM ({repeated})").fetchall()[0][0]
    if count:
        yield Failure(check.name, counted(count, "key"), _values(connection, repeated), check.severity)


def _orphans(
    connection: duckdb.DuckDBPyConnection, audit_target: AuditTarget[str], check: CompiledCheck
) -> Iterator[Failure]:
    pairs = zip(check.columns, check.referenced, strict=True)
    same = " AND ".join(f"t.{quoted(own)} = r.{quoted(theirs)}" for own, theirs in pairs)
    present = " AND ".join(f"t.{quoted(own)} IS NOT NULL" for own in check.columns)
    other = audit_target.references[check.references]
    orphans = f"SELECT t.* FROM {audit_target.rows} t ANTI JOIN {other} r ON {same} WHERE {present}"
    count = connection.execute(f"SELECT count(*) FROM ({orphans})").fetchall()[0][0]
    if count:
        examples = _values(connection, f"SELECT DISTINCT {_listed(check.columns)} FROM ({orphans})")
        yield Failure(check.name, counted(count, "row"), examples, check.severity)


def _measured(
    connection: duckdb.DuckDBPyConnection, audit_target: AuditTarget[str], check: CompiledCheck
) -> Iterator[Failure]:
    relations = audit_target.relations(check)
    query = check.duckdb
    for placeholder, relation in relations.items():
        query = query.replace(f"{{{placeholder}}}", quoted(relation))
    try:
        only_query(connection, query, relations.values())
        with _interrupted_after(connection, LONGEST_CHECK):
            cursor = connection.execute(query)
            kind = str(cursor.description[0][1])
            rows = cursor.fetchmany(2)
    except duckdb.InterruptException:
        yield Failure(check.name, f"cannot be computed: it took longer than {LONGEST_CHECK:g} s", (), check.severity)
        return
    except (duckdb.Error, PermissionError) as error:
        yield Failure(check.name, f"cannot be computed: {said(error)}", (), check.severity)
        return
    if kind in _MOMENTS and any(isinstance(row[0], str) for row in rows):
        # https://duckdb.org/docs/stable/clients/python/conversion: a moment that Python does not hold is a text
        why = f"cannot be computed: {rows[0][0]} is outside of the years 1 to 9999"
        yield Failure(check.name, why, (), check.severity)
        return
    yield from judged(check, [row[0] for row in rows])


@contextmanager
def _interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # A late interrupt must not hit what runs next.
        timer.join()


def _values(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[str, ...]:
    rows = connection.execute(f"SELECT * FROM ({query}) LIMIT {EXAMPLES}").fetchall()
    return tuple(repr(row[0]) if len(row) == 1 else repr(row) for row in rows)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))
