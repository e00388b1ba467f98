"""The audit on Spark: runs a table's checks on the branch that a run wrote, as the audit on DuckDB does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.compiled import CompiledCheck
from sluice.counted import counted
from sluice.refresh.failures import EXAMPLES, AuditTarget, Failure, judged
from sluice.refresh.spark.confined import as_written, declared
from sluice.shortened import shortened


def audit(checks: Sequence[CompiledCheck], audit_target: AuditTarget[DataFrame]) -> list[Failure]:
    """Return a failure for each check that does not hold; all rules of single rows are counted in one pass.

    Rules of single rows and foreign keys run on the new rows only: the others passed them when they were published.
    """
    as_written(audit_target.rows.sparkSession)  # the rules contain texts of the contract: allowed values, patterns
    rules = [check for check in checks if check.kind == "rows"]
    failures = []
    if rules:
        counts = audit_target.rows.agg(*(F.count(F.when(F.expr(check.spark), 1)) for check in rules)).collect()[0]
        for check, count in zip(rules, counts, strict=True):
            if count:
                broken = audit_target.rows.where(check.spark).select(check.columns[0]).distinct()
                failures.append(Failure(check.name, counted(count, "row"), _values(broken), check.severity))
    for check in checks:
        if check.kind == "unique":
            failures += _duplicates(audit_target, check)
        elif check.kind == "foreign_key":
            failures += _orphans(audit_target, check)
        elif check.kind == "measure":
            failures += _measured(audit_target, check)
    return failures


def _duplicates(audit_target: AuditTarget[DataFrame], check: CompiledCheck) -> Iterator[Failure]:
    only_new = audit_target.duplicates_are_new(check)
    rows = audit_target.rows if only_new else audit_target.rows.sparkSession.table(audit_target.table)
    repeated = rows.groupBy(*check.columns).count().where("count > 1").select(*check.columns)
    if count := repeated.count():
        yield Failure(check.name, counted(count, "key"), _values(repeated), check.severity)


def _orphans(audit_target: AuditTarget[DataFrame], check: CompiledCheck) -> Iterator[Failure]:
    theirs = [f"_sluice_{place}" for place, _ in enumerate(check.referenced)]
    named = (F.col(name).alias(other) for name, other in zip(check.referenced, theirs, strict=True))
    others = audit_target.rows.sparkSession.table(audit_target.references[check.references]).select(*named)
    same = reduce(and_, (F.col(own) == F.col(other) for own, other in zip(check.columns, theirs, strict=True)))
    present = reduce(and_, (F.col(own).isNotNull() for own in check.columns))
    orphans = audit_target.rows.where(present).join(others, same, "left_anti")
    if count := orphans.count():
        examples = _values(orphans.select(*check.columns).distinct())
        yield Failure(check.name, counted(count, "row"), examples, check.severity)


def _measured(audit_target: AuditTarget[DataFrame], check: CompiledCheck) -> Iterator[Failure]:
    relations = audit_target.relations(check)
    query = check.spark
    for placeholder, relation in relations.items():
        query = query.replace(f"{{{placeholder}}}", relation)
    try:
        rows = declared(audit_target.rows.sparkSession, query, relations.values()).take(2)
    except (PySparkException, Py4JJavaError, PermissionError) as error:
        why = shortened(str(error).strip().partition("\n")[0])
        yield Failure(check.name, f"cannot be computed: {why}", (), check.severity)
        return
    except (ValueError, OverflowError) as error:  # a moment that Python does not hold
        why = f"a moment is outside of the years 1 to 9999: {shortened(str(error))}"
        yield Failure(check.name, f"cannot be computed: {why}", (), check.severity)
        return
    yield from judged(check, [row[0] for row in rows])


def _values(rows: DataFrame) -> tuple[str, ...]:
    """Return a few rows for people; one value of a moment that Python does not hold hides none of the checks."""
    try:
        return _shown(rows)
    except (ValueError, OverflowError) as error:
        return (f"a moment outside of the years 1 to 9999: {shortened(str(error))}",)


def _shown(rows: DataFrame) -> tuple[str, ...]:
    return tuple(repr(row[0]) if len(row) == 1 else repr(tuple(row)) for row in rows.limit(EXAMPLES).collect())
