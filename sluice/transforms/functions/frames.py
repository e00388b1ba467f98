"""Gives SQLFrame's DataFrames Spark's meaning, and refuses those of their methods that cannot have it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from sluice.nearest import did_you_mean
from sluice.transforms.functions.ambiguous import refuse_ambiguous
from sluice.transforms.functions.nodes import call, flat
from sluice.transforms.functions.spark_types import spark_type

Recording = Callable[[], bool]
_AT_ONCE = "it runs at once, and where a transform is compiled there are no rows yet; a transform returns a DataFrame"
_WRITTEN = "Sluice writes the table; a transform returns a DataFrame, its rows, and writes nothing"
#: Methods of PySpark's DataFrame that compute rows at once, and those that write them, which SQLFrame has not.
_ACTIONS = ("take", "tail", "foreach", "foreachPartition", "toLocalIterator")
_WRITERS = (
    "writeTo", "writeStream", "insertInto", "createTempView", "createOrReplaceGlobalTempView", "registerTempTable",
)  # fmt: skip
_LOST = "it is lost by the next select; use F.coalesce or F.when for each column"
_NOT_BOTH = "it was never tried on both engines; use select, groupBy, join, distinct and windows"
_PIVOTED = "its columns come of the data; use groupBy and F.sum(F.when(column == value, amount)) for each value"
#: Methods of PySpark's DataFrame that SQLFrame takes for columns.
_SPARK_ALONE = (
    "sample", "sampleBy", "describe", "summary", "unpivot", "melt", "sortWithinPartitions", "mapInPandas",
    "mapInArrow", "randomSplit", "crosstab", "freqItems", "approxQuantile", "observe", "withWatermark",
    "dropDuplicatesWithinWatermark", "repartitionByRange", "colRegex", "toJSON", "checkpoint",
)  # fmt: skip
_OUTER = ("right", "rightouter", "full", "fullouter", "outer")


class AtOnce(ValueError):
    """A call that computes or writes rows, where a transform says which rows there are."""


def mean_as_spark(recording: Recording) -> None:
    """Change the methods of SQLFrame's DataFrame, for this process.

    Those that cannot be what they are on Spark raise ``ValueError`` while calls are recorded, with what to write.
    """
    from sqlframe.duckdb.dataframe import DuckDBDataFrame

    frame: Any = DuckDBDataFrame
    frame.selectExpr = _select_texts  # SQLFrame has none
    _refuse_methods(frame, recording)
    _same_methods(frame, recording)
    _refuse_joins(frame, recording)
    refuse_ambiguous(recording)


def _refuse_methods(frame: Any, recording: Recording) -> None:
    from sqlframe.base.dataframe import BaseDataFrame
    from sqlframe.base.group import _BaseGroupedData

    refused = functools.partial(_unless, recording)
    grouped: Any = _BaseGroupedData
    at_once = functools.partial(_unless, recording, why=_AT_ONCE, kind=AtOnce)
    writer = functools.partial(_writer, recording)
    frame.count, frame.collect = at_once(frame.count, "count"), at_once(frame.collect, "collect")
    frame.first, frame.head = at_once(frame.first, "first"), at_once(frame.head, "head")
    frame.isEmpty, frame.show = at_once(frame.isEmpty, "isEmpty"), at_once(frame.show, "show")
    frame.toPandas, frame.toArrow = at_once(frame.toPandas, "toPandas"), at_once(frame.toArrow, "toArrow")
    frame.write = writer(frame.write, "write")
    frame.createOrReplaceTempView = writer(frame.createOrReplaceTempView, "createOrReplaceTempView")
    frame.createGlobalTempView = writer(frame.createGlobalTempView, "createGlobalTempView")
    for name in _ACTIONS:
        setattr(frame, name, _refused_at_once(recording, name, BaseDataFrame))
    for name in _WRITERS:
        setattr(frame, name, _refused_writer(recording, name, BaseDataFrame))
    for name in _SPARK_ALONE:
        setattr(frame, name, _never_tried(recording, name, BaseDataFrame))
    grouped.pivot = refused(grouped.pivot, "pivot", _PIVOTED)
    frame.__getattr__ = _attribute
    frame.dtypes = property(lambda this: [(each.name, spark_type(str(each.dataType))) for each in this._typed_columns])
    frame.unpersist = lambda this, *_, **__: this
    frame.fillna = refused(frame.fillna, "fillna", _LOST)
    frame.replace = refused(frame.replace, "replace", _LOST)


def _refuse_joins(frame: Any, recording: Recording) -> None:
    joined = frame.join

    @functools.wraps(joined, updated=())
    def join(this: Any, other: Any, on: Any = None, how: str = "inner", **named: Any) -> Any:
        names = isinstance(on, str) or (isinstance(on, list | tuple) and any(isinstance(each, str) for each in on))
        if recording() and names and (how or "").lower().replace("_", "") in _OUTER:
            raise ValueError(f"a {how} join by names loses the key; rename one side's and join by a condition")
        return joined(this, other, on=on, how=how, **named)

    frame.join = join


def _attribute(frame: Any, name: str) -> Any:
    """Return a column by its name; ``AttributeError`` for what is none, which SQLFrame takes for a column, too."""
    if not name.startswith("__") and name in frame.columns:
        return frame[name]
    meant = did_you_mean(name, frame.columns)
    raise AttributeError(
        f"the DataFrame has no column {name}, and its {name} was never tried on both engines{';' * bool(meant)}{meant}"
    )


def _refused_at_once(recording: Recording, name: str, owner: Any) -> Any:
    return _unless(recording, getattr(owner, name, None), name, _AT_ONCE, AtOnce)


def _refused_writer(recording: Recording, name: str, owner: Any) -> Any:
    return _writer(recording, getattr(owner, name, None), name)


def _never_tried(recording: Recording, name: str, owner: Any) -> Any:
    return _unless(recording, getattr(owner, name, None), name, _NOT_BOTH)


def _same_methods(frame: Any, recording: Recording) -> None:
    """Give methods Spark's meaning: of NaN, which is missing, of columns in a list, and of what SQLFrame has not."""
    from sqlframe.base.operations import Operation, operation

    ordering, single, dropping = frame.orderBy, frame.dropDuplicates, frame.dropna

    @functools.wraps(ordering, updated=())
    def ordered(this: Any, *columns: Any, **named: Any) -> Any:
        return ordering(this, *flat(list(columns)), **named)

    @functools.wraps(single, updated=())
    def drop_duplicates(this: Any, subset: Any = None) -> Any:
        whole = subset is None or {*subset} == {*this.columns}
        return this.distinct() if recording() and whole else single(this, subset)

    @functools.wraps(dropping, updated=())
    def dropna(this: Any, *arguments: Any, **named: Any) -> Any:
        return _present(this, *arguments, **named) if recording() else dropping(this, *arguments, **named)

    selecting = frame.select

    @functools.wraps(selecting, updated=())
    def select(this: Any, *columns: Any, **named: Any) -> Any:
        # A column of a side of a join, given by its name, has that side's name in its own on SQLFrame.
        return selecting(this, *(_of_side(one) for one in flat(list(columns))), **named)

    select.__wrapped__ = selecting.__wrapped__  # by which SQLFrame selects inside of its own methods

    @operation(Operation.FROM)
    def subtract(this: Any, other: Any) -> Any:
        return this._set_operation(exp.Except, other, True)

    frame.orderBy = frame.sort = ordered
    frame.dropDuplicates = frame.drop_duplicates = drop_duplicates
    frame.dropna, frame.subtract, frame.select = dropna, subtract, select


def _of_side(given: Any) -> Any:
    from sqlframe.base.column import Column

    return Column.ensure_col(given) if isinstance(given, str) and "." in given else given


def _present(frame: Any, how: str = "any", thresh: int | None = None, subset: Any = None) -> Any:
    """Return the rows of a DataFrame in which all, any or so many columns are neither null nor NaN."""
    from sqlframe.base.column import Column

    types = {name: spark_type(str(kind)) for name, kind, *_ in frame._typed_columns}
    names = [subset] if isinstance(subset, str) else list(subset or types)
    found = []
    for name in names:
        this = Column.ensure_col(name).column_expression
        given: exp.Condition = call("is_not_null", this)
        if types.get(name) in ("double", "float"):
            given = exp.and_(given, exp.not_(call("isnan", this.copy())))
        found.append(given)
    if thresh is None:
        return frame.where(Column(exp.paren(exp.and_(*found) if how == "any" else exp.or_(*found))))
    ones: list[exp.Expr] = [
        exp.Case(ifs=[exp.If(this=each, true=exp.Literal.number(1))], default=exp.Literal.number(0)) for each in found
    ]
    return frame.where(Column(exp.GTE(this=functools.reduce(_plus, ones), expression=exp.Literal.number(thresh))))


def _plus(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.Add(this=one, expression=other)


def _unless(recording: Recording, own: Any, name: str, why: str, kind: type[ValueError] = ValueError) -> Any:
    def method(*arguments: Any, **named: Any) -> Any:
        if recording() or own is None:
            raise kind(f"{name}(): {why}")
        return own(*arguments, **named)

    if own is not None:
        functools.update_wrapper(method, own, updated=())

    return method


def _writer(recording: Recording, own: Any, name: str) -> Any:
    """Return an attribute or a method that writes rows, as it is but while calls are recorded."""

    def read(this: Any) -> Any:
        if recording() or own is None:
            raise AtOnce(f"{name}: {_WRITTEN}")
        return own.__get__(this)

    return property(read)


def _select_texts(frame: Any, *texts: Any) -> Any:
    from sqlframe.base.column import Column

    return frame.select(*(Column(text) for text in flat(list(texts))))
