"""Whole queries on both engines: what becomes a key, is compared or put in order, in each shape that DataFrames have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sluice.transforms.functions.spark_types import spark_type
from tests.sluice.transforms.differential import Both, cause, compiled, listed, plain, same_type

_LONGEST = 140

#: What becomes a key: columns of each type, and doubles that only an expression makes minus zero or NaN.
KEYS = {
    "string": "F.col('string_a')",
    "int": "F.col('int_a')",
    "bigint": "F.col('bigint_a')",
    "double": "F.col('double_a')",
    "minus zero": "(F.col('int_a') / -5 * 0)",
    "decimal": "F.col('decimal_a')",
    "boolean": "F.col('boolean_a')",
    "date": "F.col('date_a')",
    "timestamp": "F.col('timestamp_ntz_a')",
    "struct": "F.struct(F.col('string_a').alias('s'), F.col('int_a').alias('n'))",
    "struct of doubles": "F.struct(F.col('double_a').alias('d'), F.col('int_a').alias('n'))",
    "array": "F.col('array_int_a')",
    "map": "F.create_map(F.lit('a'), F.col('int_a'))",
}
#: Shapes with a place for a key; ``a`` and ``b`` are two DataFrames of the same columns.
KEYED = {
    "groupBy": "a.groupBy({k}.alias('k')).agg(F.count('*').alias('n'))",
    "groupBy of a column": "a.select({k}.alias('k'), 'row').groupBy('k').agg(F.count('row').alias('n'), F.max('row').alias('m'))",
    "groupBy, aggregates of the key": "a.select({k}.alias('k')).groupBy('k').agg(F.count('k').alias('n'), F.count_distinct('k').alias('m'))",
    "groupBy and having": "a.select({k}.alias('k')).groupBy('k').agg(F.count('*').alias('n')).where(F.col('n') > 1)",
    "groupBy.count": "a.select({k}.alias('k')).groupBy('k').count()",
    "distinct": "a.select({k}.alias('k')).distinct()",
    "dropDuplicates": "a.select({k}.alias('k')).dropDuplicates()",
    "dropDuplicates of all columns": "a.select({k}.alias('k')).dropDuplicates(['k'])",
    "inner join": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('l'), F.col('row').alias('r')), F.col('k') == F.col('l'))",
    "left join": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('l'), F.col('row').alias('r')), F.col('k') == F.col('l'), 'left')",
    "full join": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('l'), F.col('row').alias('r')), F.col('k') == F.col('l'), 'full')",
    "null-safe join": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('l'), F.col('row').alias('r')), F.col('k').eqNullSafe(F.col('l')))",
    "join by name": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('k'), F.col('row').alias('r')), 'k')",
    "left join by name": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('k'), F.col('row').alias('r')), ['k'], 'left')",
    "semi join": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('k')), 'k', 'left_semi')",
    "anti join": "a.select({k}.alias('k'), 'row').join(b.select({k}.alias('k')), 'k', 'left_anti')",
    "partition of a window": "a.select('row', {k}.alias('k')).select('row', 'k', F.count('*').over(Window.partitionBy('k')).alias('n'))",
    "partition by an expression": "a.select('row', F.count('*').over(Window.partitionBy({k})).alias('n'))",
    "order of a window": "a.select('row', 'g', {k}.alias('k')).select('row', F.rank().over(Window.partitionBy('g').orderBy('k')).alias('n'), F.dense_rank().over(Window.partitionBy('g').orderBy(F.col('k').desc())).alias('m'))",
    "frame up to equal rows": "a.select('row', 'g', {k}.alias('k')).select('row', F.count('*').over(Window.partitionBy('g').orderBy('k')).alias('n'))",
    "orderBy": "a.select('row', {k}.alias('k')).orderBy('k', 'row').limit(40).select('row')",
    "orderBy descending": "a.select('row', {k}.alias('k')).orderBy(F.col('k').desc(), 'row').limit(40).select('row')",
    "orderBy nulls last": "a.select('row', {k}.alias('k')).orderBy(F.col('k').asc_nulls_last(), 'row').limit(115).select('row')",
    "orderBy nulls first": "a.select('row', {k}.alias('k')).orderBy(F.col('k').desc_nulls_first(), 'row').limit(20).select('row')",
    "sort": "a.select('row', {k}.alias('k')).sort('k', 'row', ascending=[False, True]).limit(40).select('row')",
    "union": "a.select({k}.alias('k')).union(b.select({k}.alias('k')))",
    "union and distinct": "a.select({k}.alias('k')).union(b.select({k}.alias('k'))).distinct()",
    "unionByName": "a.select('row', {k}.alias('k')).unionByName(b.select({k}.alias('k'), 'row'))",
    "intersect": "a.select({k}.alias('k')).intersect(b.select({k}.alias('k')))",
    "subtract": "a.select({k}.alias('k')).subtract(b.where('row % 3 = 0').select({k}.alias('k')))",
    "exceptAll": "a.select({k}.alias('k')).exceptAll(b.where('row % 3 = 0').select({k}.alias('k')))",
    "intersectAll": "a.select({k}.alias('k')).intersectAll(b.select({k}.alias('k')))",
    "max and min": "a.groupBy('g').agg(F.max({k}).alias('m'), F.min({k}).alias('n'))",
    "max of a struct": "a.groupBy('g').agg(F.max(F.struct({k}.alias('k'), F.col('row'))).alias('m'))",
    "count_distinct": "a.groupBy('g').agg(F.count_distinct({k}).alias('m'))",
    "collect_set": "a.groupBy('g').agg(F.size(F.collect_set({k})).alias('m'))",
    "rollup": "a.select({k}.alias('k'), 'g').rollup('k').agg(F.count('*').alias('n'))",
    "cube": "a.select({k}.alias('k'), 'g').cube('k', 'g').agg(F.count('*').alias('n'))",
    "lag": "a.select('row', F.lag({k}).over(Window.orderBy('row')).alias('k'))",
    "dropna": "a.select('row', {k}.alias('k')).dropna()",
    "dropna of columns": "a.select('row', {k}.alias('k'), 'string_b').dropna(subset=['k'])",
    "dropna of all": "a.select({k}.alias('k'), F.col('double_b').alias('m')).dropna(how='all')",
    "dropna by count": "a.select({k}.alias('k'), F.col('double_b').alias('m'), 'row').dropna(thresh=2)",
    "na.drop": "a.select('row', {k}.alias('k')).na.drop()",
    "coalesce": "a.select('row', F.coalesce({k}, {k}).alias('k'))",
    "isin": "a.select('row', {k}.isin({k}, {k}).alias('k'))",
    "compared": "a.select('row', ({k} == {k}).alias('e'), ({k} < {k}).alias('l'))",
    "pivot": "a.select('g', {k}.alias('k'), 'row').groupBy('g').pivot('k').agg(F.count('*'))",
}  # fmt: skip
#: Shapes of their own.
ALONE = {
    **{
        f"{name} of {one} and {other}": f"a.select('row', {call.format(a=_one, b=_two)}.alias('x'))"
        for one, other, _one, _two in (
            ("decimal(38,2)", "decimal(38,10)", "F.col('decimal_a').cast('decimal(38,2)')", "F.col('decimal_b').cast('decimal(38,10)')"),
            ("decimal(20,2)", "decimal(30,12)", "F.col('decimal_a').cast('decimal(20,2)')", "F.col('decimal_b').cast('decimal(30,12)')"),
            ("decimal(38,38)", "int", "F.col('decimal_a').cast('decimal(38,38)')", "F.col('int_a')"),
            ("decimal(12,2)", "decimal(18,6)", "F.col('decimal_a')", "F.col('decimal_18_6_a')"),
            ("decimal(12,2)", "bigint", "F.col('decimal_a')", "F.col('bigint_a')"),
            ("decimal(12,2)", "double", "F.col('decimal_a')", "F.col('double_a')"),
            ("bigint", "double", "F.col('bigint_a')", "F.col('double_a')"),
            ("date", "timestamp", "F.col('date_a')", "F.col('timestamp_ntz_a')"),
            ("string", "int", "F.col('string_a')", "F.col('int_a')"),
            ("array<int>", "array<bigint>", "F.col('array_int_a')", "F.col('array_bigint_a')"),
            ("struct", "struct of other names", "F.struct(F.col('int_a').alias('n'))", "F.struct(F.col('int_a').alias('m'))"),
            ("struct", "struct of another type", "F.struct(F.col('int_a').alias('n'))", "F.struct(F.col('bigint_a').alias('n'))"),
            ("tinyint", "int", "F.bit_get(F.col('int_a'), F.lit(0))", "F.col('int_a')"),
            ("interval", "interval", "F.expr('INTERVAL 1 DAY')", "F.expr('INTERVAL 24 HOURS')"),
        )
        for name, call in (
            ("coalesce", "F.coalesce({a}, {b})"), ("greatest", "F.greatest({a}, {b})"), ("least", "F.least({a}, {b})"),
            ("when", "F.when(F.col('boolean_a'), {a}).otherwise({b})"), ("==", "({a} == {b})"), ("<", "({a} < {b})"),
            ("isin", "{a}.isin({b})"), ("between", "{a}.between({b}, {b})"), ("nullif", "F.nullif({a}, {b})"),
            ("nvl2", "F.nvl2(F.col('boolean_a'), {a}, {b})"), ("array", "F.array({a}, {b})"),
        )
    },
    "union of decimals": "a.select(F.col('decimal_a').alias('x')).union(b.select(F.col('decimal_18_6_a').alias('x')))",
    "union of int and bigint": "a.select(F.col('int_a').alias('x')).union(b.select(F.col('bigint_a').alias('x')))",
    "union of a null": "a.select(F.lit(None).alias('x')).union(b.select(F.col('bigint_a').alias('x')))",
    "union of arrays": "a.select(F.col('array_int_a').alias('x')).union(b.select(F.col('array_bigint_a').alias('x')))",
    "union of other names": "a.select(F.col('int_a').alias('x')).union(b.select(F.col('int_b').alias('y')))",
    "unionByName, columns missing": "a.select('row', 'int_a').unionByName(b.select('row', 'int_b'), allowMissingColumns=True)",
    "join of int and bigint": "a.join(b.select(F.col('bigint_b').alias('l')), F.col('int_a') == F.col('l')).select('row', 'l')",
    "join by name of int and bigint": "a.select('row', F.col('int_a').alias('k')).join(b.select(F.col('bigint_b').alias('k')), 'k')",
    "join by name of int and string": "a.select('row', F.col('int_a').alias('k')).join(b.select(F.col('string_b').alias('k')), 'k')",
    "join by name of decimals": "a.select('row', F.col('decimal_a').alias('k')).join(b.select(F.col('decimal_18_6_b').alias('k')), 'k')",
    "join by name of wide decimals": "a.select('row', F.col('decimal_a').cast('decimal(38,2)').alias('k')).join(b.select(F.col('decimal_b').cast('decimal(38,10)').alias('k')), 'k')",
    "join by two names": "a.select('row', 'g', 'int_a').join(b.select('g', 'int_a', F.col('row').alias('r')), ['g', 'int_a'])",
    "right join": "a.select('row', 'int_a').join(b.select(F.col('int_a').alias('l'), F.col('row').alias('r')), F.col('int_a') == F.col('l'), 'right')",
    "right join by name": "a.select('row', 'int_a').join(b.select('int_a', F.col('row').alias('r')), 'int_a', 'right')",
    "cross join": "a.select('row').crossJoin(b.select(F.col('row').alias('r')).where('r < 3'))",
    "join by a comparison": "a.select('row', 'double_a').join(b.select(F.col('double_b').alias('d'), F.col('row').alias('r')), F.col('double_a') < F.col('d'))",
    "anti join by a condition": "a.select('row', 'double_a').join(b.where('row > 20').select(F.col('double_b').alias('d')), F.col('double_a') == F.col('d'), 'left_anti')",
    "rows of a window": "a.select('row', F.sum('int_a').over(Window.partitionBy('g').orderBy('row').rowsBetween(-2, 1)).alias('n'))",
    "rows of a window after": "a.select('row', F.max('int_a').over(Window.partitionBy('g').orderBy('row').rowsBetween(1, 3)).alias('n'))",
    "rows of a window, none": "a.select('row', F.sum('int_a').over(Window.partitionBy('g').orderBy('row').rowsBetween(Window.unboundedPreceding, -1)).alias('n'))",
    "rows of a window backwards": "a.select('row', F.sum('int_a').over(Window.partitionBy('g').orderBy('row').rowsBetween(2, 1)).alias('n'))",
    "rows of a window to the end": "a.select('row', F.count('int_a').over(Window.partitionBy('g').orderBy('row').rowsBetween(0, Window.unboundedFollowing)).alias('n'))",
    "range of a window": "a.select('row', F.sum('int_a').over(Window.partitionBy('g').orderBy('row').rangeBetween(-2, 2)).alias('n'))",
    "range of a window to equal rows": "a.select('row', F.sum('int_a').over(Window.partitionBy('g').orderBy('boolean_a').rangeBetween(Window.unboundedPreceding, Window.currentRow)).alias('n'))",
    "last over the rows so far": "a.select('row', F.last('int_a').over(Window.partitionBy('g').orderBy('row')).alias('n'))",
    "first that is not null": "a.select('row', F.first('int_a', ignorenulls=True).over(Window.partitionBy('g').orderBy('row')).alias('n'))",
    "last that is not null": "a.select('row', F.last('int_a', True).over(Window.partitionBy('g').orderBy('row')).alias('n'))",
    "lag that is not null": "a.select('row', F.lag('int_a', 1).over(Window.orderBy(F.col('row').desc())).alias('n'))",
    "agg of no rows": "a.where('row < 0').agg(F.count('*').alias('n'), F.max('int_a').alias('m'), F.sum('decimal_a').alias('s'))",
    "groupBy of no rows": "a.where('row < 0').groupBy('g').agg(F.count('*').alias('n'))",
    "groupBy of a null": "a.groupBy(F.lit(None).cast('int').alias('k')).agg(F.count('*').alias('n'))",
    "groupBy of a literal": "a.groupBy(F.lit(2).alias('k')).agg(F.count('*').alias('n'))",
    "orderBy of a literal": "a.orderBy(F.lit(2), 'row').limit(3).select('row')",
    "groupBy.max": "a.select('g', 'int_a').groupBy('g').max('int_a')",
    "groupBy.sum": "a.select('g', 'int_a').groupBy('g').sum('int_a')",
    "groupBy.avg": "a.select('g', 'int_a').groupBy('g').avg('int_a')",
    "groupBy.agg of a dict": "a.select('g', 'int_a').groupBy('g').agg({'int_a': 'max'})",
    "pivot of values": "a.groupBy('g').pivot('boolean_a', [True, False]).agg(F.count('*'))",
    "withColumn that hides": "a.select('row', 'int_a').withColumn('int_a', F.col('int_a') + 1).withColumn('m', F.col('int_a') * 2)",
    "withColumnRenamed": "a.select('row', 'int_a').withColumnRenamed('int_a', 'm').where(F.col('m') > 0)",
    "drop": "a.select('row', 'int_a', 'int_b').drop('int_b')",
    "where of a null": "a.where(F.col('boolean_a') & F.lit(None)).select('row')",
    "not in with nulls": "a.where(~F.col('int_a').isin(1, None)).select('row')",
    "limit without an order": "a.limit(3).select('row')",
    "sample": "a.sample(0.5, 3).select('row')",
    "self join": "a.alias('x').join(a.alias('y'), F.col('x.row') == F.col('y.g')).select(F.col('x.row'), F.col('y.row').alias('r'))",
    "posexplode": "a.select('row', F.posexplode('array_int_a'))",
    "explode_outer": "a.select('row', F.explode_outer('array_int_a').alias('e'))",
    "explode and group": "a.select('row', F.explode('array_int_a').alias('e')).groupBy('e').agg(F.count('*').alias('n'))",
    "two aggregates of one window": "a.select('row', (F.max('row').over(Window.partitionBy('g')) - F.min('row').over(Window.partitionBy('g'))).alias('n'))",
    "a window of a sum": "a.groupBy('g').agg(F.sum('int_a').alias('s')).select('g', F.rank().over(Window.orderBy('s')).alias('n'))",
    "toDF": "a.select('row', 'int_a').toDF('r', 'i')",
    "unpivot": "a.select('row', 'int_a', 'int_b').unpivot(['row'], ['int_a', 'int_b'], 'name', 'value')",
    "replace": "a.select('row', 'int_a').replace(1, 2)",
    "fillna": "a.select('row', 'int_a').fillna(0)",
    "tail": "a.select('row').tail(3)",
    "describe": "a.select('int_a').describe()",
    "broadcast": "a.select('row', 'g').join(F.broadcast(b.select('g').distinct()), 'g')",
    "repartition": "a.select('row').repartition(2)",
    "hint": "a.select('row', 'g').join(b.select('g').distinct().hint('broadcast'), 'g')",
    "not like in a text": "a.where(\"string_a not like 'a%'\").select('row')",
    "and of Python": "a.where((F.col('int_a') > 0) and (F.col('int_b') > 0)).select('row')",
    "not of Python": "a.where(not (F.col('int_a') > 0)).select('row')",
    "comparisons of Python in a row": "a.where(0 < F.col('int_a') < 100).select('row')",
    "comparisons of comparisons": "a.select('row', ((F.col('int_a') > 1) == F.col('boolean_a')).alias('x'))",
    "comparisons in a row in a text": "a.select('row', F.expr('boolean_a = int_a < int_b').alias('x'))",
    "like beside a comparison in a text": "a.select('row', F.expr(\"string_a like 'a%' = boolean_a\").alias('x'))",
    "bits in a text": "a.select('row', F.expr('int_a | int_b & 7').alias('x'))",
    "bits in parentheses in a text": "a.select('row', F.expr('int_a | (int_b & 7)').alias('x'))",
    "explode beside a window": "a.select('row', F.explode('array_int_a').alias('e'), F.count('*').over(Window.partitionBy('g')).alias('n'))",
    "explode inside of a sum": "a.select('row', (F.explode('array_int_a') + 1).alias('e'))",
    "explode, then a window": "a.select('row', 'g', F.explode('array_int_a').alias('e')).select('row', 'e', F.count('*').over(Window.partitionBy('g')).alias('n'))",
    "a lambda in a lambda of the same name": "a.select('row', F.transform('array_int_a', lambda x: F.size(F.filter('array_int_b', (lambda o: (lambda x: x > o))(x)))).alias('s'))",
    "a column called as a lambda's parameter": "a.withColumn('lambda_x', F.col('int_a')).select('row', F.transform('array_int_a', lambda x: x + F.col('lambda_x')).alias('s'))",
    "lower of upper": "a.select('row', F.lower(F.upper('string_a')).alias('x'))",
    "lower of upper, a select later": "a.withColumn('u', F.upper('string_a')).select('row', F.lower('u').alias('x'))",
    "a decimal divided by a negative literal": "a.select('row', (F.col('decimal_a') / F.lit(-3)).alias('x'), F.expr('decimal_a / -3').alias('y'))",
    "a decimal divided by a literal's negative": "a.select('row', (F.col('decimal_a') / (-F.lit(3))).alias('x'), F.expr('decimal_a / -(3)').alias('y'))",
    "a number with a suffix": "a.select('row', F.expr('decimal_a / 3L').alias('x'))",
    "a sum of nulls": "a.select('row', F.sum(F.lit(None)).over(Window.partitionBy('g')).alias('x'))",
    "a date that is none": "a.select('row', F.expr(\"date '2024-02-30'\").alias('x'))",
    "a zone of no city": "a.select('row', F.from_utc_timestamp('timestamp_ntz_a', 'EST5EDT').alias('x'))",
    "columns of sides by their names": "a.alias('l').join(b.alias('r'), F.col('l.row') == F.col('r.g')).select('l.row', 'r.int_a')",
    "all columns of a side": "a.select('row', 'g').alias('l').join(b.select('row').alias('r'), F.expr('l.row = r.row')).select('l.*')",
    "groupBy of a side's column": "a.alias('l').join(b.alias('r'), F.expr('l.row = r.row')).groupBy('l.g').agg(F.max('r.int_a').alias('m'))",
    "a field by its name": "a.select('row', F.struct('g').alias('s')).select('s.g', 'row')",
    "a name of both sides": "a.select('row', 'g').join(b.select(F.col('row').alias('r'), 'g'), F.col('row') == F.col('r')).select('row', 'g')",
    "a name of both sides in a filter": "a.select('row', 'g').join(b.select(F.col('row').alias('r'), 'g'), F.col('row') == F.col('r')).where('g > 1').select('row')",
    "a name of both sides in capitals": "a.select('row').join(b.select(F.col('row').alias('r'), F.col('g').alias('ROW')), F.col('row') == F.col('r')).select('r')",
    "a name of both sides in the condition": "a.select('row', 'g').join(b.select(F.col('row').alias('r'), 'g'), F.col('g') == F.col('r')).select('row')",
    "a name of both sides that joins": "a.select('row', 'g').join(b.select('row', 'int_a'), 'row').select('row', 'g', 'int_a')",
    "a name of both sides, dropped": "a.select('row', 'g').join(b.select(F.col('row').alias('r'), 'g'), F.col('row') == F.col('r')).drop('g')",
    "a column of one DataFrame on both sides": "a.join(b.select('row', 'g'), a.row == b.row).select(a.row, a.g)",
    "a column of one DataFrame on both sides, compared": "a.join(b.select('row', 'g'), a.row < b.row).select(F.lit(1).alias('x'))",
    "a column of one DataFrame on both sides, dropped": "a.select('row', 'g').join(b.select('row', F.col('g').alias('h')), a.row == b.row).drop(b.row).select('row', 'h')",
    "groups joined to their rows": "(lambda o, g: o.join(g, o.row == g.row).select(o.row, g.m))(a, a.groupBy('row').agg(F.max('int_a').alias('m')))",
    "groups joined to their rows by name": "(lambda o, g: o.join(g, 'row').select(o.row, g.m))(a, a.groupBy('row').agg(F.max('int_a').alias('m')))",
    "a DataFrame beside its own, other names": "(lambda o, p: o.join(p, o.row < p.k).select(o.row, 'k'))(a.select('row', 'g'), a.where('int_a > 1').select(F.col('row').alias('k')))",
    "a cast by colons in a text": "a.select('row', F.expr('int_a::string').alias('x'))",
    "a side's column behind a join": "a.select('row', 'g').alias('l').join(b.select('row', 'g').alias('r'), F.expr('l.row = r.row')).orderBy('l.row').select('r.g')",
    "a new column beside names of both sides": "(lambda o, p: o.join(p, 'row').withColumn('n', o.g + p.int_a).select('row', 'n'))(a.select('row', 'g'), b.select('row', F.col('int_b').alias('int_a')))",
    "a new column beside names of both sides, unused": "a.select('row', 'g').alias('l').join(b.select('row', F.col('int_b').alias('g')).alias('r'), 'row').withColumn('n', F.col('l.g') + F.col('r.g')).select('row', 'n')",
    "a third DataFrame of one before": "(lambda o, l, p: o.join(l, 'row').join(p, l.int_a == p.int_a).select(F.lit(1).alias('n')))(a.select('row', 'g'), a.select('row', 'int_a'), a.where('int_a > 1').select('int_a'))",
    "a dimension twice": "(lambda l, m: l.alias('o').join(m.alias('p'), F.col('o.row') == F.col('p.k')).join(m.alias('q'), F.col('o.g') == F.col('q.k')).select('o.row', F.col('p.v').alias('x'), F.col('q.v').alias('y')))(a.select('row', 'g'), b.select(F.col('row').alias('k'), F.col('int_b').alias('v')))",
    "two groupings joined by name": "(lambda o, g, h: o.join(g, 'g').join(h, 'g').select('row', 's', 'w'))(a.select('row', 'g'), a.groupBy('g').agg(F.max('int_a').alias('s')), a.groupBy('g').agg(F.max('int_b').alias('w')))",
    "rows of a window backwards in a text": "a.selectExpr('row', 'sum(int_a) over (partition by g order by row rows between 2 following and 1 following) as n')",
    "an attribute of the DataFrame": "a.select('row', F.lit(1 if a.isStreaming else 2).alias('x'))",
}  # fmt: skip
SHAPES: dict[str, str] = {
    **{f"{name}: {kind}": text.replace("{k}", key) for name, text in KEYED.items() for kind, key in KEYS.items()},
    **ALONE,
}


def outcomes(both: Both, names: Iterable[str], told: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return by query why it is refused, and how the engines differ on it; both empty where they agree."""
    return {
        name: (_first(why), "" if why else difference(both, SHAPES[name], sql))
        for name, (sql, why) in _compiled(list(names), told).items()
    }


def refusals(names: Iterable[str], told: Mapping[str, str]) -> list[str]:
    """Return of each query why it is refused; an empty text for one that is not."""
    return [_first(why) for _, why in _compiled(list(names), told).values()]


def _compiled(names: list[str], told: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return dict(zip(names, compiled([(SHAPES[name], "query") for name in names], dict(told)), strict=True))


def _first(why: str) -> str:
    """Return the reason of a refusal without the list of what is proven."""
    text = why.partition("; proven are")[0].partition("; where that makes")[0]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def difference(both: Both, text: str, sql: str) -> str:
    """Return how the engines' rows of a query differ; an empty text where they do not."""
    from tests.sluice.transforms.compiled_calls import query

    try:
        frame = query(text, both.frame, both.names)
        kinds = [each.dataType.simpleString() for each in frame.schema.fields]
        names = [each.name for each in frame.schema.fields]
        expected = _rows(both.read(frame.toDF(*(f"x{place}" for place in range(len(names))))))
    except Exception as error:
        return f"Spark fails: {cause(error)}"
    try:
        made = both.duckdb.sql(sql)
        own, own_names = [spark_type(str(each)) for each in made.types], list(made.columns)
        got = _rows(made.to_arrow_table())
    except Exception as error:
        return f"DuckDB fails: {str(error)[:300]}"
    if own_names != names or not all(map(same_type, own, kinds)):
        return f"the columns on Spark are {names} of {kinds}, on DuckDB {own_names} of {own}"
    more, fewer = expected - got, got - expected
    return f"Spark alone has {[*more.items()][:2]}, DuckDB alone {[*fewer.items()][:2]}"[:400] if more or fewer else ""


def _rows(table: Any) -> Counter[Any]:
    columns = [[plain(one) for one in listed(column)] for column in table.columns]
    return Counter(zip(*columns, strict=True))


def told_lines(verdicts: Mapping[str, str]) -> list[str]:
    """Return the part of the page that tells of whole queries."""
    found = [
        "## Whole queries",
        "",
        "What is a key, compared, or put in order, in the shapes that DataFrames have.",
        "",
        "| Query | Alike for | Refused for |",
        "|---|---|---|",
    ]
    for name in KEYED:
        alike = [kind for kind in KEYS if not verdicts[f"{name}: {kind}"]]
        refused = [kind for kind in KEYS if verdicts[f"{name}: {kind}"]]
        found.append(_line(name, ", ".join(alike), ", ".join(refused)))
    found += ["", "| Other queries | Verdict |", "|---|---|"]
    found += [_line(name, verdicts[name] or "alike") for name in ALONE]
    return [*found, ""]


def _line(*cells: str) -> str:
    return "| " + " | ".join((each or "—").replace("|", "\\|") for each in cells) + " |"
