"""Athena's parser: sqlglot's, but it keeps each call's name and arguments, and literals, as they were written."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.dialects.hive import Hive
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError
from sqlglot.parsers.athena import AthenaTrinoParser
from sqlglot.parsers.hive import HiveParser
from sqlglot.tokenizer_core import TokenType

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.plain_functions import PLAIN
from localaws.athena.reserved import refuse_reserved
from localaws.athena.signatures import CALL
from localaws.athena.typing import DType
from localaws.athena.written import WrittenParser

_DECIMAL = re.compile(r"[+-]?(?P<whole>\d[\d_]*)?(?:\.(?P<fraction>\d[\d_]*)?)?")
_MOST_DIGITS = 38
_AROUND = (exp.Window, exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


def decimal_literal(self: Any, this: exp.Literal, to: exp.DataType) -> exp.Expr:
    """Return ``DECIMAL '…'`` with the precision and scale of its digits."""
    found = _DECIMAL.fullmatch(this.name)
    whole, fraction = ((found["whole"] or "").replace("_", ""), (found["fraction"] or "")) if found else ("", "")
    fraction = fraction.replace("_", "")
    precision = max(1, len(whole.lstrip("0")) + len(fraction))
    if not (whole or fraction) or to.expressions or precision > _MOST_DIGITS:
        raise QueryFailed("INVALID_LITERAL", f"line 1:1: '{this.name}' is not a valid DECIMAL literal")
    sign = "-" if this.name.startswith("-") else ""
    return exp.Cast(
        this=exp.Literal.string(f"{sign}{whole or '0'}.{fraction}".removesuffix(".")),
        to=types.decimal(precision, len(fraction)),
    )


#: The parser tries one way after the other, and each level of ROW(…), ARRAY[…] or DATE(…) doubles them: so often it may
#: step from one token to another, and so often more for each token. Statements of people take about one step a token.
_STEPS, _STEPS_PER_TOKEN = 200_000, 20


def _distinct(args: list[Any]) -> list[Any]:
    """Return the arguments of ``max_by(DISTINCT x, y)`` without DISTINCT, which changes nothing in it."""
    return args[0].expressions if len(args) == 1 and isinstance(args[0], exp.Distinct) else args


class _Counted:
    """The common part of both parsers: raises ``ParseError`` also when a statement takes too many parsing steps.

    ``sluice.transforms.queries`` limits its parser in the same way; neither package may import the other.
    """

    _steps_left = 0

    def parse(self, raw_tokens: list[Any], sql: str) -> list[exp.Expr | None]:
        """Return the parsed statements, as sqlglot does."""
        self._steps_left = _STEPS + _STEPS_PER_TOKEN * len(raw_tokens)
        found: list[exp.Expr | None] = super().parse(raw_tokens, sql)  # type: ignore[misc]
        return found

    def _advance(self, times: int = 1) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise ParseError("the statement is nested in more ways than can be read")
        super()._advance(times)  # type: ignore[misc]


class _HiveParser(_Counted, HiveParser):
    """The parser of Athena's DDL."""


class AthenaParser(_Counted, WrittenParser):
    """Athena's parser of queries; it notes on each node that a function call became which call it was (``CALL``)."""

    TYPE_LITERAL_PARSERS: ClassVar[dict[Any, Any]] = {
        **AthenaTrinoParser.TYPE_LITERAL_PARSERS,
        DType.DECIMAL: decimal_literal,
    }

    # What is no more than a function of values has no node of its own, whatever other engines mean by its name.
    FUNCTIONS: ClassVar[dict[str, Any]] = {
        **{name: made for name, made in AthenaTrinoParser.FUNCTIONS.items() if name.lower() not in PLAIN},
        "LOWER": exp.Lower.from_arg_list,  # of to_hex(x), too
        "MAX_BY": lambda args: exp.ArgMax.from_arg_list(_distinct(args)),
        "MIN_BY": lambda args: exp.ArgMin.from_arg_list(_distinct(args)),
    }

    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        **{name: read for name, read in AthenaTrinoParser.FUNCTION_PARSERS.items() if name not in ("MAX_BY", "MIN_BY")},
        "JSON_ARRAY": lambda self: self._parse_json_array(),
    }

    def __init__(self) -> None:
        dialect = Trino()
        dialect.INDEX_OFFSET = 0  # a subscript stays as it is written: what it is of has no type yet
        super().__init__(dialect=dialect)
        self._calls: list[list[Any] | None] = []
        self._json_comes = False  # whether the JSON that a function reads is what comes next

    def _parse_function_call(self, *args: Any, **kwargs: Any) -> exp.Expr | None:
        name, following, before = self._curr, self._next, self._index
        called = bool(name and following and following.token_type == TokenType.L_PAREN)
        called = called and name.token_type != TokenType.CASE  # CASE (x) WHEN …
        self._calls.append(None)
        try:
            found: exp.Expr | None = super()._parse_function_call(*args, **kwargs)
        finally:
            arguments = self._calls.pop()
        if called and found is not None and self._index > before + 1:
            node = found
            while isinstance(node, _AROUND):
                node = node.this
            own_grammar = name.text.upper() in self.FUNCTION_PARSERS
            node.meta.setdefault("start", name.start)  # where sqlglot notes the place of a name
            node.meta[CALL] = (name.text.lower(), _places(node, None if own_grammar else arguments))
        return found

    def _parse_primary(self) -> exp.Expr | None:
        token = self._curr
        found: exp.Expr | None = super()._parse_primary()
        if isinstance(found, exp.Literal) and token is not None:
            found.meta.setdefault("start", token.start)
        return found

    def validate_expression(self, expression: Any, args: list[Any] | None = None) -> Any:
        """Return the node; the number of a call's arguments is held to the function's forms, in Trino's words."""
        return expression if args is not None else super().validate_expression(expression)

    def _parse_bracket(self, this: exp.Expr | None = None) -> exp.Expr | None:
        # Each subscript comes here again, as what the next one may be of.
        if isinstance(this, exp.Bracket):
            this.set("offset", 1)  # so sqlglot writes it as it is
        found: exp.Expr | None = super()._parse_bracket(this)
        return found

    def _parse_json_array(self) -> exp.Expr:
        members = self._parse_csv(self._parse_assignment)
        handling = self._parse_on_handling("NULL", "NULL", "ABSENT") if members else None
        self._refuse_options("json_array")
        return self.expression(exp.JSONArray(expressions=members, null_handling=handling))

    def _parse_json_object(self, agg: Any = False) -> Any:
        found: Any = super()._parse_json_object(agg)
        if found.args.get("return_type"):
            raise not_supported("json_object with RETURNING")
        self._refuse_options("json_object")
        return found

    def _parse_json_value(self, json_path: bool = True) -> exp.JSONValue:
        self._json_comes = True
        found: exp.JSONValue = super()._parse_json_value(json_path)
        self._refuse_options("json_value")
        return found

    def _parse_json_query(self) -> exp.JSONExtract:
        self._json_comes = True
        found: exp.JSONExtract = super()._parse_json_query()
        self._refuse_options("json_query")
        return found

    def _parse_bitwise(self) -> exp.Expr | None:
        is_json, self._json_comes = self._json_comes, False
        found: exp.Expr | None = super()._parse_bitwise()
        if is_json:
            self._match_text_seq("FORMAT", "JSON")  # as it is anyhow
        return found

    def _refuse_options(self, name: str) -> None:
        """Raise for what a function of JSON may have behind its arguments, and has not here."""
        if self._curr and self._curr.text.upper() in _JSON_OPTIONS:
            raise not_supported(f"{name} with {self._curr.text.upper()}")

    def _parse_function_args(self, alias: bool = False) -> list[exp.Expr]:
        found: list[exp.Expr] = super()._parse_function_args(alias)
        if self._calls and self._calls[-1] is None:
            self._calls[-1] = list(_distinct(found))
        return found


def parse_statements(sql: str) -> list[exp.Expr]:
    """Return the statements in ``sql``; errors are sqlglot's."""
    tokens = Athena().tokenize(sql)
    if tokens and tokens[0].token_type == TokenType.HIVE_TOKEN_STREAM:
        return [tree for tree in _HiveParser(dialect=Hive()).parse(tokens[1:], sql) if tree is not None]
    trees = [_quantified(tree) for tree in AthenaParser().parse(tokens, sql) if tree is not None]
    for tree in trees:
        if not isinstance(tree, exp.Alias):  # TABLE t, which is refused as a statement
            refuse_reserved(tree, tokens, sql)
    return trees


def _quantified(tree: exp.Expr) -> exp.Expr:
    """Return a statement whose ``ANY``, ``SOME`` and ``ALL`` of ``VALUES`` hold a query, as those of a SELECT do."""
    for node in list(tree.find_all(exp.Any, exp.Anonymous)):
        kind = exp.Any if isinstance(node, exp.Any) else _QUANTIFIERS.get(node.name.upper())
        inner = node.expressions[0] if isinstance(node, exp.Anonymous) and node.expressions else node.this
        values = inner.unnest() if isinstance(inner, exp.Subquery) else inner
        if kind is not None and isinstance(values, exp.Values) and isinstance(node.parent, exp.Predicate):
            node.replace(kind(this=exp.select("*").from_(exp.Subquery(this=values.copy()))))
    return tree


#: What Trino's functions of JSON take behind their arguments; those that are supported were read before.
_JSON_OPTIONS = frozenset({"RETURNING", "FORMAT", "EMPTY", "ERROR", "PASSING", "KEEP", "OMIT"})
_QUANTIFIERS: dict[str, type[exp.Expr]] = {"ALL": exp.All, "SOME": exp.Any, "ANY": exp.Any}


def _places(node: exp.Expr, arguments: list[Any] | None) -> list[tuple[str, int | None] | None]:
    """Return where each argument of a call is in the node that the call became; None for a transformed argument."""
    where: dict[int, tuple[str, int | None]] = {}
    for key, value in node.args.items():
        if isinstance(value, exp.Expr):
            where[id(value)] = (key, None)
        elif isinstance(value, list):
            where.update({id(part): (key, index) for index, part in enumerate(value) if isinstance(part, exp.Expr)})
    if arguments is None:  # a form with its own grammar: its arguments are those that were written
        return list(where.values())
    return [where.get(id(argument)) or _literal_place(argument) for argument in arguments]


def _literal_place(argument: Any) -> tuple[str, int | None] | None:
    if isinstance(argument, exp.Literal):
        return ("'text'" if argument.is_string else "'number'"), None
    return None
