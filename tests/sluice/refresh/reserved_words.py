"""A project whose tables and columns bear the reserved words of DuckDB, Spark and Trino."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sluice.confined import connect
from sluice.contracts import (
    AnyContract,
    Arrival,
    Check,
    Column,
    DerivedContract,
    LandingContract,
    PartitionField,
    Reference,
    Rules,
    parse_type,
)
from sluice.project import Project
from sluice.transforms.compile import compile_project
from tests.laws import ALL
from tests.sluice.refresh.small_shop import SmallShop

FOLDER = Path(__file__).parent / "reserved"
#: https://spark.apache.org/docs/3.5.6/sql-ref-ansi-compliance.html (reserved or strict)
_SPARK = """all and anti any array as at authorization both by case cast check collate column constraint create cross
current_date current_time current_timestamp current_user distinct drop else end escape except exists false fetch filter
for foreign from full function grant group having in inner intersect interval into is join lateral leading left like
minus natural not null offset on only or order outer overlaps percentile_cont primary references right select semi
session_user set some table then time to trailing true union unique unknown user using values when where window with"""
#: https://trino.io/docs/435/language/reserved.html, and what Athena adds for DDL and SELECT.
_TRINO = """alter and as between by case cast constraint create cross cube current_catalog current_date current_path
current_role current_schema current_time current_timestamp current_user deallocate delete describe distinct drop else
end escape except execute exists extract false for from full group grouping having in inner insert intersect into is
join json_array json_exists json_object json_query json_table json_value left like listagg localtime localtimestamp
natural normalize not null on or order outer prepare recursive right rollup select skip table then trim true uescape
union unnest using values when where with date decimal external function import integer partition revoke smallint
timestamp float double bigint boolean char int array map row struct"""
#: Names that SQL made by Sluice uses itself.
_OWN = "rows_ w k a t r s v n c path lower upper value name file excluded filename file_row_number count sum count_star"


@cache
def words() -> tuple[str, ...]:
    """Return every reserved word that a column may be called, and words that stand in Sluice's own SQL."""
    with connect() as connection:
        listed = connection.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        ).fetchall()
    duckdb = {row[0] for row in listed}
    found = duckdb | set(f"{_SPARK} {_TRINO} {_OWN}".split())
    return tuple(sorted(word for word in found if re.fullmatch("[a-z][a-z0-9_]{0,62}", word)))


def rules(word: str) -> Rules:
    """Return the rules of a column: every kind in `make proof`, otherwise each word has one kind and ``between`` all.

    A query of seven hundred rules takes DuckDB seconds to plan.
    """
    place = -1 if ALL or word == "between" else words().index(word) % 3
    return Rules(
        min_length=1 if place in (-1, 0) else None,
        max_length=99 if place in (-1, 1) else None,
        pattern="^[a-z0-9_ -]+$" if place in (-1, 2) else None,
        allowed=None,
    )


def contracts() -> tuple[AnyContract, ...]:
    kinds = {"at": "timestamp", "end": "date", "from": "bigint"}
    columns = tuple(Column(word, parse_type(kinds.get(word, "string")), header=word) for word in words())
    ruled = tuple(
        Column(
            column.name,
            column.type,
            required=column.name in ("order", "at"),
            unique=column.name == "order",
            rules=rules(column.name) if column.type.name == "string" else Rules(),
        )
        for column in columns
    )
    checks = (
        Check("query", "sql", ("mustBe", 0), query='SELECT count(*) FROM {table} WHERE "from" < 0 OR "select" = "at_x"'
              .replace('"at_x"', "'-'")),
        Check("other", "sql", ("mustBe", 0), query='SELECT count(*) FROM {table} t LEFT JOIN bronze."order" o '
              'ON t."order" = o."order" WHERE o."order" IS NULL'),
        Check("nulls", "nullValues", ("mustBe", 0), ("order", "at")),
        Check("doubles", "duplicateValues", ("mustBe", 0), ("order",)),
        Check("fresh", "freshness", ("mustBeGreaterThan", 0), ("at",)),
        Check("known", "foreignKey", ("mustBe", 0), ("order",), references=Reference("bronze.order", ("order",))),
    )  # fmt: skip
    group = (
        Column("end", parse_type("date")),
        Column("from", parse_type("bigint")),
        Column("at", parse_type("timestamp")),
    )
    return (
        LandingContract("order", "bronze", columns, key=("order",), arrival=Arrival("ndjson"), file="order.yaml"),
        DerivedContract(
            "select", "silver", ruled, key=("order",), sort_order=("end", "order"), checks=checks, file="select.yaml"
        ),
        DerivedContract(
            "group", "silver", group, key=("end",), file="group.yaml", partitioning=(PartitionField("end", "identity"),)
        ),
    )


@cache
def project() -> Project:
    return compile_project(contracts(), FOLDER)


def row(number: int, *, said: str = "x") -> dict[str, Any]:
    """Return a record; ``said`` is what its text columns hold."""
    noon = datetime(2026, 1, 1, 12) + timedelta(minutes=number)
    given = {"at": noon, "end": (noon + timedelta(days=number % 3)).date(), "from": number, "order": f"o{number % 5}"}
    return {word: given.get(word, f"{said}{number}") for word in words()}


class ReservedShop(SmallShop):
    """The project's tables on this machine's disk."""

    declared = staticmethod(project)
