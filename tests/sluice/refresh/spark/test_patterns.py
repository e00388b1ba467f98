"""A contract's pattern means to Spark, which is Java, what it means to Arrow."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from sluice.contracts import Column, DerivedContract, Rules, parse_type
from sluice.transforms.checks import compile_checks
from tests.sluice.contracts.test_patterns import PATTERNS, TEXTS

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def test_it_means_to_spark_what_it_means_to_arrow(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(number, text) for number, text in enumerate(TEXTS)], "n int, x string").coalesce(1)
    broken = []
    for pattern in PATTERNS:
        column = Column("x", parse_type("string"), rules=Rules(pattern=pattern))
        (check,) = compile_checks(DerivedContract("things", "silver", (column,)))
        broken.append(F.expr(check.spark).alias(f"p{len(broken)}"))
    found = rows.orderBy("n").select(*broken).collect()
    for place, pattern in enumerate(PATTERNS):
        by_arrow = pc.match_substring_regex(pa.array(TEXTS), pattern).to_pylist()
        assert [not row[place] for row in found] == by_arrow, pattern
