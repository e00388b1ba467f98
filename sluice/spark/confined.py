"""The last look at declared SQL before Spark runs it: at what Spark's own parser makes of it.

Spark has functions that call any Java method, clauses that start programs, and names that are files; a declared query
is one SELECT of the tables that it was compiled for (``sluice.transforms.queries``), and nothing else runs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from pyspark.sql import DataFrame, SparkSession

_LOGICAL, _ANALYSIS = "org.apache.spark.sql.catalyst.plans.logical.", "org.apache.spark.sql.catalyst.analysis."
_PLANS = {
    *(_LOGICAL + name for name in (
        "Project", "Filter", "Aggregate", "Join", "JoinHint", "Sort", "GlobalLimit", "LocalLimit", "Offset", "Distinct",
        "Union", "Except", "Intersect", "SubqueryAlias", "UnresolvedWith", "OneRowRelation", "Cube", "Rollup",
        "WithWindowDefinition", "UnresolvedHint",
    )),
    *(_ANALYSIS + name for name in (
        "UnresolvedRelation", "UnresolvedHaving", "UnresolvedSubqueryColumnAliases", "UnresolvedFunction",
        "UnresolvedAttribute", "UnresolvedAlias", "UnresolvedStar", "UnresolvedExtractValue", "UnresolvedOrdinal",
    )),
}  # fmt: skip
#: What the functions that ``sluice.transforms.queries`` allows are called on Spark, and those of Sluice's own metrics.
FUNCTIONS = frozenset({
    "abs", "add_months", "any_value", "approx_count_distinct", "avg", "bigint", "bool_and", "bool_or", "case", "ceil",
    "ceiling", "char", "char_length", "coalesce", "concat", "concat_ws", "corr", "count", "count_if", "current_date",
    "current_timestamp", "date", "date_add", "date_diff", "date_trunc", "datediff", "day", "dayofmonth", "dense_rank",
    "every", "exp", "extract", "first_value", "floor", "greatest", "hour", "if", "instr", "lag", "last_value", "lead",
    "least", "length", "ln", "locate", "lower", "max", "max_by", "min", "min_by", "minute", "mod", "month", "nullif",
    "position", "pow", "power", "quarter", "rank", "regexp_like", "replace", "reverse", "round", "row_number",
    "second", "sign", "signum", "some", "split_part", "sqrt", "startswith", "stddev", "stddev_pop", "stddev_samp",
    "strpos", "substr", "substring", "sum", "timestampadd", "timestampdiff", "trim", "trunc", "try_cast",
    "unix_timestamp", "upper", "var_pop", "var_samp", "variance", "year",
})  # fmt: skip


def declared(spark: SparkSession, query: str, relations: Collection[str]) -> DataFrame:
    """Return the rows of a declared query that may read ``relations`` (as SQL names them); ``PermissionError`` if more.

    Nothing but a query can stand where it is put.
    """
    whole = f"SELECT * FROM ({query})"
    _refuse_more(spark, whole, relations)
    return spark.sql(whole)


def _refuse_more(spark: SparkSession, query: str, relations: Collection[str]) -> None:
    parser = spark._jsparkSession.sessionState().sqlParser()
    nodes = list(_nodes(json.loads(parser.parsePlan(query).toJSON())))
    named = {each["_1"].lower() for node in nodes for each in node.get("cteRelations", ())}
    allowed = {relation.replace("`", "").lower() for relation in relations}
    for node in nodes:
        kind = node["class"]
        if kind.startswith((_LOGICAL, _ANALYSIS)) and kind not in _PLANS and not kind.endswith("$"):
            raise PermissionError(f"{kind.rpartition('.')[2]} is nothing that a check may do")
        if kind == f"{_ANALYSIS}UnresolvedRelation":
            name = ".".join(_parts(node["multipartIdentifier"])).lower()
            if name not in allowed and name not in named:
                raise PermissionError(f"{name} is no table that a check may look at")
        if kind == f"{_ANALYSIS}UnresolvedFunction" and _parts(node["nameParts"])[-1].lower() not in FUNCTIONS:
            raise PermissionError(f"{_parts(node['nameParts'])[-1]} is no function that a check may call")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("class"), str):
            yield value
        for part in value.values():
            yield from _nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _nodes(part)


def _parts(listed: Any) -> list[str]:
    """Return the parts of a name, which Spark writes as a list or as ``[one, two]``."""
    return [str(part) for part in listed] if isinstance(listed, list) else str(listed).strip("[]").split(", ")
