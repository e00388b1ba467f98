"""What a parsed query no longer shows of how it was written, and Athena minds: noted on the nodes, or read here.

sqlglot reads the types, joins and intervals of every engine into the same nodes as Athena's own.
https://github.com/trinodb/trino/blob/435/core/trino-parser/src/main/antlr4/io/trino/sql/parser/SqlBase.g4
"""

from __future__ import annotations

import re
from typing import Any, Final

from sqlglot import exp
from sqlglot.parsers.athena import AthenaTrinoParser
from sqlglot.tokenizer_core import TokenType

from localaws.athena.errors import QueryFailed, place

#: The key under which a type that was written has its words, and a join that was, that it was.
WORDS: Final = "athena_words"

_MONTHS: Final = ("YEAR", "MONTH")
_TIMES: Final = ("DAY", "HOUR", "MINUTE", "SECOND")
#: What stands between two parts of an interval's text, by the second one, and how many of it are one of the first.
_BETWEEN: Final = {"MONTH": "-", "HOUR": " ", "MINUTE": ":", "SECOND": ":"}
_FRACTION: Final = r"(?:\.\d{1,9})?"
_IN_MONTHS: Final = {"YEAR": 12, "MONTH": 1}
_IN_MILLISECONDS: Final = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1_000}
_FIELDS: Final = frozenset(
    {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DAY_OF_MONTH", "DAY_OF_WEEK", "DOW", "DAY_OF_YEAR", "DOY",
     "YEAR_OF_WEEK", "YOW", "HOUR", "MINUTE", "SECOND", "TIMEZONE_HOUR", "TIMEZONE_MINUTE"}
)  # fmt: skip


class WrittenParser(AthenaTrinoParser):
    """sqlglot's parser of queries, which reads otherwise what Athena has otherwise than other engines."""

    def _parse_types(self, *args: Any, **kwargs: Any) -> exp.Expr | None:
        before = self._index
        found: exp.Expr | None = super()._parse_types(*args, **kwargs)
        if isinstance(found, exp.DataType):
            found.meta[WORDS] = tuple(token.text.upper() for token in self._tokens[before : self._index])
            found.meta["start"] = self._tokens[before].start
        return found

    def _parse_join(self, *args: Any, **kwargs: Any) -> exp.Join | None:
        first = self._curr
        found: exp.Join | None = super()._parse_join(*args, **kwargs)
        if found is not None and first is not None and first.token_type != TokenType.COMMA:
            found.meta[WORDS] = (first.text.upper(),)
        return found

    def _parse_extract(self) -> exp.Extract:
        field = self._curr
        if field is None or field.token_type in (TokenType.STRING, TokenType.NUMBER):
            self.raise_error("Expecting: <identifier>")
        name = field.text.upper()
        self._advance()
        if not self._match(TokenType.FROM):
            self.raise_error("Expecting: 'FROM'")
        if name not in _FIELDS:
            raise QueryFailed("SYNTAX_ERROR", f"{place(self.sql, field.start)}: Invalid EXTRACT field: {field.text}")
        found: exp.Extract = self.expression(exp.Extract(this=exp.var(name), expression=self._parse_bitwise()))
        return found

    def _parse_interval(self, *_: Any, **__: Any) -> exp.Interval | None:
        """Return ``INTERVAL '2' DAY`` or ``INTERVAL '1-2' YEAR TO MONTH``; None, and nothing read, where none is."""
        index, first = self._index, self._curr
        if not self._match(TokenType.INTERVAL):
            return None
        minus = bool(self._match(TokenType.DASH))
        if not minus:
            self._match(TokenType.PLUS)
        text = self._curr
        if text is None or text.token_type != TokenType.STRING:
            if text is not None and text.token_type == TokenType.NUMBER and self._index == index + 1:
                self.raise_error("Expecting: <string>")
            self._retreat(index)  # a column of this name
            return None
        self._advance()
        units = [self._unit()]
        if units[0] and self._match_text_seq("TO"):
            units.append(self._unit())
        if not all(units):
            self.raise_error("Expecting: 'YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND'")
        value, unit = _read(text.text, units, minus=minus, place=place(self.sql, first.start))
        found: exp.Interval = self.expression(exp.Interval(this=exp.Literal.string(value), unit=exp.var(unit)))
        return found

    def _unit(self) -> str:
        unit = self._curr.text.upper() if self._curr is not None else ""
        if unit not in (*_MONTHS, *_TIMES):
            return ""
        self._advance()
        return str(unit)


def _read(text: str, units: list[str], *, minus: bool, place: str) -> tuple[str, str]:
    """Return the number and the unit of an interval's text: of one of several units, that of the last."""
    invalid = QueryFailed("INVALID_LITERAL", f"{place}: '{text}' is not a valid INTERVAL literal")
    order = _MONTHS if units[0] in _MONTHS else _TIMES
    if units[-1] not in order or order.index(units[-1]) < order.index(units[0]):
        raise invalid
    parts = order[order.index(units[0]) : order.index(units[-1]) + 1]
    pattern = r"(?P<sign>[+-]?)"
    for unit in parts:
        number = rf"(?P<{unit}>\d+{_FRACTION if unit == 'SECOND' else ''})"
        pattern += number if unit == parts[0] else f"(?:{_BETWEEN[unit]}{number}"
    found = re.fullmatch(pattern + ")?" * (len(parts) - 1), text)
    if found is None:
        raise invalid
    sign = "-" if minus != (found["sign"] == "-") else ""
    if len(parts) == 1:
        return sign + found[parts[0]], parts[0]
    sizes = _IN_MONTHS if order is _MONTHS else _IN_MILLISECONDS
    whole = sum(int(float(found[unit] or 0) * sizes[unit]) for unit in parts)
    if order is _MONTHS:
        return f"{sign}{whole}", "MONTH"
    return f"{sign}{whole // 1000}.{whole % 1000:03}", "SECOND"
