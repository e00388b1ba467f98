"""Signatures: a PySpark function with the types of its arguments, the DuckDB SQL that it becomes, and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sluice.transforms.functions.spark_types import NULL, family

#: Types that stand for T in a signature: it is one signature for each of them.
EACH = ("string", "int", "bigint", "double", "decimal(12,2)", "boolean", "date", "timestamp_ntz")


class Argument(NamedTuple):
    """An argument as it is on DuckDB: its SQL, Spark's type of it, and its value where it is a literal."""

    sql: str
    type: str
    value: str | int | bool | None = None
    literal: bool = False


#: Makes the SQL of a call from its arguments; ``Refused`` when the engines differ on such arguments.
Spelling = str | Callable[[list[Argument]], str]
Result = str | Callable[[list[Argument]], str]


class Refused(ValueError):
    """A call whose arguments the engines treat differently; the message says why and what to write instead."""


@dataclass(frozen=True)
class Signature:
    """A function on arguments of the given types; the last one with an ellipsis may come any number of times.

    ``sql`` holds ``{0}``, ``{1}``, … for the arguments and ``{over}`` where a window follows an aggregate; ``calls``
    are the calls in PySpark that the differential test tries, with ``{0}`` for a column of the first type. ``why`` is
    the reason of a refusal that is known beforehand, ``instead`` the nearest proven way.
    """

    name: str
    arguments: tuple[str, ...]
    result: Result
    sql: Spelling
    calls: tuple[str, ...] = ()
    kind: str = "value"
    why: str = ""
    instead: str = ""

    @property
    def key(self) -> str:
        """Return the name that the signature has in the table of verdicts."""
        return f"{self.name}({', '.join(self.arguments)})"

    def takes(self, types: list[str]) -> bool:
        """Return whether a call with arguments of these types is of this signature."""
        wanted = list(self.arguments)
        if self.name == "when":  # conditions and values by turns, and last what there is otherwise
            values = [kind for place, kind in enumerate(types) if place % 2 or place == len(types) - 1]
            conditions = types[: len(types) // 2 * 2 : 2]
            return all(_fits("boolean", kind) for kind in conditions) and all(_fits(wanted[1], kind) for kind in values)
        if wanted and wanted[-1].endswith("…"):
            repeated = wanted.pop()[:-1]
            wanted += [repeated] * (len(types) - len(wanted))
        return len(wanted) == len(types) and all(map(_fits, wanted, types))


def _fits(wanted: str, given: str) -> bool:
    return wanted in (given, family(given), "any") or given == NULL


def signature(
    name: str,
    arguments: str,
    result: Result,
    sql: Spelling,
    *calls: str,
    kind: str = "value",
    why: str = "",
    instead: str = "",
    each: Iterable[str] = EACH,
) -> list[Signature]:
    """Return the signatures that a line of a table stands for: several when a type is T."""
    found = []
    for one in each if "T" in arguments else ("",):
        types = tuple(part.strip().replace("T", one) for part in arguments.split("; ") if part.strip())
        of = result.replace("T", one) if isinstance(result, str) else result
        found.append(Signature(name, types, of, sql, calls, kind, why, instead))
    return found


def macro(name: str) -> Callable[[list[Argument]], str]:
    """Return what calls a macro of one argument, which it may look at more than once, and which is computed once."""

    def called(given: list[Argument]) -> str:
        of = given[0].sql
        if "(" not in of:
            return f"{name}({of})"
        return f"list_transform([{of}], lambda sluice_of: {name}(sluice_of))[1]"

    return called
