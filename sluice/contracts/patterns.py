r"""A small grammar of the regular expressions that Arrow, DuckDB and Spark all read with the same meaning.

RE2 (Arrow, DuckDB) and Java (Spark) share most of their syntax but not all of its meaning. In Java ``$`` also matches
before a last line break, ``\s`` has one more character, ``.`` matches four fewer, and ``[a&&b]`` and ``[[:alpha:]]``
are other classes. Java also backtracks: ``^(a+)+$`` takes exponential time where RE2 takes linear time.

RE2: https://github.com/google/re2/wiki/Syntax Java:
https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

LONGEST, DEEPEST, MOST_REPEATS = 1_000, 10, 1_000
#: Most ways in which a pattern may match at one position of a text, with an open quantifier counted as ``_OPEN``.
_MOST_WAYS, _OPEN = 10**9, 1_000
_SPECIAL = frozenset("\\^$.|?*+()[]{}")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~")
_CONTROL = {"t": "\\t", "n": "\\n", "r": "\\r", "f": "\\f"}
#: What a class means in RE2, spelled out.
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": "\\t\\n\\f\\r "}
_COUNT = re.compile(r"\{([0-9]{1,4})(,([0-9]{1,4})?)?\}")
ALLOWED = (
    r"allowed: characters, \ before punctuation, \t \n \r \f \d \w \s \D \W \S, classes of characters and ranges, "
    r"., ^, $, |, (…), (?:…), and ?, *, +, {n}, {n,}, {n,m}"
)


def common_pattern(pattern: str) -> str:
    """Return ``pattern`` spelled so that Java matches as RE2 does; ``ValueError`` names the part that is refused."""
    if len(pattern) > LONGEST:
        raise ValueError(f"it has {len(pattern):,} characters; at most {LONGEST:,} are allowed")
    reader = _Reader(pattern)
    spelled, _ = reader.alternatives(0)
    if reader.at < len(pattern):
        raise reader.refused(reader.at, reader.at + 1)
    try:
        pc.match_substring_regex(pa.array([""]), spelled)
    except pa.ArrowInvalid as error:
        raise ValueError(f"RE2 refuses it: {str(error).partition(': ')[2] or error}") from error
    return spelled


class _Reader:
    """Reads a pattern from left to right; returns each part as it is spelled, and in how many ways it may match."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def refused(self, start: int, end: int, why: str = "") -> ValueError:
        """Return the ``ValueError`` for a part of the pattern; ``why`` says what is wrong with it."""
        part = self.pattern[start:end]
        return ValueError(f"{part!r} at character {start + 1} is not allowed: {why or ALLOWED}")

    def alternatives(self, depth: int) -> tuple[str, int]:
        """Return the alternatives that ``|`` separates, up to the group's end, and in how many ways they may match."""
        if depth > DEEPEST:
            raise self.refused(self.at - 1, self.at, f"groups are nested more than {DEEPEST} deep")
        spelled, ways = self._sequence(depth)
        while self._next() == "|":
            self.at += 1
            more, other = self._sequence(depth)
            spelled, ways = f"{spelled}|{more}", ways + other
        return spelled, ways

    def _sequence(self, depth: int) -> tuple[str, int]:
        start, spelled, ways = self.at, "", 1
        while self._next() not in ("", "|", ")"):
            part, more = self._repeated(depth)
            spelled, ways = spelled + part, ways * more
            if ways > _MOST_WAYS:
                raise self.refused(start, self.at, "it has too many open quantifiers, which Java tries in every way")
        if not spelled:
            raise self.refused(start, self.at + 1, "an alternative or a group is empty")
        return spelled, ways

    def _repeated(self, depth: int) -> tuple[str, int]:
        start = self.at
        spelled, ways = self._atom(depth)
        part_end, (least, most) = self.at, self._quantifier()
        if self.at == part_end:
            return spelled, ways
        if self.pattern[start] in "^$":
            raise self.refused(start, self.at, "an anchor cannot be repeated")
        if self._next() and self._next() in "?*+{":
            raise self.refused(start, self.at + 1, "one quantifier follows another")
        # Each repetition of a part that matches in several ways multiplies them: 1 to any power stays 1.
        repeats = _OPEN if most is None else most
        if ways > 1 and repeats > 1 and ways**repeats > _MOST_WAYS:
            raise self.refused(start, self.at, "a quantifier repeats what may match in several ways")
        choices = _OPEN if most is None else most - least + 1
        return spelled + self.pattern[part_end : self.at], choices * ways**repeats

    def _quantifier(self) -> tuple[int, int | None]:
        sign = self._next()
        if sign and sign in "?*+":
            self.at += 1
            return int(sign == "+"), 1 if sign == "?" else None
        if sign != "{":
            return 1, 1
        found = _COUNT.match(self.pattern, self.at)
        if found is None:
            raise self.refused(self.at, self.at + 1)
        least = int(found[1])
        most = least if not found[2] else int(found[3]) if found[3] else None
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            raise self.refused(self.at, found.end(), f"a part is repeated up to {MOST_REPEATS:,} times, least first")
        self.at = found.end()
        return least, most

    def _atom(self, depth: int) -> tuple[str, int]:
        start, sign = self.at, self._next()
        self.at += 1
        if sign == "(":
            return self._group(start, depth)
        if sign == "[":
            return self._class(start), 1
        if sign == "\\":
            escaped, kind = self._escape()
            if not kind:
                return escaped, 1
            return f"[{'^' if kind.isupper() else ''}{_CLASSES[kind.lower()]}]", 1
        if sign in ("^", ".", "$"):
            return {"^": "^", ".": "[^\\n]", "$": "\\z"}[sign], 1
        if sign in _SPECIAL or not sign.isprintable():
            raise self.refused(start, self.at)
        return sign, 1

    def _group(self, start: int, depth: int) -> tuple[str, int]:
        if self._next() == "?":
            if not self.pattern.startswith("?:", self.at):
                raise self.refused(start, self.at + 2)
            self.at += 2
        spelled, ways = self.alternatives(depth + 1)
        if self._next() != ")":
            raise self.refused(start, self.at, "the group has no end")
        self.at += 1
        return f"(?:{spelled})", ways

    def _escape(self) -> tuple[str, str]:
        r"""Return the character that an escape stands for, or the letter of the class that it names (``\d``)."""
        letter = self._next()
        self.at += 1
        if letter and letter in _PUNCTUATION:
            return f"\\{letter}", ""
        if letter in _CONTROL:
            return _CONTROL[letter], ""
        if letter and letter.lower() in _CLASSES and letter.isascii():
            return "", letter
        raise self.refused(self.at - 2, self.at)

    def _class(self, start: int) -> str:
        spelled = "["
        if self._next() == "^":
            self.at += 1
            spelled += "^"
        first = self.at
        while self._next() != "]":
            spelled += self._member(first)
        if self.at == first:
            raise self.refused(start, self.at + 1, "a class is not empty, and ] in it is written \\]")
        self.at += 1
        return spelled + "]"

    def _member(self, first: int) -> str:
        start = self.at
        low, kind = self._character(first)
        if self._next() != "-" or self.pattern.startswith("-]", self.at):
            return low
        self.at += 1
        high, other = self._character(first)
        if kind or other or _value(low) > _value(high):
            raise self.refused(start, self.at, "a range is of two characters, the lesser first")
        return f"{low}-{high}"

    def _character(self, first: int) -> tuple[str, str]:
        r"""Return one character inside a class as it is spelled there, or what an escaped class (``\d``) stands for."""
        start, sign = self.at, self._next()
        self.at += 1
        if sign == "\\":
            escaped, kind = self._escape()
            if kind.isupper():
                raise self.refused(start, self.at, "in a class only \\d, \\w and \\s stand for others")
            return escaped or _CLASSES[kind], kind
        if sign == "-" and start != first and self._next() != "]":
            raise self.refused(start, self.at, "in a class - is the first or the last, or written \\-")
        # Java reads [ and && in a class as more classes, RE2 as characters.
        if not sign or sign == "[" or not sign.isprintable():
            raise self.refused(start, self.at, "a class ends with ], and [ in it is written \\[")
        return f"\\{sign}" if sign in "&^-~" else sign, ""

    def _next(self) -> str:
        return self.pattern[self.at : self.at + 1]


def _value(spelled: str) -> int:
    """Return the code point of a character as it is spelled in a class."""
    plain = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\f": "\f"}.get(spelled, spelled[-1])
    return ord(plain)
