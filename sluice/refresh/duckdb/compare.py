"""Compares what a transform would make with the published rows, on the snapshots that these were made from.

Nothing is published. DuckDB reads both sides, and its memory is bounded: what does not fit goes to a scratch folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from pyiceberg.table import Table

from sluice.compiled import CompiledTransform
from sluice.confined import connect, literal, quoted
from sluice.contracts import Contract
from sluice.errors import WrongArgument
from sluice.project import Project
from sluice.refresh.duckdb.inputs import protocol, register
from sluice.refresh.tables import made_from, transform_of
from sluice.tables.files import snapshot_of
from sluice.tables.schema import data_schema
from sluice.tables.upkeep import EMPTY

_MEMORY = "2GiB"
_EXAMPLES = 5
_NUMBERS = ("int", "bigint", "float", "double", "decimal")
#: Types of Iceberg that are compared by value when a column changes from one to another; all others are as texts.
_NUMERIC, _TIMES_OF = ("int", "long", "float", "double", "decimal"), ("date", "timestamp", "timestamptz")
#: A column: how often a row occurs in what would be made, minus how often in what is published.
_TIMES = "_sluice_times"
_PUBLISHED = "sluice_published.rows"
_WAS, _WOULD_BE, _DIFFERING = "sluice_was", "sluice_would_be", "sluice_differing"


class Numbers(msgspec.Struct, frozen=True):
    """Sum, least and greatest value (None where there is no value) and number of nulls of a numeric column."""

    sum: Any
    min: Any
    max: Any
    nulls: int


class Comparison(msgspec.Struct, frozen=True):
    """What would change: rows by key (without a key: changed rows count as removed and added), and numeric columns.

    ``inputs`` are the snapshots that both were made from, ``columns_changed`` counts changed rows by column,
    ``types_changed`` has the type before and after of columns that would have another.
    ``examples`` are a few keys by kind: added, removed, changed.
    """

    table: str
    snapshot: str
    inputs: dict[str, str]
    key: tuple[str, ...]
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    types_changed: dict[str, tuple[str, str]]
    columns_changed: dict[str, int]
    numbers: dict[str, tuple[Numbers, Numbers]]
    examples: dict[str, list[dict[str, Any]]]

    @property
    def same(self) -> bool:
        """Return whether nothing would change."""
        rows = self.added or self.removed or self.changed
        return not (rows or self.columns_added or self.columns_removed or self.types_changed)


def compare(
    project: Project,
    load: Callable[[str], Table],
    table: str,
    *,
    scratch: Path,
    tell: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare what ``project`` would make of ``table`` with its published rows; ``tell`` is called with each step.

    Raise ``WrongArgument`` for a table that no transform makes on DuckDB, that was never made, or whose inputs expired.
    """
    transform, contract = _transform(project, table), project.contract(table)
    target = load(table)
    made = made_from(target)
    if made is None or not made.inputs:
        raise _impossible(table, f"{table} has no rows yet that a run published.", "wait for its first refresh.")
    sources = {name: load(name) for name in transform.inputs.values()}
    inputs = {name: made.inputs.get(name, snapshot_of(source)) for name, source in sources.items()}
    _refuse_expired(table, sources, inputs)
    readable = [str(scratch), *(protocol(name) for name in sorted({table, *sources}))]
    settings: dict[str, str | bool] = {
        "preserve_insertion_order": False, "temp_directory": str(scratch), "memory_limit": _MEMORY,
    }  # fmt: skip
    with connect(settings=settings, readable=readable) as connection:
        for name, source in sources.items():
            register(connection, name, source, inputs[name])
        after = [column.name for column in contract.columns]
        tell(f"computing {table} from {len(inputs)} inputs")
        _materialize(connection, _WOULD_BE, f"SELECT {_listed(after)} FROM ({transform.sql})", scratch)
        register(connection, table, target, snapshot_of(target), under=_PUBLISHED)
        before = [field.name for field in target.schema().fields]
        _materialize(connection, _WAS, f"SELECT * FROM {quoted(_PUBLISHED)}", scratch)
        both = [name for name in before if name in after]
        tell(f"comparing {_count(connection, _WOULD_BE):,} rows with {_count(connection, _WAS):,}")
        key = tuple(name for name in contract.key if name in both)
        types = _types_changed(target, contract)
        texts = [name for name, kinds in types.items() if not (_within(_NUMERIC, kinds) or _within(_TIMES_OF, kinds))]
        rows = _RowsCompared(connection, both, texts, key if len(key) == len(contract.key) else (), scratch)
        return Comparison(
            table=table,
            snapshot=snapshot_of(target),
            inputs=inputs,
            key=rows.key,
            rows_before=_count(connection, _WAS),
            rows_after=_count(connection, _WOULD_BE),
            **rows.counts(),
            columns_added=tuple(name for name in after if name not in before),
            columns_removed=tuple(name for name in before if name not in after),
            types_changed=types,
            columns_changed=rows.columns_changed(),
            numbers=dict(_numbers(connection, contract, [name for name in both if name not in texts])),
            examples=rows.examples(),
        )


def _transform(project: Project, table: str) -> CompiledTransform:
    found = transform_of(project, table)
    if found.engine == "spark" or not found.sql:
        raise WrongArgument(
            f'{table} is declared with engine="spark", so DuckDB cannot compute it here.',
            safe="nothing was published or changed.",
            next_step="compare it on Spark: deploy to an environment of its own, and query both.",
            dataset=table,
        )
    return found


def _refuse_expired(table: str, sources: Mapping[str, Table], inputs: Mapping[str, str]) -> None:
    for name, snapshot in inputs.items():
        if snapshot != EMPTY and sources[name].snapshot_by_id(int(snapshot)) is None:
            raise _impossible(
                table,
                f"{table} was made from snapshot {snapshot} of {name}, which has expired.",
                f"`sluice backfill {table}` makes it from the present snapshots, by what is deployed; then compare.",
            )


def _impossible(table: str, what: str, next_step: str) -> WrongArgument:
    return WrongArgument(what, safe="nothing was published or changed.", next_step=next_step, dataset=table)


def _materialize(connection: duckdb.DuckDBPyConnection, name: str, query: str, scratch: Path) -> None:
    """Write the rows of ``query`` to a file, so that they are computed once and need no memory while they wait."""
    file = literal(str(scratch / f"{name}.parquet"))
    connection.execute(f"COPY ({query}) TO {file} (FORMAT parquet)")
    connection.execute(f"CREATE VIEW {name} AS FROM read_parquet({file})")


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))


class _RowsCompared:
    """The rows that only one side has, in the columns of both; changed rows are those of one key on either side.

    Columns ``as_text`` have another type on either side, which no third one can hold: they are compared as texts.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: Sequence[str],
        as_text: Collection[str],
        key: tuple[str, ...],
        scratch: Path,
    ) -> None:
        self._connection, self._columns, self.key = connection, columns, key
        listed = _listed(columns)
        read = ", ".join(
            f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" if name in as_text else quoted(name)
            for name in columns
        )
        sides = f"SELECT {read}, 1 AS {_TIMES} FROM {_WOULD_BE} UNION ALL SELECT {read}, -1 FROM {_WAS}"
        times = f"CAST(sum({_TIMES}) AS BIGINT)"
        net = f"SELECT {listed}, {times} AS {_TIMES} FROM ({sides}) GROUP BY {listed} HAVING {times} <> 0"
        _materialize(connection, _DIFFERING, net, scratch)

    def counts(self) -> dict[str, int]:
        """Return how many rows would be added and removed, and how many keys would have other rows."""
        kinds = ("added", "removed", "changed")
        if self.key:
            counted = ", ".join(f"count(*) FILTER (kind = '{kind}')" for kind in kinds)
            query = f"SELECT {counted} FROM {self._kinds()}"
        else:
            both = (f"coalesce(sum(greatest({times}, 0)), 0)" for times in (_TIMES, f"-{_TIMES}"))
            query = f"SELECT {', '.join(both)}, 0 FROM {_DIFFERING}"
        return dict(zip(kinds, map(int, self._connection.execute(query).fetchall()[0]), strict=True))

    def columns_changed(self) -> dict[str, int]:
        """Return how many changed keys have another value, by column; those that none has are left out."""
        others = [name for name in self._columns if name not in self.key]
        if not self.key or not others:
            return {}
        sides = (f"min({{0}}) FILTER ({_TIMES} {sign} 0)" for sign in "><")
        differs = "({}) IS DISTINCT FROM ({})".format(*sides)
        of_key = ", ".join(f"{differs.format(quoted(name))} AS c{place}" for place, name in enumerate(others))
        counted = ", ".join(f"count(*) FILTER (c{place})" for place, _ in enumerate(others))
        changed = f"GROUP BY {_listed(self.key)} HAVING bool_or({_TIMES} > 0) AND bool_or({_TIMES} < 0)"
        query = f"SELECT {counted} FROM (SELECT {of_key} FROM {_DIFFERING} {changed})"
        found = self._connection.execute(query).fetchall()[0]
        return {name: int(count) for name, count in zip(others, found, strict=True) if count}

    def examples(self) -> dict[str, list[dict[str, Any]]]:
        """Return a few keys (without a key: rows) of each kind, the least ones."""
        columns = self.key or tuple(self._columns)
        source = self._kinds() if self.key else (
            f"(SELECT *, CASE WHEN {_TIMES} > 0 THEN 'added' ELSE 'removed' END AS kind FROM {_DIFFERING})"
        )  # fmt: skip
        found = {}
        for kind in ("added", "removed", "changed"):
            rows = self._connection.execute(
                f"SELECT {_listed(columns)} FROM {source} WHERE kind = '{kind}' ORDER BY ALL LIMIT {_EXAMPLES}"
            ).fetchall()
            if rows:
                found[kind] = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
        return found

    def _kinds(self) -> str:
        """Return SQL for the keys that differ, each with its kind."""
        only = (f"WHEN bool_and({_TIMES} {sign} 0) THEN '{kind}'" for sign, kind in ((">", "added"), ("<", "removed")))
        kind = f"CASE {' '.join(only)} ELSE 'changed' END"
        return f"(SELECT {_listed(self.key)}, {kind} AS kind FROM {_DIFFERING} GROUP BY {_listed(self.key)})"


def _within(family: Collection[str], kinds: Collection[str]) -> bool:
    """Return whether all these types of Iceberg are of one family."""
    return all(kind.partition("(")[0] in family for kind in kinds)


def _types_changed(table: Table, contract: Contract) -> dict[str, tuple[str, str]]:
    """Return the columns of both sides that the contract gives another type, with the type before and after."""
    before = {field.name: field.field_type for field in table.schema().fields}
    after = {field.name: field.field_type for field in data_schema(contract).fields}
    return {
        name: (str(before[name]), str(kind)) for name, kind in after.items() if name in before and before[name] != kind
    }


def _numbers(
    connection: duckdb.DuckDBPyConnection, contract: Contract, columns: Sequence[str]
) -> Iterator[tuple[str, tuple[Numbers, Numbers]]]:
    """Yield each numeric column with its numbers before and after."""
    for column in contract.columns:
        if column.name in columns and column.type.name in _NUMBERS:
            name = quoted(column.name)
            # The order of addition must not show in the sum of floats.
            total = "fsum" if column.type.name in ("float", "double") else "sum"
            select = f"SELECT {total}({name}), min({name}), max({name}), count(*) - count({name}) FROM "
            was, would_be = (connection.execute(select + side).fetchall()[0] for side in (_WAS, _WOULD_BE))
            yield column.name, (Numbers(*map(_plain, was)), Numbers(*map(_plain, would_be)))


def _plain(value: Any) -> Any:
    """Return a value that JSON has: others as text, exactly."""
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    return str(value) if not isinstance(value, Decimal) else f"{value:f}"
