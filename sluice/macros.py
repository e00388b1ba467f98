r"""Macros of DuckDB that compiled SQL calls: what Java makes of texts, where DuckDB makes something else.

Every connection that ``sluice.confined`` opens has them, or those that its SQL calls. SQL that calls one holds each
argument once, however often the macro looks at it, and is short. Declared SQL of contracts cannot call them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from sluice.decoding import json_decoder

#: What Java makes of each letter that DuckDB folds otherwise: upper, lower, and the first letter of a word. And the
#: classes by which Java finds words, in which it looks for the last letter.
LETTERS = Path(__file__).parent / "letters.json"
_decode = json_decoder(dict[str, dict[str, str]])
SIGMA, LAST_SIGMA = "\u03a3", "\u03c2"
#: What Java's trim of a text that becomes a number takes away: everything up to the space, and control characters.
_BARE = r"regexp_replace(s, '^[\x00-\x20\x7f-\x{9f}]+|[\x00-\x20\x7f-\x{9f}]+$', '', 'g')"
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
#: Java reads the digits of every script as digits. https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/math/BigDecimal.html
_DIGITS = "".join(chr(n) for n in range(128, 0xFFFF) if unicodedata.category(chr(n)) == "Nd")
_PLAIN_DIGITS = "".join(str(unicodedata.digit(each)) for each in _DIGITS)
_DATE = r"'^([+-]?[0-9]{4,7})(?:-([0-9]{1,2})(?:-([0-9]{1,2})(?:[ T].*)?)?)?$'"
_TRUE, _FALSE = "('t', 'true', 'y', 'yes', '1')", "('f', 'false', 'n', 'no', '0')"
#: A word, which holds letters, and marks between two of them, and a number, as Java's BreakIterator finds them; words
#: and numbers run together. https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/text/BreakIterator.html
#: Signs that only tell how to show others are ignored wherever they stand.
_LETTERS = "(?:[<letter>][<mark><ignored>]*)+"
_WORD = f"{_LETTERS}(?:[<within>][<ignored>]*{_LETTERS})*(?:[<end>][<ignored>]*)?"
_COUNT = "(?:[<digit>][<mark><ignored>]*)+(?:[<between>][<ignored>]*(?:[<digit>][<mark><ignored>]*)+)*"
_RUN = f"(?s)(?:{_WORD})(?:{_COUNT}{_WORD})*(?:{_COUNT})?|{_COUNT}(?:{_WORD}{_COUNT})*(?:{_WORD})?|.[<ignored>]*"
#: A capital sigma is the last cased letter of its word, and not the only one.
_LAST = f"^((?s:.*)[<cased>](?s:.*)){SIGMA}([^<cased>]*)$"


_CALL = re.compile(r"\bsluice_\w+(?=\()")


def macros(texts: Iterable[str] | None = None) -> str:
    """Return the statements that define the macros which the SQL ``texts`` call, or every macro.

    DuckDB takes 20 ms to define all of them, since their letters are long: a quarter of what a small table takes.
    """
    bodies = _bodies()
    called = set(bodies)
    if texts is not None:
        called, waiting = set(), list(texts)
        while waiting:
            new = {name for name in _CALL.findall(waiting.pop()) if name in bodies} - called
            waiting += [bodies[name] for name in new]
            called |= new
    return "; ".join(f"CREATE MACRO {name}(s) AS {body}" for name, body in bodies.items() if name in called)


@cache
def _bodies() -> Mapping[str, str]:
    """Return the SQL of each macro, whose argument is ``s``."""
    tables = _decode(LETTERS.read_bytes())
    return {
        "sluice_upper": _folded("upper", tables["upper"]),
        "sluice_lower": _lower(tables),
        "sluice_initcap": _initcap(tables["title"]),
        "sluice_bare": _BARE,
        "sluice_number": _of("sluice_bare(s)", _number(f"WHEN {_FOREIGN} THEN {_of(_READ, _number())}")),
        "sluice_whole": _whole(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]*)"),
        "sluice_strictly_whole": _whole("[+-]?[0-9]+"),
        "sluice_date": f"CASE WHEN s GLOB '{_ISO_DAY}' THEN TRY_CAST(s AS DATE) ELSE {_of(_FOUND, _DAY)} END",
        "sluice_boolean": _of("lower(sluice_bare(s))", _BOOLEAN),
    }  # fmt: skip


_FOREIGN = f"strlen(x) > length(x) AND regexp_matches(x, '[{_DIGITS}]')"
_READ = f"translate(x, '{_DIGITS}', '{_PLAIN_DIGITS}')"
_BOOLEAN = f"CASE WHEN x IN {_TRUE} THEN true WHEN x IN {_FALSE} THEN false END"
#: How nearly all days are written, which DuckDB reads alike and much faster.
_ISO_DAY = "-".join("[0-9]" * digits for digits in (4, 2, 2))
_FOUND = f"regexp_extract(sluice_bare(s), {_DATE}, ['y', 'm', 'd'])"
_DAY = (
    "TRY(make_date(CAST(nullif(x.y, '') AS INTEGER), CAST(coalesce(nullif(x.m, ''), '1') AS INTEGER), "
    "CAST(coalesce(nullif(x.d, ''), '1') AS INTEGER)))"
)


def _of(value: str, body: str) -> str:
    """Return SQL of ``body``, in which ``x`` is ``value``, computed once."""
    return f"list_transform([{value}], lambda x: {body})[1]"


def _number(otherwise: str = "") -> str:
    return f"CASE WHEN regexp_full_match(x, '{_NUMBER}') THEN x {otherwise} END"


def _whole(pattern: str) -> str:
    """Return the digits before the point of a text that is a number, with its sign; null for any other text."""
    signed = "CASE WHEN starts_with(x, '-') THEN '-0' ELSE '0' END || regexp_extract(x, '^[+-]?([0-9]*)', 1)"
    return _of("sluice_bare(s)", f"CASE WHEN regexp_full_match(x, '{pattern}') THEN {signed} END")


def _folded(name: str, table: Mapping[str, str], own: str = "s") -> str:
    """Return what folds every letter, those of the table one by one."""
    found, made = ("|".join(part) for part in (table, table.values()))
    one = f"string_split('{made}', '|')[list_position(string_split('{found}', '|'), c)]"
    each = f"list_transform(regexp_extract_all({own}, '(?s).'), lambda c: coalesce({one}, {name}(c)))"
    seldom = f"regexp_matches(s, '[{''.join(table)}{SIGMA if name == 'lower' else ''}]')"
    # What is ASCII has as many letters as bytes.
    slow = f"WHEN {seldom} THEN array_to_string({each}, '')"
    return f"CASE WHEN strlen(s) = length(s) THEN {name}(s) {slow} ELSE {name}(s) END"


def _lower(tables: Mapping[str, Mapping[str, str]]) -> str:
    run, last = (_filled(each, tables["classes"]) for each in (_RUN, _LAST))
    word = rf"CASE WHEN contains(w, '{SIGMA}') THEN regexp_replace(w, {last}, '\1{LAST_SIGMA}\2') ELSE w END"
    words = f"array_to_string(list_transform(regexp_extract_all(s, {run}), lambda w: {word}), '')"
    # Beside letters of more than 16 bits Java itself does not answer the same each time (decision 0021).
    return _folded("lower", tables["lower"], f"(CASE WHEN NOT contains(s, '{SIGMA}') THEN s ELSE {words} END)")


def _filled(pattern: str, classes: Mapping[str, str]) -> str:
    """Return SQL of a pattern with its classes, each of which stands once in the SQL."""
    sql = f"'{pattern}'"
    for name, letters in classes.items():
        if f"<{name}>" in pattern:
            quoted = letters.replace("'", "''")
            sql = f"replace({sql}, '<{name}>', '{quoted}')"
    return sql


def _initcap(table: Mapping[str, str]) -> str:
    first, rest = "substring(w, 1, 1)", "substring(w, 2)"
    found, made = "".join(table), "".join(table.values())
    # Java's chars are halves of the letters beyond 16 bits, which have no capital.
    other = f"regexp_matches(w, '^[{found}\\x{{10000}}-\\x{{10FFFF}}]')"
    word = f"CASE WHEN {other} THEN translate({first}, '{found}', '{made}') ELSE upper({first}) END || {rest}"
    return f"array_to_string(list_transform(string_split(sluice_lower(s), ' '), lambda w: {word}), ' ')"
