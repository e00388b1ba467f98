"""Records calls of PySpark's functions while a transform is compiled, by name, instead of SQLFrame's translation.

Every call becomes an anonymous function of its PySpark name, from which ``lowered`` makes DuckDB's SQL by the types of
its arguments. SQLFrame alone knows no types, so that it cannot tell one meaning of a call from another.
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from sqlglot import TokenType, exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import ParseError

from sluice.confined import connect, quoted
from sluice.decoding import json_decoder
from sluice.transforms import changes
from sluice.transforms.functions.copies import copy_less
from sluice.transforms.functions.frames import mean_as_spark
from sluice.transforms.functions.nodes import LATEST_SENT, call, flat
from sluice.transforms.functions.spark_types import duckdb_type, spark_type

PARAMETERS = Path(__file__).parent / "parameters.json"
_decode = json_decoder(dict[str, list[tuple[str, str]]])
#: What SQLFrame does itself, since it makes no difference of types.
_KEPT = {"col", "column", "lit", "expr", "when", "asc", "desc", "asc_nulls_first", "asc_nulls_last",
         "desc_nulls_first", "desc_nulls_last", "broadcast", "struct"}  # fmt: skip
#: Functions under several names, by the name that the tables have.
ALIASES = {
    "countDistinct": "count_distinct", "sumDistinct": "sum_distinct", "approxCountDistinct": "approx_count_distinct",
    "bitwiseNOT": "bitwise_not", "shiftLeft": "shiftleft", "shiftRight": "shiftright", "mean": "avg",
    "shiftRightUnsigned": "shiftrightunsigned", "ceiling": "ceil", "character_length": "length", "dateadd": "date_add",
    "char_length": "length", "len": "length", "substr": "substring", "lcase": "lower", "ucase": "upper",
    "date_diff": "datediff", "day": "dayofmonth", "nvl": "coalesce", "power": "pow", "sign": "signum",
    "std": "stddev", "stddev_samp": "stddev", "variance": "var_samp", "some": "bool_or", "any": "bool_or",
    "every": "bool_and", "sha": "sha1", "first_value": "first", "last_value": "last", "array_agg": "collect_list",
    "string": "to_string", "regexp": "rlike", "regexp_like": "rlike", "toDegrees": "degrees",
    "toRadians": "radians", "cardinality": "size", "reduce": "aggregate", "now": "current_timestamp",
    "approx_percentile": "percentile_approx", "char": "chr", "negative": "negate", "ln": "log", "curdate":
    "current_date", "datepart": "date_part", "extract": "date_part", "isnull": "is_null", "isnotnull": "is_not_null",
    "ifnull": "coalesce",
}  # fmt: skip


_BITS = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor)
_COMPARED = (
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.Like, exp.ILike, exp.RegexpLike,
)  # fmt: skip
_TESTS = (*_COMPARED, exp.In, exp.Between, exp.Is)


class SparkCalls(Spark):
    """Spark's SQL, in which a call of any function keeps its name."""

    class Tokenizer(Spark.Tokenizer):
        """Reads no suffix of a number: 3L is a literal on Spark, and a cast of one here, which divides otherwise."""

        NUMERIC_LITERALS: ClassVar[dict[str, str]] = {}

    class Parser(Spark.Parser):  # type: ignore[misc, valid-type]
        """Reads every call as one of an anonymous function, but for casts."""

        def parse(self, raw_tokens: list[Any], sql: str | None = None) -> list[exp.Expr | None]:
            """Parse as SQLGlot does, but raise ``ParseError`` where Spark binds operators in another order."""
            if any(token.token_type == TokenType.DCOLON for token in raw_tokens):
                raise ParseError("Spark 3.5 reads no ::; write cast(value as type)")
            trees: list[exp.Expr | None] = super().parse(raw_tokens, sql)
            for node in (node for tree in trees if tree is not None for node in tree.walk()):
                inside = [node.args.get(name) for name in ("this", "expression")]
                bits = isinstance(node, _BITS) and any(
                    isinstance(i, _BITS) and type(i) is not type(node) for i in inside
                )
                tests = _COMPARED if isinstance(node, exp.Is) else (*_TESTS, exp.Not)
                compared = isinstance(node, (*_COMPARED, exp.Is)) and any(isinstance(each, tests) for each in inside)
                if bits or compared:
                    raise ParseError(
                        f"{node.sql(dialect='spark')}: write parentheses, since engines read it in another order"
                    )
            return trees

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: Spark.Parser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST")
        }
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: Spark.Parser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("CASE", "IF") if name in
            Spark.Parser.NO_PAREN_FUNCTION_PARSERS
        }  # fmt: skip


# SQLGlot keeps each dialect by its name, for texts that name one; nobody asks for this one so.
type(SparkCalls)._classes.pop("sparkcalls")


def literal(value: Any) -> exp.Expr | None:
    """Return the literal that ``F.lit`` makes, with its type on Spark; None for what has no type of its own here."""
    if isinstance(value, float):
        return call("#double", exp.Literal.string(repr(value)))
    if isinstance(value, Decimal):
        return call("#decimal", exp.Literal.string(f"{value:f}"))
    if isinstance(value, dt.datetime):
        kind = "#timestamp_ntz" if value.tzinfo is None else "#timestamp_ltz"
        return call(kind, exp.Literal.string(value.isoformat(" ")))
    if isinstance(value, dt.date):
        return call("#date", exp.Literal.string(value.isoformat()))
    if isinstance(value, list):
        return call("array", *(each for each in (literal(one) or exp.convert(one) for one in value)))
    return exp.Literal.string(value) if isinstance(value, str) else None


_state = {"on": False, "patched": False}


def recording(on: bool) -> None:
    """Turn recording on or off; off, SQLFrame translates calls itself."""
    _state["on"] = on


def record() -> None:
    """Patch SQLFrame in this process, once, so that calls can be recorded."""
    import sqlframe.base.functions as base
    import sqlframe.duckdb.functions as own
    from sqlframe.base.column import Column
    from sqlframe.base.decorators import func_metadata

    if _state["patched"]:
        return
    _state["patched"] = True
    copy_less()
    plain = vars(Column)["_lit"].__func__

    def lit(cls: Any, value: Any) -> Any:
        made = literal(value) if _state["on"] else None
        return plain(cls, value) if made is None else cls(made)

    # No name that a text could call: what it takes for granted holds for a log of changes alone.
    changes.latest_sent = _either(
        _recorded(LATEST_SENT, [("*columns", "column")], Column), changes.latest_sent, "latest_sent"
    )
    column: Any = Column
    column.__call__ = _no_method
    column.__bool__ = _no_truth
    column._lit = classmethod(lit)
    functions = {
        name: _either(func_metadata()(_recorded(name, parameters, Column)), getattr(own, name, None), name)
        for name, parameters in _decode(PARAMETERS.read_bytes()).items()
        if name not in _KEPT
    }
    functions["broadcast"] = lambda frame: frame  # a hint, which changes no row
    vars(own).update(functions)
    vars(base).update(functions)
    mean_as_spark(lambda: _state["on"])
    for method in ("startswith", "endswith", "rlike", "like", "ilike", "contains", "substr", "cast", "astype"):
        setattr(Column, method, _method_of(method, Column))


def _no_method(this: Any, *_: Any, **__: Any) -> Any:
    """Raise for a call of what SQLFrame, as PySpark, takes for a field of a struct."""
    name = next(each.name for each in this.column_expression.find_all(exp.Literal, exp.Identifier))
    way = "; write F.expr('try_cast(name as int)')" if name == "try_cast" else ""
    raise ValueError(f"a column of Spark 3.5 has no method {name}{way}")


def _no_truth(this: Any) -> bool:
    """Raise, as PySpark does, where Python asks whether a column is true; SQLFrame itself asks whether there is one."""
    frame = inspect.currentframe()
    asker = frame.f_back.f_globals.get("__name__", "") if frame and frame.f_back else ""
    if not _state["on"] or asker.partition(".")[0] in ("sqlframe", "sqlglot"):
        return True
    raise ValueError(
        "Python's and, or, not, if, in and a < b < c do not take a column; write &, | and ~ between comparisons in "
        "parentheses, and F.when for a choice"
    )


def _either(recorded: Any, given: Any, name: str) -> Any:
    def chosen(*arguments: Any, **named: Any) -> Any:
        if _state["on"]:
            return recorded(*arguments, **named)
        if given is None:
            raise NotImplementedError(f"{name} is not known to SQLFrame on DuckDB")
        return given(*arguments, **named)

    chosen.__name__ = name
    chosen.unsupported_engines = []  # type: ignore[attr-defined]
    return chosen


def _recorded(name: str, parameters: list[tuple[str, str]], column: Any) -> Callable[..., Any]:
    def recorded(*arguments: Any, **named: Any) -> Any:
        given: list[exp.Expr] = []
        waiting = list(arguments)
        for parameter, kind in parameters:
            if parameter.startswith("*"):
                given += [_argument(one, kind, column) for one in flat(waiting)]
                waiting = []
            elif waiting or parameter in named:
                value = waiting.pop(0) if waiting else named.pop(parameter)
                if value is not None or kind == "any":
                    given.append(_argument(value, kind, column))
        if waiting or named:
            raise TypeError(f"{name}() takes {', '.join(parameter for parameter, _ in parameters)}")
        return column(call(ALIASES.get(name, name), *given))

    recorded.__name__ = name
    return recorded


def _argument(value: Any, kind: str, column: Any) -> exp.Expr:
    if callable(value) and not isinstance(value, column):
        return _lambda(value, column)
    if isinstance(value, column):
        made = value
    elif kind == "column" and isinstance(value, str):
        made = column.ensure_col(value)
    else:
        made = column._lit(value)
    found: exp.Expr = made.column_expression
    return found


_depth = {"lambdas": 0}


def _lambda(function: Callable[..., Any], column: Any) -> exp.Lambda:
    """Return a function of elements; one inside of another has parameters of its own, whatever Python calls them.

    The names are the same in each compilation, since they stand in the SQL, which tells whether a transform changed.
    """
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = [each.name for each in inspect.signature(function).parameters.values() if each.kind in named]
    if not given:
        raise ValueError("write a lambda, as lambda x: F.upper(x)")
    _depth["lambdas"] += 1
    try:
        names = [f"{name}#{_depth['lambdas']}" for name in given]
        made = function(*(column(exp.Column(this=exp.to_identifier(name, quoted=True))) for name in names))
    finally:
        _depth["lambdas"] -= 1
    body = column(made).column_expression
    return exp.Lambda(this=body, expressions=[exp.to_identifier(name, quoted=True) for name in names])


def _method_of(name: str, column: Any) -> Callable[..., Any]:
    def method(this: Any, *arguments: Any) -> Any:
        if name in ("cast", "astype"):
            (kind,) = arguments
            text = kind if isinstance(kind, str) else kind.simpleString()
            return column(call("cast", this.column_expression, exp.Literal.string(spark_type(text))))
        given = [_argument(one, "literal", column) for one in arguments]
        return column(call("substring" if name == "substr" else name.lower(), this.column_expression, *given))

    chosen: Callable[..., Any] = _either(method, vars(column).get(name), name)
    return chosen


def recorded_session(tables: dict[str, dict[str, str]]) -> tuple[Any, dict[str, dict[str, str]]]:
    """Return a SQLFrame session on empty tables, which records calls; ``tables`` are Spark's types by table and column.

    It needs a process in which SQLFrame replaces PySpark.
    """
    connection = connect()
    for table, types in tables.items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.partition('.')[0])}")
        columns = ", ".join(f"{quoted(name)} {duckdb_type(kind)}" for name, kind in types.items())
        connection.execute(f"CREATE TABLE {quoted(table)} ({columns})")
    record()
    recording(True)
    return session_on(connection), tables


class _Typed(NamedTuple):
    """A column as SQLFrame asks for it: its name, and its type on DuckDB."""

    name: str
    dataType: str  # noqa: N815 (SQLFrame's name)
    nullable: bool = True


def describe_by(describe: Callable[[Any], list[tuple[str, str]]]) -> None:
    """Let SQLFrame learn a recorded DataFrame's columns and types from ``describe``, since it cannot run its calls."""
    from sqlframe.duckdb.dataframe import DuckDBDataFrame

    own: Any = DuckDBDataFrame._typed_columns

    def typed(frame: Any) -> Any:
        if not _state["on"]:
            return own.__get__(frame)
        return [_Typed(name, kind) for name, kind in describe(frame)]

    patched: Any = DuckDBDataFrame
    patched._typed_columns = property(typed)


def session_on(connection: Any) -> Any:
    """Return a SQLFrame session on a DuckDB connection, in which every call in a text keeps its name."""
    from sqlframe.duckdb import DuckDBSession

    session: Any = DuckDBSession(conn=connection)
    session.input_dialect = SparkCalls()
    return session
