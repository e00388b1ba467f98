"""Refuses words whose parsed tree is the same as that of Athena's own: what stands beside what tells them apart."""

from __future__ import annotations

from typing import Final

from sqlglot.dialects.trino import Trino
from sqlglot.tokenizer_core import Token, TokenType

from localaws.athena.errors import QueryFailed, place

#: The signs of Athena's grammar.
_SIGNS: Final = frozenset(
    {"=", "<>", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||", "(", ")", "[", "]", ",", ".", ";", ":", "?",
     "->", "=>"}
)  # fmt: skip
#: Behind these a bracket is no subscript, nor an array's that begins with ARRAY.
_BEFORE_A_VALUE: Final = {
    TokenType.SELECT, TokenType.COMMA, TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.DISTINCT, TokenType.EQ,
    TokenType.THEN, TokenType.ELSE, TokenType.WHEN, TokenType.DPIPE, TokenType.IN,
}  # fmt: skip
_TEXTS: Final = {
    TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING, TokenType.HEREDOC_STRING,
    TokenType.BIT_STRING,
}  # fmt: skip
#: What ends a value, so that NOT NULL behind it is no value.
_ENDS: Final = {
    TokenType.VAR, TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.STRING, TokenType.R_PAREN, TokenType.R_BRACKET,
    TokenType.NULL, TokenType.TRUE, TokenType.FALSE,
}  # fmt: skip
#: Two words that never stand side by side in Athena's grammar.
_PAIRS: Final = frozenset(
    {(",", ")"), (",", "]"), (",", "FROM"), ("END", "CASE"), ("WITH", "OFFSET"), ("BETWEEN", "ASYMMETRIC"),
     ("AS", "NOT"), ("IS", "UNKNOWN"), ("VARCHAR", "FORMAT")}
)  # fmt: skip
_FILTERED: Final = [TokenType.R_PAREN, TokenType.FILTER, TokenType.L_PAREN]
_LIMITED: Final = (TokenType.LIMIT, TokenType.NUMBER, TokenType.COMMA)
_QUOTED: Final = {TokenType.STRING, TokenType.IDENTIFIER}


def refuse_words(sql: str) -> None:
    """Raise SYNTAX_ERROR for words or signs that no query of Athena has."""
    tokens = Trino().tokenize(sql)
    opened: list[int] = []
    closed = 0  # what was opened and is closed by the word before
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        behind = tokens[index + 1] if index + 1 < len(tokens) else None
        _refuse_word(token, sql)
        if token.token_type == TokenType.FROM:
            in_with = (
                before is not None and before.token_type == TokenType.R_PAREN and _is(tokens[closed + 1], "SELECT")
            )
            if before is None or before.token_type == TokenType.L_PAREN or (in_with and _is(tokens[closed - 1], "AS")):
                raise refused("FROM without SELECT")
        if token.token_type == TokenType.L_PAREN:
            opened.append(index)
        elif token.token_type == TokenType.R_PAREN and opened:
            closed = opened.pop()
        if token.token_type == TokenType.OFFSET and _limited(tokens[:index]):
            raise QueryFailed(
                "SYNTAX_ERROR",
                f"{place(sql, token.start)}: mismatched input '{token.text}'. "
                "Expecting: <EOF> (OFFSET stands before LIMIT)",
            )
        if before is not None:
            _refuse_beside(before, token, behind)
        words = tokens[max(0, index - 3) : index + 1]
        if [word.token_type for word in words[:3]] == _FILTERED and words[3:] and not _is(words[3], "WHERE"):
            raise refused("FILTER without WHERE")
    if tokens and tokens[-1].token_type == TokenType.COMMA:
        raise refused("a comma at the end")


def refused(what: str) -> QueryFailed:
    """Return the error for syntax that only other engines have."""
    return QueryFailed("SYNTAX_ERROR", f"line 1:1: {what} is no syntax of Athena's, though other engines have it")


def _refuse_word(token: Token, sql: str) -> None:
    if token.token_type in _TEXTS:
        raise refused(f"the text {sql[token.start : token.end + 1]}")
    if token.token_type == TokenType.HEX_STRING and sql[token.start : token.start + 2].lower() == "0x":
        raise refused(f"the number 0x{token.text}")
    if token.token_type == TokenType.L_BRACE:
        raise QueryFailed("SYNTAX_ERROR", f"{place(sql, token.start)}: mismatched input '{{'. Expecting: <expression>")
    if token.token_type == TokenType.DCOLON:
        raise refused(":: for a cast")
    # A quoted text may hold anything.
    quoted = sql[token.start : token.start + 1] in ("'", '"') or sql[token.start + 1 : token.start + 2] in ("'", "&")
    sign = token.text and not any(letter.isalnum() or letter in "_$" for letter in token.text)
    if sign and not quoted and token.text not in _SIGNS:
        raise refused(token.text)
    if token.token_type == TokenType.RLIKE:
        raise refused(token.text)


def _refuse_beside(before: Token, token: Token, behind: Token | None) -> None:
    plain = before.token_type not in _QUOTED and token.token_type not in _QUOTED
    if plain and (before.text.upper(), token.text.upper()) in _PAIRS:
        raise refused("a comma before FROM" if token.text.upper() == "FROM" else f"{before.text} {token.text}")
    if before.token_type == TokenType.STRING and token.token_type == TokenType.STRING:
        raise refused("a text behind a text")
    if before.token_type == TokenType.ALIAS and token.token_type == TokenType.STRING:
        raise refused("a text for a name")
    beside = before.token_type == TokenType.NUMBER and before.end + 1 == token.start
    if beside and token.token_type in (TokenType.VAR, TokenType.NUMBER):
        raise refused(f"the number {before.text}{token.text}")
    if token.token_type == TokenType.L_BRACKET and before.token_type in _BEFORE_A_VALUE:
        raise refused("[…] for an array")
    if behind is None:
        return
    if (before.token_type, token.token_type, behind.token_type) == _LIMITED:
        raise refused("LIMIT with a comma")
    if before.token_type in _ENDS and token.token_type == TokenType.NOT and behind.token_type == TokenType.NULL:
        raise refused("NOT NULL behind a value")
    treated = (_is(token, "IGNORE") or _is(token, "RESPECT")) and _is(behind, "NULLS")
    if treated and before.token_type != TokenType.R_PAREN:
        raise refused(f"{token.text} NULLS inside of a call")


def _is(token: Token, word: str) -> bool:
    return token.token_type not in _QUOTED and token.text.upper() == word


def _limited(before: list[Token]) -> bool:
    """Return whether these words end with LIMIT and its number: sqlglot also takes OFFSET behind that."""
    plain = [token for token in before[-6:] if token.token_type not in (TokenType.L_PAREN, TokenType.R_PAREN)]
    number = plain and (plain[-1].token_type in (TokenType.NUMBER, TokenType.PLACEHOLDER, TokenType.ALL))
    return bool(number) and len(plain) > 1 and plain[-2].token_type == TokenType.LIMIT
