"""Which partitions a query needs, told by its conditions on their keys before any object is listed.

https://docs.aws.amazon.com/athena/latest/ug/partitions.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.computing import Question, Relation
from localaws.athena.errors import QueryFailed
from localaws.athena.hive.values import DEFAULT_PARTITION
from localaws.athena.plan import duckdb_sql
from localaws.athena.predicates import Condition, about, fixed, values_of
from localaws.athena.sources import quoted

_NUMBER = "$number"


@dataclass(frozen=True)
class Pruning:
    """What a query's conditions say of a table's rows; ``compute`` answers a question over few rows in memory.

    ``nothing``: no row is needed at all, since only the query's columns are asked for.
    """

    condition: Condition
    now: datetime
    compute: Callable[[Question], pa.Table]
    nothing: bool = False

    def chosen(
        self, keys: Mapping[str, exp.DataType], partitions: Sequence[tuple[str | None, ...]]
    ) -> list[tuple[str | None, ...]]:
        """Return those of the partitions, given by their keys' texts, that can have a row that the query needs."""
        if self.nothing:
            return []
        told = about(self.condition, keys)
        if told is None or not partitions:
            return list(partitions)
        columns = {name: [values[place] for values in partitions] for place, name in enumerate(keys)}
        table = pa.table(
            {name: pa.array(values, pa.string()) for name, values in columns.items()}
            | {_NUMBER: pa.array(range(len(partitions)), pa.int64())}
        )
        shown = [f"{key_value(name, kind)} AS {quoted(name)}" for name, kind in keys.items()]
        relation = Relation("partitions", table, ", ".join([*shown, quoted(_NUMBER)]))
        sql = f"SELECT {quoted(_NUMBER)} FROM partitions WHERE {duckdb_sql(exp.Paren(this=told.copy()))}"
        try:
            numbers = self.compute(Question(sql, self.now, [relation])).column(0).to_pylist()
        except QueryFailed as error:
            if not error.user_error:
                raise
            # Where a condition fails on some partition, the query itself says so, if it has rows there.
            return list(partitions)
        return [partitions[number] for number in sorted(numbers)]

    def narrows(self, key: str) -> bool:
        """Return whether anything is known of a key by itself."""
        return about(self.condition, [key]) is not None

    def fixes(self, key: str) -> bool:
        """Return whether the query holds a key to values that are written in it."""
        return self.nothing or fixed(self.condition, key)

    def told(self, key: str) -> list[str] | None:
        """Return the texts to which the query holds a key; None where it does not, or not by plain texts."""
        values = values_of(self.condition, key)
        plain = [value.name for value in values if isinstance(value, exp.Literal) and value.is_string]
        return sorted({*plain}) if self.fixes(key) and len(plain) == len(values) else None


def key_value(name: str, kind: exp.DataType) -> str:
    """Return DuckDB's expression for the value of a partition's key, whose text is in the column ``name``."""
    value = f"nullif({quoted(name)}, '{DEFAULT_PARTITION}')"
    if kind.this in types.TEXT:
        return value
    return f"CAST({value} AS {'TIMESTAMP' if kind.this in types.TIMESTAMPS else kind.sql('duckdb')})"
