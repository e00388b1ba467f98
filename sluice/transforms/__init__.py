"""Transforms: pure functions from PySpark DataFrames to one, the same on DuckDB and on Spark.

``glue_jobs/<database>/<table>.py`` holds one function, named as its table and decorated with ``transform``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

from sluice.transforms.changes import current_rows
from sluice.transforms.history import history
from sluice.transforms.latest import conflicting, latest_by_key
from sluice.writes import WRITE_MODES, WriteName

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = [
    "ENGINES",
    "WRITES",
    "Engine",
    "Source",
    "Transform",
    "Write",
    "apply",
    "conflicting",
    "current_rows",
    "history",
    "latest_by_key",
    "source",
    "transform",
    "unique",
]

#: What ``transform`` decorates: a function from DataFrames, one per input, to the table's.
Transform = Callable[..., "DataFrame"]
#: How a table is written: whole (``replace``); the rows of the keys or partitions that a change touches (``merge``,
#: ``replace_partitions``); what new input rows give, beside what is there (``append``); every version of each key with
#: the time it held (``scd2``).
Write: TypeAlias = WriteName
#: All ways of writing, as ``Write`` names them.
WRITES: tuple[str, ...] = tuple(WRITE_MODES)
#: What a transform runs on: the cheapest for each run (``any``), or the only one that can.
Engine = Literal["any", "duckdb", "spark"]
#: All that a transform can name as its engine.
ENGINES: tuple[str, ...] = get_args(Engine)


class Source(NamedTuple):
    """An input: which table, and how a change of one of its rows leads to rows of the result.

    ``on`` are its columns that equal the result's ``by`` columns; else ``through`` names another parameter, and
    ``matching`` (own column → the other's column) which of the other's rows its own belong to. With neither, a change
    rebuilds the whole table. With ``newest`` the function sees one row per key.
    """

    table: str
    newest: str | None = None
    on: tuple[str, ...] = ()
    through: str | None = None
    matching: tuple[tuple[str, str], ...] = ()


def source(
    table: str,
    *,
    on: str | Iterable[str] = (),
    through: str | None = None,
    matching: str | Mapping[str, str] | None = None,
    newest: str | None = None,
) -> Source:
    """Declare an input and which rows of the result a change of it touches (see ``Source``)."""
    pairs = {matching: matching} if isinstance(matching, str) else matching or {}
    return Source(table, newest, (on,) if isinstance(on, str) else tuple(on), through, tuple(pairs.items()))


def unique(
    table: str,
    *,
    newest: str,
    on: str | Iterable[str] = (),
    through: str | None = None,
    matching: str | Mapping[str, str] | None = None,
) -> Source:
    """Declare an input that the function sees with one row per key of its contract, as ``latest_by_key`` picks them.

    Records that say something else under the same key go to the dataset's quarantine, with the reason ``conflict``.
    """
    return source(table, on=on, through=through, matching=matching, newest=newest)


def transform(
    *,
    write: Write = "replace",
    by: str | Iterable[str] = (),
    engine: Engine = "any",
    accept: Mapping[str, str] | None = None,
    **inputs: str | Source,
) -> Callable[[Transform], Transform]:
    """Declare which table each parameter of the function is, e.g. ``@transform(orders="bronze.orders")``.

    ``by`` are the columns of the result whose values a change re-opens: rows that share them are computed together and
    from nothing but the input rows that lead to them (see ``Source``). With ``write="scd2"`` the function returns
    versions with ``valid_from``, and ``history`` makes the table of them. ``engine`` names the only one that can run
    the function, where it uses what the other does not have. ``accept`` are findings of ``sluice check`` that are right
    here, by rule, with the reason.
    """

    def declare(function: Transform) -> Transform:
        sources = {name: given if isinstance(given, Source) else Source(given) for name, given in inputs.items()}
        function.sources = sources  # type: ignore[attr-defined]
        function.write = write  # type: ignore[attr-defined]
        function.accept = dict(accept or {})  # type: ignore[attr-defined]
        function.engine = engine  # type: ignore[attr-defined]
        function.by = (by,) if isinstance(by, str) else tuple(by)  # type: ignore[attr-defined]
        function.inputs = {name: given.table for name, given in sources.items()}  # type: ignore[attr-defined]
        return function

    return declare


def apply(function: Transform, frames: Mapping[str, DataFrame], keys: Mapping[str, Iterable[str]]) -> DataFrame:
    """Return the table's rows for ``frames``; ``keys`` are the contracts' keys of the inputs, by parameter."""
    sources: Mapping[str, Source] = function.sources  # type: ignore[attr-defined]
    given = {name: _seen(frame, sources[name].newest, keys[name]) for name, frame in frames.items()}
    result = function(**given)
    mode = WRITE_MODES[function.write]  # type: ignore[attr-defined]
    return history(result, function.by) if mode.history else result  # type: ignore[attr-defined]


def _seen(frame: DataFrame, newest: str | None, key: Iterable[str]) -> DataFrame:
    return frame if newest is None else latest_by_key(frame, key, newest=newest)
