"""Regular expressions as Java reads them, spelled for RE2; what only one of both can say is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from sluice.transforms.functions.signatures import Argument, Refused

#: What Java's ``.`` does not match, and what may stand after its ``$``.
#: https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html#lt
_LINE_ENDS = r"\n\r\x{85}\x{2028}\x{2029}"
_BEFORE_END = r"(?:(?:\r\n|[" + _LINE_ENDS + r"])?\z)"
_SPACES = r" \t\n\x0B\f\r"
#: A part of a pattern with one meaning: a class, an escape, a group's ends, a quantifier after something, a character.
_PART = re.compile(
    r"\[(?:\^|(?!\^))(?:\\[\]\[\\^.|?*+(){}$/-]|\\[dwsDWtnrf]|(?!&&)[^\]\[\\])+\]|\\[dwsDWStnrf]|\\[^A-Za-z0-9\s]|\(\?:|\((?!\?)|\)"
    r"|(?<=[^(|^])(?:[?*+]|\{\d{1,3}(?:,\d{0,3})?\})\??(?![?*+{])|[|^$.]|[^\\\[\](){}?*+|^$.]"
)
_RANGE_OF_MANY = re.compile(r"\\[dwsDW]-(?!\])|-\\[dwsDW]")
_ALLOWED = "allowed are characters, classes, groups, |, ^, $ (in rlike), . and the quantifiers ?, *, +, {n,m}"
_INSTEAD = "use a pattern of literal characters, classes and quantifiers that matches no empty text"

_WITHOUT_END = "use F.when(text.rlike('…$'), …) with the same pattern, without its $, inside"


def pattern_of(argument: Argument, *, finds_only: bool = False) -> str:
    """Return a literal pattern, in Java's meaning, as RE2 reads it; ``Refused`` for any other.

    Where a call uses what is matched, ``$`` and a match of nothing are refused: the engines go on at other places.
    """
    if not argument.literal or not isinstance(argument.value, str):
        raise Refused("the pattern must be a literal text")
    pattern = argument.value
    _refuse_uncommon(pattern)
    spelled = _spelled(pattern, finds_only=finds_only)
    if _matches_nothing(spelled) and not finds_only:
        raise Refused(f"the pattern matches an empty text, where the engines go on differently; {_INSTEAD}")
    return spelled


def _parts(pattern: str) -> Iterator[str]:
    """Yield the parts of a pattern; ``Refused`` at one that the engines may read differently."""
    place = 0
    while place < len(pattern):
        found = _PART.match(pattern, place)
        if found is None:
            raise Refused(f"{pattern[place:]!r} in the pattern may be read differently by the engines; {_ALLOWED}")
        if found[0][0] == "[" and _RANGE_OF_MANY.search(found[0]):
            raise Refused(f"{found[0]!r} has a range from or to several characters; {_ALLOWED}")
        yield found[0]
        place = found.end()


def _refuse_uncommon(pattern: str) -> None:
    """Refuse what RE2 and Java do not both have, or read differently."""
    opened: list[int] = []
    place, ends = 0, False
    for part in _parts(pattern):
        if ends and part not in (")", "|"):
            raise Refused("what stands after $ is searched behind it by one engine, and never found by the other")
        ends = part == "$" or (part == ")" and bool(opened) and "$" in _parts(pattern[opened[-1] : place]))
        place += len(part)
        if part in ("(", "(?:"):
            opened.append(place)
        elif part == ")":
            if not opened:
                raise Refused("the pattern closes a group that it does not open")
            inside = pattern[opened.pop() : place - 1]
            if pattern[place : place + 1] in ("*", "+", "{", "?") and _matches_nothing(
                _spelled(inside, finds_only=True)
            ):
                raise Refused(
                    f"the repeated group {inside!r} may match an empty text, where the engines stop elsewhere"
                )
    if opened:
        raise Refused("the pattern opens a group that it does not close")


def _matches_nothing(pattern: str) -> bool:
    """Return whether a pattern, for RE2, finds something in an empty text; ``Refused`` for what RE2 does not read."""
    try:
        return bool(pc.match_substring_regex(pa.array([""]), pattern)[0].as_py())
    except pa.ArrowInvalid as error:
        raise Refused(f"RE2 refuses the pattern: {error}") from None


def _spelled(pattern: str, *, finds_only: bool) -> str:
    made, place, inside = [], 0, False
    while place < len(pattern):
        letter = pattern[place]
        pair = pattern[place : place + 2]
        step = 2 if letter == "\\" else 1
        if pair == "\\s":
            made.append(_SPACES if inside else f"[{_SPACES}]")
        elif pair == "\\S" and not inside:
            made.append(f"[^{_SPACES}]")
        elif letter == "\\":
            made.append(pair)
        elif letter in "[]":
            inside = letter == "["
            made.append(letter)
        elif letter == "." and not inside:
            made.append(f"[^{_LINE_ENDS}]")
        elif letter == "$" and not inside:
            if not finds_only:
                raise Refused(f"Java's $ matches before a last line break, too; {_WITHOUT_END}")
            made.append(_BEFORE_END)
        else:
            made.append(letter)
        place += step
    return "".join(made)


def groups_of(argument: Argument) -> int:
    """Return how many groups a pattern captures; ``Refused`` for one that is not allowed."""
    return sum(part == "(" for part in _parts(str(argument.value)))


def replacement_of(argument: Argument, groups: int) -> str:
    r"""Return a literal replacement as RE2 reads it, where Java writes ``$1`` for a group and ``\`` before a sign."""
    if not argument.literal or not isinstance(argument.value, str):
        raise Refused("the replacement must be a literal text")
    made, place, text = [], 0, argument.value
    while place < len(text):
        letter, after = text[place], text[place + 1 : place + 2]
        if letter == "\\":
            if not after:
                raise Refused("the replacement ends in a backslash, which is an error on Spark")
            made.append("\\\\" if after == "\\" else after)
            place += 2
        elif letter == "$":
            if not after.isdigit() or int(after) > groups or text[place + 2 : place + 3].isdigit():
                raise Refused("a $ must be followed by one digit, the number of a group; write \\$ for the sign itself")
            made.append(f"\\{after}")
            place += 2
        else:
            made.append(letter)
            place += 1
    return "".join(made)
