"""What a derived table is declared with: a pure function on PySpark DataFrames, run on DuckDB or on Spark.

``glue_jobs/<database>/<table>.py`` holds one function, named like its table and decorated with ``@transform``. The
function takes one DataFrame per input and returns the table's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Never, TypeAlias, get_args

from sluice.nearest import nearest
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
    "Input",
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

#: How a run writes a table: ``replace`` writes all of it; ``merge`` and ``replace_partitions`` write the rows of the
#: keys or partitions that a change affects; ``append`` adds the rows computed from new input rows; ``scd2`` keeps every
#: version of each key with the time in which it was valid (a slowly changing dimension of type 2).
Write: TypeAlias = WriteName
#: All values of ``Write``.
WRITES: tuple[str, ...] = tuple(WRITE_MODES)
#: What a transform runs on: the cheapest engine for each run (``any``), or always the named one.
Engine = Literal["any", "duckdb", "spark"]
#: All values of ``Engine``.
ENGINES: tuple[str, ...] = get_args(Engine)
#: What keywords of declarations were called once, and are called now.
_RENAMED = {"by": "recompute_key", "through": "join", "matching": "join_on"}


class Input(NamedTuple):
    """An input of a transform: its table, and the change propagation from its rows to rows of the result.

    ``on`` is the dependency key: this input's columns that equal the result's ``recompute_key``, in the same order.
    An input without these columns is joined to another one that has them: ``join`` names that input's parameter and
    ``join_on`` the join path as pairs (own column, the other input's column). With neither, a change of this input
    causes a full refresh. With ``newest`` the function sees one row per key of the contract, the one with the latest
    value in that column.
    """

    table: str
    newest: str | None = None
    on: tuple[str, ...] = ()
    join: str | None = None
    join_on: tuple[tuple[str, str], ...] = ()


def source(
    table: str,
    *,
    on: str | Iterable[str] = (),
    join: str | None = None,
    join_on: str | Mapping[str, str] | None = None,
    newest: str | None = None,
    **unknown: Never,
) -> Input:
    """Return the declaration of an input with its change propagation; ``Input`` explains the arguments.

    A text for ``on`` or ``join_on`` stands for one column, in ``join_on`` of the same name on both sides. Raise
    ``TypeError`` for any other keyword.
    """
    _refuse_keywords("source", unknown, ("on", "join", "join_on", "newest"))
    pairs = {join_on: join_on} if isinstance(join_on, str) else join_on or {}
    return Input(table, newest, (on,) if isinstance(on, str) else tuple(on), join, tuple(pairs.items()))


def unique(
    table: str,
    *,
    newest: str,
    on: str | Iterable[str] = (),
    join: str | None = None,
    join_on: str | Mapping[str, str] | None = None,
    **unknown: Never,
) -> Input:
    """Return the declaration of an input of which the function sees one row per key of its contract.

    ``latest_by_key`` picks the row by the latest value of ``newest``. Records of the same key with other content are
    appended to the dataset's quarantine table with the reason ``conflict``. Raise ``TypeError`` for any other keyword.
    """
    _refuse_keywords("unique", unknown, ("newest", "on", "join", "join_on"))
    return source(table, on=on, join=join, join_on=join_on, newest=newest)


@dataclass(frozen=True, kw_only=True)
class Transform:
    """What ``@transform`` declares: the function that makes a table's rows, and how runs use it.

    Called with DataFrames, as a unit test does, it is the function itself. ``sources`` are the inputs by parameter,
    ``accept`` maps lint rules to reasons.
    """

    function: Callable[..., DataFrame]
    sources: Mapping[str, Input]
    write: Write = "replace"
    recompute_key: tuple[str, ...] = ()
    engine: Engine = "any"
    accept: Mapping[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, str]:
        """Return the input tables by parameter."""
        return {name: given.table for name, given in self.sources.items()}

    def __call__(self, *frames: DataFrame, **named: DataFrame) -> DataFrame:
        """Return what the function makes of one DataFrame per input."""
        return self.function(*frames, **named)


def transform(
    *,
    write: Write = "replace",
    recompute_key: str | Iterable[str] = (),
    engine: Engine = "any",
    accept: Mapping[str, str] | None = None,
    **inputs: str | Input,
) -> Callable[[Callable[..., DataFrame]], Transform]:
    """Declare a transform; ``inputs`` names the table of each parameter, e.g. ``@transform(orders="bronze.orders")``.

    ``recompute_key`` are columns of the result. When an input changes, the key's affected values are recomputed,
    all rows of a value together, from only the input rows that change propagation connects with it (see ``Input``).
    With ``write="scd2"`` the function returns versions with ``valid_from``, and ``history`` completes them. ``engine``
    is for a function that only one engine can run. ``accept`` maps a lint rule of ``sluice check`` to the reason why
    its findings are right in this function. Raise ``TypeError`` for an input that is no table, as is
    a misspelt option.
    """
    for name, given in inputs.items():
        _refuse_input(name, given)
    sources = {name: given if isinstance(given, Input) else Input(given) for name, given in inputs.items()}
    key = (recompute_key,) if isinstance(recompute_key, str) else tuple(recompute_key)
    return lambda function: Transform(
        function=function,
        sources=sources,
        write=write,
        recompute_key=key,
        engine=engine,
        accept=dict(accept or {}),
    )


def _refuse_input(name: str, given: object) -> None:
    """Raise ``TypeError`` for what is no input of ``transform``: an option as it was called once, or misspelt."""
    options = ("write", "recompute_key", "engine", "accept")
    if _RENAMED.get(name) in options:
        _refuse_keywords("transform", {name: given}, options)
    if not isinstance(given, Input) and not (isinstance(given, str) and given.count(".") == 1):
        meant = f"; did you mean `{near}`?" if (near := nearest(name, options)) else ""
        raise TypeError(f"{name}={given!r} is no input, which is a database and a table{meant}")


def _refuse_keywords(of: str, unknown: Iterable[str], known: Sequence[str]) -> None:
    """Raise ``TypeError`` for the first keyword that the function ``of`` does not take, with the one that is meant."""
    for name in unknown:
        if (now := _RENAMED.get(name)) in known:
            raise TypeError(f"{of}() takes no `{name}`: it is called `{now}` now")
        near = nearest(name, known)
        raise TypeError(
            f"{of}() takes no `{name}`; " + (f"did you mean `{near}`?" if near else f"it takes {', '.join(known)}")
        )


def apply(declared: Transform, frames: Mapping[str, DataFrame], keys: Mapping[str, Iterable[str]]) -> DataFrame:
    """Return the table's rows that a transform computes from ``frames``, one DataFrame per parameter.

    ``keys`` are the key columns of the inputs' contracts, by parameter.
    """
    given = {name: _seen(frame, declared.sources[name].newest, keys[name]) for name, frame in frames.items()}
    result = declared.function(**given)
    return history(result, declared.recompute_key) if WRITE_MODES[declared.write].history else result


def _seen(frame: DataFrame, newest: str | None, key: Iterable[str]) -> DataFrame:
    return frame if newest is None else latest_by_key(frame, key, newest=newest)
