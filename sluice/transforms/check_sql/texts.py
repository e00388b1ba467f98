"""Athena's functions of texts, composed of proven calls. https://trino.io/docs/current/functions/string.html"""

from __future__ import annotations

from sluice.confined import literal
from sluice.transforms.check_sql.both import Both, cast, proven, text, whole
from sluice.transforms.check_sql.numbers import calculated, chosen, divided, is_null
from sluice.transforms.functions.signatures import Refused

#: What Athena's trim takes away: Java's white space. On either engine trim takes away the space alone.
WHITE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a"
    "\u2028\u2029\u205f\u3000"
)
_SIDES = {
    "": ("trim", "BOTH"),
    "BOTH": ("trim", "BOTH"),
    "LEADING": ("ltrim", "LEADING"),
    "TRAILING": ("rtrim", "TRAILING"),
}


def _refuse_others(*given: Both) -> None:
    for each in given:
        if each.type not in ("string", "void"):
            raise Refused(f"{each.type} is no text; cast it to varchar")


def _literal(given: Both, name: str) -> str:
    if not given.literal or not isinstance(given.value, str) or given.type != "string":
        raise Refused(f"{name} is a text that stands in the query")
    return given.value


def _number(given: Both, name: str) -> int:
    if not given.literal or not isinstance(given.value, int) or isinstance(given.value, bool):
        raise Refused(f"{name} is a whole number that stands in the query")
    return given.value


def called(name: str, *given: Both) -> Both:
    """Return a proven function of texts alone."""
    _refuse_others(*given)
    return proven(name, *given)


def joined(*given: Both) -> Both:
    """Return texts one behind the other; NULL where one is NULL."""
    return called("concat", *given)


def joined_by(mark: Both, *given: Both) -> Both:
    """Return texts with a mark between them, without those that are NULL."""
    _literal(mark, "the mark")
    return called("concat_ws", mark, *given)


def length(given: Both) -> Both:
    """Return the number of letters."""
    return cast(called("length", given), "bigint")


def part(given: Both, start: Both, size: Both | None = None) -> Both:
    """Return a part of a text: empty where it starts at 0, or before the first letter, as in Athena."""
    _refuse_others(given)
    at = _number(start, "where the part starts")
    if size is not None and size.type == "bigint":
        size = cast(size, "int")
    sized = [size] if size else []
    empty = proven("substring", given, whole(1), whole(0))
    if at == 0:
        return empty
    made = proven("substring", given, start, *sized)
    if at > 0:
        return made
    return chosen(proven(">=", proven("length", given), whole(-at)), made, chosen(_present(given), empty))


def _present(given: Both) -> Both:
    return proven("not", is_null(given))


def position(given: Both, sought: Both) -> Both:
    """Return the place of the first letter of what is sought, from 1; 0 where it is not in the text."""
    _refuse_others(given, sought)
    return cast(proven("instr", given, sought), "bigint")


def replaced(given: Both, old: Both, new: Both) -> Both:
    """Return the text with each of one part replaced by another."""
    if not _literal(old, "what is replaced"):
        raise Refused("what is replaced is not the empty text")
    return called("replace", given, old, new)


def part_between(given: Both, mark: Both, place: Both) -> Both:
    """Return one of the parts between marks; NULL where there are fewer, as in Athena."""
    _refuse_others(given)
    sign, number = _literal(mark, "the mark"), _number(place, "the place of the part")
    if not sign or number < 1:
        raise Refused("the mark is not empty, and places begin at 1")
    without = proven("length", proven("replace", given, mark, text("")))
    marks = divided(calculated("-", proven("length", given), without), whole(len(sign)))
    enough = proven(">=", marks, whole(number - 1))
    return chosen(enough, proven("split_part", given, mark, place))


def trimmed(given: Both, side: str, letters: Both | None = None) -> Both:
    """Return the text without white space, or the given letters, at one end or both."""
    _refuse_others(given)
    away = WHITE if letters is None else _literal(letters, "what is trimmed")
    duckdb, spark = _SIDES[side]
    return Both(
        f"{duckdb}({given.duckdb}, {literal(away)})", f"trim({spark} {text(away).spark} FROM {given.spark})", "string"
    )


def matches(given: Both, pattern: Both) -> Both:
    """Return whether a pattern is found; it is one of ``sluice.contracts.patterns``, which both engines read alike."""
    _refuse_others(given)
    _literal(pattern, "the pattern")
    return Both(
        f"regexp_matches({given.duckdb}, {pattern.duckdb})", f"({given.spark} RLIKE {pattern.spark})", "boolean"
    )


def like(given: Both, pattern: Both, escape: str = "") -> Both:
    """Return whether the whole text is like a pattern of % and _, in which only a stated letter escapes them."""
    _refuse_others(given)
    letters, made = iter(_literal(pattern, "the pattern of LIKE")), ""
    if len(escape) > 1:
        raise Refused("ESCAPE is one letter")
    for letter in letters:
        if letter == escape:
            following = next(letters, "")
            if following not in ("%", "_", escape) or not following:
                raise Refused("the escape of LIKE stands before %, _ or itself")
            made += f"\\{following}" if following in "%_\\" else following
        else:
            made += "\\\\" if letter == "\\" else letter
    spelled = text(made)
    return Both(
        f"({given.duckdb} LIKE {spelled.duckdb} ESCAPE '\\')", f"({given.spark} LIKE {spelled.spark})", "boolean"
    )


def reversed_text(given: Both) -> Both:
    """Return the letters from the last to the first."""
    return called("reverse", given)
