"""Confines declared SQL on Spark: the plan of Spark's own parser is compared with a list before a query runs.

Spark has functions that call any Java method, clauses that start programs, and table names that are files. A declared
query may be one SELECT of the tables it was compiled for (``sluice.transforms.queries``) and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from sluice.telling import TELLING, VARIABLE

_LOGICAL, _ANALYSIS = "org.apache.spark.sql.catalyst.plans.logical.", "org.apache.spark.sql.catalyst.analysis."
_PLANS = {
    *(_LOGICAL + name for name in (
        "Project", "Filter", "Aggregate", "Join", "JoinHint", "Sort", "GlobalLimit", "LocalLimit", "Offset", "Distinct",
        "Union", "Except", "Intersect", "SubqueryAlias", "OneRowRelation", "Cube", "Rollup",
        "WithWindowDefinition", "UnresolvedHint",
    )),
    *(_ANALYSIS + name for name in (
        "UnresolvedRelation", "UnresolvedHaving", "UnresolvedSubqueryColumnAliases", "UnresolvedFunction",
        "UnresolvedAttribute", "UnresolvedAlias", "UnresolvedStar", "UnresolvedExtractValue", "UnresolvedOrdinal",
    )),
}  # fmt: skip
_SUBSTITUTE = "spark.sql.variable.substitute"
_CLOCKS = ("CurrentDate", "CurrentTimestamp", "CurrentRow$")
#: Spark's names of the functions that ``sluice.transforms.queries`` allows, and of those in Sluice's own checks.
FUNCTIONS = frozenset({
    "abs", "add_months", "any_value", "approx_count_distinct", "avg", "bigint", "bool_and", "bool_or", "case", "cast",
    "ceil", "ceiling", "char", "char_length", "coalesce", "concat", "concat_ws", "corr", "count", "count_if",
    "current_date", "current_timestamp", "date", "date_add", "date_diff", "date_trunc", "datediff", "day",
    "dayofmonth", "dayofyear", "dense_rank", "every", "exp", "extract", "first_value", "floor", "greatest", "hour",
    "if", "instr", "lag", "last_day", "last_value", "lead", "least", "length", "ln", "locate", "lower", "max",
    "max_by", "min", "min_by", "minute", "mod", "month", "nullif", "position", "pow", "power", "quarter", "rank",
    "regexp_like", "replace", "reverse", "rint", "round", "row_number", "second", "sign", "signum", "some",
    "split_part", "sqrt", "startswith", "stddev", "stddev_pop", "stddev_samp", "strpos", "substr", "substring", "sum",
    "timestampadd", "timestampdiff", "trim", "trunc", "try_add", "try_cast", "try_multiply", "try_subtract",
    "unix_timestamp", "upper", "var_pop", "var_samp", "variance", "weekday", "weekofyear", "year",
})  # fmt: skip


def as_written(spark: SparkSession) -> None:
    """Raise ``PermissionError`` unless variable substitution is off in this session.

    Otherwise Spark replaces ``${env:…}``, ``${system:…}`` and ``${spark.…}`` in a query, even inside literals, before
    it parses the query: the plan would not show that a check reads the job's credentials.
    https://spark.apache.org/docs/3.5.6/configuration.html (spark.sql.variable.substitute)
    """
    if spark.conf.get(_SUBSTITUTE) != "false":
        raise PermissionError(
            f"{_SUBSTITUTE} is not false, so Spark would write variables of this process into declared SQL; nothing "
            f"was run. Make the session as sluice/refresh/spark/main.py does, without --conf {_SUBSTITUTE}"
        )


def declared(spark: SparkSession, query: str, relations: Collection[str]) -> DataFrame:
    """Return the rows of a declared query that may read only ``relations``, given by their names in SQL.

    Raise ``PermissionError`` when it is anything else than one SELECT of them.
    """
    as_written(spark)
    if VARIABLE in query:
        raise PermissionError(f"{VARIABLE} is nothing that a check may say")
    whole = f"SELECT * FROM ({query})"
    _refuse_more(spark, whole, relations)
    return spark.sql(whole)


def _refuse_more(spark: SparkSession, query: str, relations: Collection[str]) -> None:
    parser = spark._jsparkSession.sessionState().sqlParser()
    plan = json.loads(parser.parsePlan(query).toJSON())
    lent = {tuple(relation.replace("`", "").lower().split(".")) for relation in relations}
    columns = _columns(spark, relations) if any(_telling(node) for node in _nodes(plan)) else set()
    # WITH is allowed only at the top of the declared query, which is below the SELECT * and the subquery's alias.
    if len(plan) > 2 and plan[2].get("class") == f"{_LOGICAL}UnresolvedWith":
        for entry in plan[2].pop("cteRelations"):
            _refuse_nodes(entry["_2"], lent, columns)
            lent = {*lent, (entry["_1"].lower(),)}
        plan.pop(2)
    _refuse_nodes(plan, lent, columns)


def _refuse_nodes(tree: Any, lent: Collection[tuple[str, ...]], columns: Collection[str]) -> None:
    for node in _nodes(tree):
        kind, name = node["class"], node["class"].rpartition(".")[2]
        if kind.startswith((_LOGICAL, _ANALYSIS)) and kind not in _PLANS and not kind.endswith("$"):
            raise PermissionError(f"{name} is nothing that a check may do")
        if name.startswith("Current") and name not in _CLOCKS:
            raise PermissionError(f"{name} is no function that a check may call")
        if kind == f"{_ANALYSIS}UnresolvedRelation":
            path = _parts(node["multipartIdentifier"])
            if tuple(part.lower() for part in path) not in lent:
                raise PermissionError(f"{'.'.join(path)} is no table that a check may look at")
        if kind == f"{_ANALYSIS}UnresolvedFunction" and _parts(node["nameParts"])[-1].lower() not in FUNCTIONS:
            raise PermissionError(f"{_parts(node['nameParts'])[-1]} is no function that a check may call")
        if (telling := _telling(node)) and telling not in columns:
            raise PermissionError(f"{telling} is no column that a check may look at")


def _telling(node: dict[str, Any]) -> str | None:
    """Return the name in a column reference that Spark takes for a function about itself, such as ``current_user``.

    Spark does so only where no column has that name. Return None for any other node.
    """
    if node["class"] != f"{_ANALYSIS}UnresolvedAttribute":
        return None
    path = _parts(node["nameParts"])
    return path[0].lower() if len(path) == 1 and path[0].lower() in TELLING else None


def _columns(spark: SparkSession, relations: Collection[str]) -> set[str]:
    return {name.lower() for relation in relations for name in spark.table(relation).columns}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a plan, however deep it is."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class"), str):
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _parts(listed: Any) -> list[str]:
    """Return the parts of a name, which Spark writes as a list or as ``[one, two]``."""
    return [str(part) for part in listed] if isinstance(listed, list) else str(listed).strip("[]").split(", ")
