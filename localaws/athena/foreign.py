"""Refuses clauses that Athena does not have: sqlglot parses those of every dialect, and DuckDB runs many of them.

For each part of a query there is a list of what Athena has; anything else is refused by its name.
https://docs.aws.amazon.com/athena/latest/ug/select.html
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.tokenizer_core import Token, TokenType

from localaws.athena.errors import QueryFailed, not_supported

#: What each part of a query may have beside itself (sqlglot writes an underscore behind words of Python's).
_PARTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        {"expressions", "from", "joins", "laterals", "where", "group", "having", "windows", "order", "limit", "offset",
         "distinct", "with"}
    ),
    exp.Table: frozenset({"this", "db", "catalog", "alias", "joins", "laterals", "version", "when", "sample"}),
    exp.Subquery: frozenset({"this", "alias", "joins", "laterals", "with", "order", "limit", "offset", "sample"}),
    exp.Join: frozenset({"this", "side", "kind", "method", "on", "using"}),
    exp.Star: frozenset(),
    exp.Distinct: frozenset({"expressions"}),
    exp.Limit: frozenset({"expression"}),
    exp.Fetch: frozenset({"direction", "count", "limit_options"}),
    exp.LimitOptions: frozenset({"rows"}),
    exp.Between: frozenset({"this", "low", "high"}),
    **dict.fromkeys(
        (exp.Union, exp.Intersect, exp.Except),
        frozenset({"this", "expression", "distinct", "with", "order", "limit", "offset"}),
    ),
}  # fmt: skip
_JOINS = {"side": {"LEFT", "RIGHT", "FULL"}, "kind": {"INNER", "OUTER", "CROSS"}, "method": set()}
#: Behind these a bracket is no subscript, nor an array's that begins with ARRAY.
_BEFORE_A_VALUE = {
    TokenType.SELECT, TokenType.COMMA, TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.DISTINCT, TokenType.EQ,
    TokenType.THEN, TokenType.ELSE, TokenType.WHEN, TokenType.DPIPE, TokenType.IN,
}  # fmt: skip
#: Operators that Athena has as functions, or not at all: bitwise_xor(a, b), regexp_like(a, b), IS NOT DISTINCT FROM.
_OPERATORS = {TokenType.CARET, TokenType.AMP, TokenType.PIPE, TokenType.RLIKE, TokenType.NULLSAFE_EQ}
_NODES = (exp.TableSample, exp.Pivot, exp.Glob, exp.ILike, exp.SimilarTo, exp.Qualify, exp.Hint)


def refuse_foreign(tree: exp.Expr, sql: str) -> None:
    """Raise SYNTAX_ERROR, naming the clause, for any that no query of Athena has."""
    for node in tree.walk():
        if isinstance(node, _NODES) and not (isinstance(node, exp.TableSample) and _is_athenas(node)):
            raise _refused(type(node).__name__)
        if isinstance(node, exp.LimitOptions) and node.args.get("with_ties"):
            raise not_supported("FETCH FIRST … WITH TIES", allowed="rank() OVER (ORDER BY …) in a subquery")
        parts = _PARTS.get(type(node))
        if parts is not None:
            for name, value in node.args.items():
                if value and name.rstrip("_") == "match":
                    raise not_supported("MATCH_RECOGNIZE")
                if value and name.rstrip("_") not in parts:
                    raise _refused(f"{type(node).__name__} with {name.rstrip('_')}")
        if isinstance(node, exp.Join) and str(node.args.get("method") or "").upper() == "NATURAL":
            raise QueryFailed("NOT_SUPPORTED", "line 1:1: Natural join not supported")  # Trino's grammar alone has it
        if isinstance(node, exp.Join):
            for name, known in _JOINS.items():
                if (given := str(node.args.get(name) or "").upper()) and given not in known:
                    raise _refused(f"{given} JOIN")
        if isinstance(node, exp.Group) and node.args.get("all") and not node.expressions:
            raise _refused("GROUP BY ALL")
    _refuse_tokens(sql)


def _is_athenas(sample: exp.TableSample) -> bool:
    """Return whether this is ``TABLESAMPLE BERNOULLI (n)`` or ``SYSTEM (n)``, which Athena has."""
    plain = isinstance(sample.args.get("percent"), exp.Literal) and not sample.args.get("seed")
    return plain and str(sample.args.get("method") or "").upper() in {"BERNOULLI", "SYSTEM"}


def _refuse_tokens(sql: str) -> None:
    """Raise for syntax whose parsed tree is the same as that of Athena's own syntax."""
    tokens = Trino().tokenize(sql)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.token_type == TokenType.L_BRACE:
            line, column = sql.count("\n", 0, token.start) + 1, token.start - sql.rfind("\n", 0, token.start)
            raise QueryFailed("SYNTAX_ERROR", f"line {line}:{column}: mismatched input '{{'. Expecting: <expression>")
        if token.token_type == TokenType.DCOLON:
            raise _refused(":: for a cast")
        if token.token_type == TokenType.FROM and (before is None or before.token_type == TokenType.L_PAREN):
            raise _refused("FROM without SELECT")
        if token.token_type == TokenType.FROM and before is not None and before.token_type == TokenType.COMMA:
            raise _refused("a comma before FROM")
        if token.token_type == TokenType.OFFSET and _limited(tokens[: tokens.index(token)]):
            line, column = sql.count("\n", 0, token.start) + 1, token.start - sql.rfind("\n", 0, token.start)
            raise QueryFailed(
                "SYNTAX_ERROR",
                f"line {line}:{column}: mismatched input '{token.text}'. Expecting: <EOF> (OFFSET stands before LIMIT)",
            )
        if before is not None and before.token_type == token.token_type == TokenType.STRING:
            raise _refused("a text behind a text")
        beside = before is not None and before.token_type == TokenType.NUMBER and before.end + 1 == token.start
        if beside and before is not None and token.token_type in (TokenType.VAR, TokenType.NUMBER):
            raise _refused(f"the number {before.text}{token.text}")
        if token.token_type == TokenType.HEX_STRING and sql[token.start : token.start + 2].lower() == "0x":
            raise _refused(f"the number 0x{token.text}")
        if token.token_type in _OPERATORS or (token.token_type == TokenType.EQ and token.text == "=="):
            raise _refused(token.text)
        if token.token_type == TokenType.L_BRACKET and before is not None and before.token_type in _BEFORE_A_VALUE:
            raise _refused("[…] for an array")


def _limited(before: list[Token]) -> bool:
    """Return whether these words end with LIMIT and its number: sqlglot also takes OFFSET behind that."""
    plain = [token for token in before[-6:] if token.token_type not in (TokenType.L_PAREN, TokenType.R_PAREN)]
    number = plain and (plain[-1].token_type in (TokenType.NUMBER, TokenType.PLACEHOLDER, TokenType.ALL))
    return bool(number) and len(plain) > 1 and plain[-2].token_type == TokenType.LIMIT


def _refused(what: str) -> QueryFailed:
    return QueryFailed("SYNTAX_ERROR", f"line 1:1: {what} is no syntax of Athena's, though other engines have it")
