"""Letters as Java folds them: in texts of every language, where DuckDB folds some letters otherwise, or newer ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sluice.confined import literal
from sluice.decoding import json_decoder
from sluice.transforms.functions.signatures import Argument, Refused

#: What Java makes of each letter that DuckDB folds otherwise: upper, lower, and the first letter of a word.
LETTERS = Path(__file__).parent / "letters.json"
_decode = json_decoder(dict[str, dict[str, str]])
SIGMA, SMALL_SIGMA = "\u03a3", "\u03c3"
_BY_PLACE = (
    f"Java folds {SIGMA} by its place in the word, which DuckDB does not know; write "
    f"F.translate(column, '{SIGMA}', '{SMALL_SIGMA}') inside, or accept it by the function's name"
)


@cache
def _table(kind: str) -> dict[str, str]:
    return _decode(LETTERS.read_bytes())[kind]


def upper(given: list[Argument]) -> str:
    """Return what folds every letter up."""
    return _folded("upper", given[0].sql)


def lower(given: list[Argument]) -> str:
    """Return what folds every letter down; ``Refused`` where a capital sigma may be among them."""
    return _down(given[0], _folded("lower", given[0].sql))


def initcap(given: list[Argument]) -> str:
    """Return what folds the first letter of each word up, and the others down; ``Refused`` as ``lower``."""
    table = _table("title")
    first, rest = "substring(w, 1, 1)", "substring(w, 2)"
    found, made = "".join(table), "".join(table.values())
    # Java's chars are halves of the letters beyond 16 bits, which have no capital.
    other = f"regexp_matches(w, '^[{found}\\x{{10000}}-\\x{{10FFFF}}]')"
    word = f"CASE WHEN {other} THEN translate({first}, '{found}', '{made}') ELSE upper({first}) END || {rest}"
    down = _folded("lower", given[0].sql)
    return _down(given[0], f"array_to_string(list_transform(string_split({down}, ' '), lambda w: {word}), ' ')")


def _down(argument: Argument, sql: str) -> str:
    """Return ``sql``; ``Refused`` unless the text is a literal without a capital sigma, or translate took it away."""
    if argument.without_sigma or (argument.literal and SIGMA not in str(argument.value)):
        return sql
    raise Refused(_BY_PLACE, accepted=sql)


def _folded(name: str, of: str) -> str:
    table = _table(name)
    letters = f"regexp_extract_all({of}, '(?s).')"
    found, made = (literal("|".join(part)) for part in (table, table.values()))
    own = f"string_split({made}, '|')[list_position(string_split({found}, '|'), c)]"
    slow = f"array_to_string(list_transform({letters}, lambda c: coalesce({own}, {name}(c))), '')"
    return f"(CASE WHEN regexp_matches({of}, '[{''.join(table)}]') THEN {slow} ELSE {name}({of}) END)"
