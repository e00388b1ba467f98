"""Regular expressions as Java reads them, spelled for RE2; what only one of both can say is refused."""

from __future__ import annotations

import re

from sluice.contracts.patterns import common_pattern
from sluice.transforms.functions.signatures import Argument, Refused

#: What Java's ``.`` does not match, and what may stand after its ``$``.
#: https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html#lt
_LINE_ENDS = r"\n\r\x{85}\x{2028}\x{2029}"
_BEFORE_END = r"(?:(?:\r\n|[" + _LINE_ENDS + r"])?\z)"
_SPACES = r" \t\n\x0B\f\r"
_INSTEAD = "use a pattern of literal characters, classes and quantifiers that matches no empty text"


def pattern_of(argument: Argument, *, finds_only: bool = False) -> str:
    """Return a literal pattern, in Java's meaning, as RE2 reads it; ``Refused`` for any other.

    Where a call uses what is matched, ``$`` and a match of nothing are refused: the engines go on at other places.
    """
    if not argument.literal or not isinstance(argument.value, str):
        raise Refused("the pattern must be a literal text")
    pattern = argument.value
    try:
        common_pattern(pattern)
    except ValueError as error:
        raise Refused(f"the engines may read the pattern differently: {error}") from None
    spelled = _spelled(pattern, finds_only=finds_only)
    if not finds_only and re.search(spelled.replace(r"\z", r"\Z").replace("x{", "x").replace("}", ""), "") is not None:
        raise Refused(f"the pattern matches an empty text, where the engines go on differently; {_INSTEAD}")
    return spelled


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
                raise Refused(f"Java's $ matches before a last line break, too; {_INSTEAD}")
            made.append(_BEFORE_END)
        else:
            made.append(letter)
        place += step
    return "".join(made)


def groups_of(argument: Argument) -> int:
    """Return how many groups a pattern captures."""
    return len(re.findall(r"(?<!\\)\((?!\?)", str(argument.value)))


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
