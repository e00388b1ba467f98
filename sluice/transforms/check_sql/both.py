"""An expression of a check in the SQL of both engines, and the proven calls that it is composed of.

A call here is one of ``sluice.transforms.functions``, whose DuckDB SQL is proven to be what Spark computes. So whatever
is composed of them is alike on both engines; ``sluice.transforms.check_sql.meanings`` composes Athena's functions.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlglot import exp

from sluice.confined import literal
from sluice.transforms.functions.coercion import coerced
from sluice.transforms.functions.nodes import untried
from sluice.transforms.functions.signatures import Argument, Refused
from sluice.transforms.functions.spark_types import NULL, duckdb_type
from sluice.transforms.functions.tables import signatures, verdicts
from sluice.transforms.functions.written import written

#: Most letters of an expression's SQL. Some calls look at an argument more than once, so nested ones grow fast.
LONGEST_SQL = 100_000
#: Digits that a double keeps of any decimal.
EXACT_DIGITS = 15


class Both(NamedTuple):
    """An expression as SQL of DuckDB and of Spark, Spark's name of its type, and its value where it is a literal."""

    duckdb: str
    spark: str
    type: str
    value: str | int | bool | None = None
    literal: bool = False

    @property
    def is_moment(self) -> bool:
        """Return whether it is a day or a time."""
        return self.type in ("date", "timestamp_ntz")


class Over(NamedTuple):
    """The window of a call as SQL of both engines; empty for a call that has none."""

    duckdb: str = ""
    spark: str = ""


NO_WINDOW = Over()
_OPERATORS = {
    "==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "<=>": "<=>", "and": "AND", "or": "OR", "+": "+",
    "-": "-", "*": "*", "/": "/", "%": "%", "div": "DIV",
}  # fmt: skip
_FORMS = {
    "not": "(NOT {0})", "negate": "(-{0})", "count_distinct": "count(DISTINCT {0})",
    "between": "({0} BETWEEN {1} AND {2})", "first": "first_value({0})", "last": "last_value({0})",
}  # fmt: skip
#: Calls of doubles that may make a zero with a sign, which engines compare and keep otherwise.
_SIGNED = {"*", "/", "%", "rint", "signum", "cast", "try_cast"}
_SPARK_NAMES = {"timestamp_ltz": "TIMESTAMP", "timestamp_ntz": "TIMESTAMP_NTZ"}


def spark_name(kind: str) -> str:
    """Return the type as Spark's SQL spells it in any session."""
    return _SPARK_NAMES.get(kind, kind.upper())


def proven(name: str, *given: Both, over: Over = NO_WINDOW) -> Both:
    """Return a call of a proven function; ``Refused`` with the reason when it is not proven on these types."""
    arguments = coerced(name, [Argument(each.duckdb, each.type, each.value, each.literal) for each in given])
    types = [each.type for each in arguments]
    known = signatures().get(name, [])
    chosen = next((each for each in known if each.takes(types)), None)
    if chosen is None:
        raise Refused(untried(name, types, known, verdicts()))
    if why := verdicts().get(chosen.key, "it was never tried on both engines"):
        raise Refused(f"on ({', '.join(types)}) {why}{f'; {chosen.instead}' if chosen.instead else ''}")
    made = written(chosen, arguments, over.duckdb)
    return kept(Both(made.sql, _on_spark(name, given) + over.spark, made.type), signed=name in _SIGNED)


def kept(made: Both, *, signed: bool = False) -> Both:
    """Return the expression, without the sign of zero; ``Refused`` for one that became too long."""
    if signed and made.type == "double":
        made = made._replace(duckdb=f"({made.duckdb} + CAST(0 AS DOUBLE))", spark=f"({made.spark} + 0D)")
    if max(len(made.duckdb), len(made.spark)) > LONGEST_SQL:
        raise Refused("it is nested so deep that its SQL grows beyond bounds; compute the inner part in a WITH")
    return made


def _on_spark(name: str, given: tuple[Both, ...]) -> str:
    parts = [each.spark for each in given]
    if name in ("cast", "try_cast"):
        return f"{name}({parts[0]} AS {spark_name(given[1].type[1:])})"
    if name in _OPERATORS and len(parts) == 2:
        return f"({parts[0]} {_OPERATORS[name]} {parts[1]})"
    if name == "when":
        pairs = zip(parts[0:-1:2], parts[1::2], strict=False)
        otherwise = parts[-1] if len(parts) % 2 else "NULL"
        return f"(CASE {' '.join(f'WHEN {one} THEN {other}' for one, other in pairs)} ELSE {otherwise} END)"
    if name == "isin":
        return f"({parts[0]} IN ({', '.join(parts[1:])}))"
    if name in _FORMS:
        return _FORMS[name].format(*parts)
    return f"{name}({', '.join(parts)})"


def cast(given: Both, kind: str) -> Both:
    """Return the value as another type, and NULL where it does not fit; ``Refused`` where engines cast otherwise."""
    if given.type == kind:
        return given
    if given.type == NULL:
        return Both(f"CAST(NULL AS {duckdb_type(kind)})", f"CAST(NULL AS {spark_name(kind)})", kind)
    return proven("try_cast", given, Both("", "", f"→{kind}", kind, True))


def text(value: str) -> Both:
    """Return a text."""
    return Both(literal(value), exp.Literal.string(value).sql("spark"), "string", value, True)


def whole(value: int) -> Both:
    """Return a whole number; ``Refused`` for one of more than 64 bits."""
    if not -(2**63) <= value < 2**63:
        raise Refused("a whole number of more than 64 bits was never tried")
    kind = "int" if -(2**31) <= value < 2**31 else "bigint"
    if value >= 0:
        return Both(str(value), str(value), kind, value, True)
    # Spark takes the sign for a part of the literal, whose digits say the type of a product.
    return Both(f"CAST('{value}' AS {duckdb_type(kind)})", f"({value})", kind, value, True)


def point(digits: str) -> Both:
    """Return a number that is written with a point or an exponent: a double, as in Athena."""
    sql = f"CAST({literal(digits)} AS DOUBLE)"
    return kept(Both(sql, sql, "double", digits, True))


def decimal(digits: str) -> Both:
    """Return a decimal of just these digits; ``Refused`` for a text that is no number, or has more than 38 digits."""
    bare = digits.removeprefix("-").removeprefix("+")
    before, _, after = bare.partition(".")
    precision = max(len(before.lstrip("0")) + len(after), 1)
    if not (before + after).isascii() or not (before + after).isdigit() or precision > 38:
        raise Refused(f"{digits!r} is no decimal of up to 38 digits")
    kind = f"decimal({precision},{len(after)})"
    sql = f"CAST({literal(digits)} AS {kind.upper()})"
    return Both(sql, sql, kind, digits, True)


def moment(value: str, kind: str) -> Both:
    """Return a day or a time that is written as a literal."""
    return Both(
        f"CAST({literal(value)} AS {duckdb_type(kind)})", f"CAST({literal(value)} AS {spark_name(kind)})", kind, value,
        True,
    )  # fmt: skip


NOTHING = Both("NULL", "NULL", NULL, None, True)
