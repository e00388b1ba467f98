"""Reads a statement word by word: Hive's words for what defines tables, Trino's for what reads and changes rows.

SQLGlot reads the words; what is beyond one statement's outer form, its queries and conditions, is cut out as text and
becomes a tree where it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, NoReturn, TypeVar

from sqlglot.dialects.hive import Hive
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from localaws.athena import reserved
from localaws.athena.errors import QueryFailed, place
from localaws.athena.statements.kinds import Name

T = TypeVar("T")
#: The one catalog of a laptop; a name of three parts may begin with it.
CATALOG = "awsdatacatalog"
_QUOTED = (TokenType.STRING, TokenType.IDENTIFIER)
_OPENING = {TokenType.L_PAREN: 1, TokenType.L_BRACKET: 1, TokenType.R_PAREN: -1, TokenType.R_BRACKET: -1}


class _HiveWords(Hive):
    """Hive's words; none takes the rest of the text with it, as commands do in SQLGlot."""

    class Tokenizer(Hive.Tokenizer):
        """Hive's, without commands."""

        COMMANDS: ClassVar[set[TokenType]] = set()


class _TrinoWords(Trino):
    """Trino's words, without commands."""

    class Tokenizer(Trino.Tokenizer):
        """Trino's, without commands."""

        COMMANDS: ClassVar[set[TokenType]] = set()


# SQLGlot keeps each dialect by its name, for texts that name one; nobody asks for these so.
for _dialect in (_HiveWords, _TrinoWords):
    type(_dialect)._classes.pop(_dialect.__name__.lower())


class Words:
    """The words of one statement, and the place up to which they are read."""

    def __init__(self, sql: str, *, hive: bool) -> None:
        self.sql, self.hive = sql, hive
        try:
            found = (_HiveWords if hive else _TrinoWords)().tokenize(sql)
        except SqlglotError as error:
            raise QueryFailed("SYNTAX_ERROR", f"line 1:1: {str(error).splitlines()[0]}") from None
        while found and found[-1].token_type == TokenType.SEMICOLON:
            found.pop()
        self._tokens = [word for token in found for word in self._single(token)]
        self._at = 0

    def _single(self, token: Token) -> list[Token]:
        """Return one token a word: SQLGlot has some of two, such as ``PARTITIONED BY``."""
        written = self.sql[token.start : token.end + 1]
        if token.token_type in _QUOTED or not any(letter.isspace() for letter in written):
            return [token]
        return [
            Token(TokenType.VAR, word[0], start=token.start + word.start(), end=token.start + word.end() - 1)
            for word in re.finditer(r"\S+", written)
        ]

    @property
    def here(self) -> Token | None:
        """Return the next word, None at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def fail(self, expecting: str = "") -> NoReturn:
        """Raise SYNTAX_ERROR at the next word."""
        token = self.here
        wanted = f". Expecting: {expecting}" if expecting else ""
        if token is None:
            last = self._tokens[-1].end + 1 if self._tokens else 0
            raise QueryFailed("SYNTAX_ERROR", f"{place(self.sql, last)}: mismatched input '<EOF>'{wanted}")
        written = self.sql[token.start : token.end + 1]
        raise QueryFailed("SYNTAX_ERROR", f"{place(self.sql, token.start)}: mismatched input '{written[:80]}'{wanted}")

    def position(self) -> str:
        """Return ``line 1:8`` of the next word."""
        return place(self.sql, self.here.start if self.here else len(self.sql))

    def looks(self, *words: str) -> bool:
        """Return whether the next words are these, in any case."""
        following = self._tokens[self._at : self._at + len(words)]
        return len(following) == len(words) and all(
            token.token_type not in _QUOTED and token.text.upper() == word
            for token, word in zip(following, words, strict=True)
        )

    def calls(self) -> bool:
        """Return whether there is a bracket behind the next word, as behind a function's name."""
        following = self._tokens[self._at + 1 : self._at + 2]
        return bool(following) and following[0].token_type == TokenType.L_PAREN

    def take(self, *words: str) -> bool:
        """Read these words if they are the next; return whether they were."""
        if self.looks(*words):
            self._at += len(words)
            return True
        return False

    def need(self, *words: str) -> None:
        """Read these words; raise where others stand."""
        for word in words:
            if not self.take(word):
                self.fail(f"'{word}'")

    def end(self) -> None:
        """Raise unless all is read."""
        if self.here is not None:
            self.fail("<EOF>")

    def identifier(self) -> str:
        """Read a name, in small letters: in the marks of its grammar, or plain where it is no reserved word."""
        token = self.here
        words = reserved.DDL if self.hive else reserved.QUERY
        if token is not None and token.token_type not in _QUOTED and token.text.upper() in words:
            self.fail("identifier")
        return self.word()

    def word(self) -> str:
        """Read a word, in small letters: a name, or any other."""
        token = self.here
        if token is None or token.token_type in (TokenType.STRING, TokenType.NUMBER):
            self.fail("identifier")
        if token.token_type != TokenType.IDENTIFIER and not token.text.replace("_", "a").replace("$", "a").isalnum():
            self.fail("identifier")
        self._at += 1
        return token.text.lower()

    def skip_name(self) -> None:
        """Read a name of parts, whichever words they are: in which grammar it stands is not known yet."""
        self.word()
        while self.take("."):
            self.word()

    def name(self) -> Name:
        """Read a name of one, two or three parts; ``CATALOG_NOT_FOUND`` for a catalog that is not the Glue catalog."""
        place = self.position()
        parts = [self.identifier()]
        while self.take("."):
            parts.append(self.identifier())
        if len(parts) > 3:
            raise QueryFailed("SYNTAX_ERROR", f"{place}: Too many dots in table name: {'.'.join(parts)}")
        if len(parts) == 3 and parts[0] != CATALOG:
            raise QueryFailed("CATALOG_NOT_FOUND", f"{place}: Catalog '{parts[0]}' does not exist")
        return Name(parts[-1], parts[-2] if len(parts) > 1 else "")

    def string(self) -> str:
        """Read a text in quotes."""
        token = self.here
        if token is None or token.token_type != TokenType.STRING:
            self.fail("string")
        self._at += 1
        return token.text

    def literal(self) -> str:
        """Read a text in quotes or a number, as text."""
        token = self.here
        if token is not None and token.token_type == TokenType.NUMBER:
            self._at += 1
            return token.text
        if self.take("-"):
            return f"-{self.integer()}"
        return self.string()

    def integer(self) -> int:
        """Read a whole number."""
        token = self.here
        if token is None or not token.text.isdecimal():
            self.fail("integer")
        self._at += 1
        return int(token.text)

    def listed(self, read: Callable[[], T]) -> tuple[T, ...]:
        """Read ``(one, two, …)``."""
        self.need("(")
        found = [read()]
        while self.take(","):
            found.append(read())
        self.need(")")
        return tuple(found)

    def properties(self) -> dict[str, str]:
        """Read ``('name' = 'value', …)``, as Hive's statements have it."""

        def one() -> tuple[str, str]:
            key = self.string()
            self.need("=")
            return key, self.string()

        return dict(self.listed(one))

    def type_text(self) -> str:
        """Read a type as Hive writes it, such as ``struct<a:int,b:array<string>>``, without blanks."""
        depth, found = 0, ""
        while (token := self.here) is not None:
            if depth == 0 and found and token.text not in ("<", "("):
                break
            if token.token_type == TokenType.STRING:
                self.fail("type")
            depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(token.text, 0)
            if depth < 0 or (not found and not token.text.isidentifier()):
                break
            found += token.text if token.token_type == TokenType.IDENTIFIER else token.text.lower()
            self._at += 1
        if not found or depth:
            self.fail("type")
        return found

    def inside(self) -> str:
        """Read ``(…)`` and return the text between the brackets."""
        self.need("(")
        start, depth = self._at, 1
        while (token := self.here) is not None:
            depth += _OPENING.get(token.token_type, 0)
            if depth == 0:
                break
            self._at += 1
        text = self._between(start, self._at)
        self.need(")")
        return text

    def rest(self, *, until: Callable[[], bool] = lambda: False) -> str:
        """Read up to the end, or up to where ``until`` holds outside of brackets, and return the text."""
        start, depth = self._at, 0
        while (token := self.here) is not None and not (depth == 0 and until()):
            depth += _OPENING.get(token.token_type, 0)
            self._at += 1
        if start == self._at:
            self.fail("query")
        return self._between(start, self._at)

    def _between(self, start: int, end: int) -> str:
        if start >= end:
            self.fail("query")
        return self.sql[self._tokens[start].start : self._tokens[end - 1].end + 1]

    def ends_with(self, *words: str) -> bool:
        """Return whether the next words are these and the last."""
        return self._at + len(words) == len(self._tokens) and self.looks(*words)
