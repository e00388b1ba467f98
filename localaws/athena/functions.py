"""Functions that DuckDB lacks or computes differently, added to a connection under ``athena_…`` names."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, wraps
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote, unquote_plus, urlsplit

import re2

from localaws.athena import formats, plain_functions
from localaws.athena.json_functions import JSON
from localaws.athena.macros import MACROS
from localaws.athena.places import PLACES
from localaws.athena.plain_functions import DUCKDB, PLAIN, Plain
from localaws.athena.text_functions import PYTHON


def now(moment: datetime) -> str:
    """Return the SQL that has one connection see ``moment`` as the time of its whole query."""
    text = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}+00"
    return f"CREATE TEMP MACRO athena_now() AS TIMESTAMPTZ '{text}'"


def register(connection: Any) -> None:
    """Add every function to a DuckDB database but ``athena_now``, which each query has for itself."""
    for macro in MACROS:
        connection.execute(macro)
    for name, (function, arguments, result) in _PYTHON.items():
        connection.create_function(
            f"athena_{name}", _null_in_null_out(function), arguments, result, null_handling="special"
        )


def _kept_nan(plain: Plain) -> Callable[..., Any]:
    """Return a function whose doubles are texts that are cast: DuckDB takes a NaN of Python's for NULL."""

    @wraps(plain.function)
    def told(*given: Any) -> str:
        return repr(plain.function(*given))

    return told if plain.gives in "Ff" else plain.function


def _null_in_null_out(function: Callable[..., Any]) -> Callable[..., Any]:
    # DuckDB's own null handling forbids a function of values to answer NULL.
    @wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return None if None in arguments else function(*arguments)
        except RecursionError:
            raise ValueError("NOT_SUPPORTED: JSON nested this deeply is not read by the local Athena") from None

    return call


#: Syntax of Java's regular expressions that RE2 lacks, each with its name.
_ONLY_JAVA = (
    (re.compile(r"\\[1-9]|\\k<"), "a backreference"),
    (re.compile(r"\(\?(<?[=!])"), "a look around"),
    (re.compile(r"\(\?>"), "an atomic group"),
    (re.compile(r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\+"), "a possessive quantifier"),
    (re.compile(r"\\[GhHRXZ]"), "an escape that only Java knows"),
)
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_QUIET = re2.Options()
_QUIET.log_errors = False


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> Any:
    """Return a compiled RE2 pattern: matching takes linear time and does not hold Python's global lock."""
    if refused := _only_java(pattern):
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: {refused} is not supported by the local Athena: {pattern!r}")
    try:
        return re2.compile(pattern, _QUIET)
    except re2.error as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: {why} in pattern {pattern!r}") from None


def _only_java(pattern: str) -> str | None:
    classes = _CLASS.findall(pattern)
    if any("&&" in each or "[" in each[1:].replace("\\[", "") for each in classes):
        return "a class within a class"
    # What is escaped, or in a class, is a character.
    plain = re.sub(r"\\[^1-9kGhHRXZ]", "_", _CLASS.sub("_", pattern))
    return next((name for written, name in _ONLY_JAVA if written.search(plain)), None)


def _with_group(pattern: str, group: int) -> Any:
    """Return a compiled pattern that has a group of that number."""
    compiled = _pattern(pattern)
    if group < 0:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: Group cannot be negative")
    if group > compiled.groups:
        raise ValueError(
            f"INVALID_FUNCTION_ARGUMENT: Pattern has {compiled.groups} groups. Cannot access group {group}"
        )
    return compiled


def _regexp_extract(text: str, pattern: str, group: int) -> str | None:
    found = _with_group(pattern, group).search(text)
    return found.group(group) if found else None


def _regexp_extract_all(text: str, pattern: str, group: int) -> list[str | None]:
    return [found.group(group) for found in _with_group(pattern, group).finditer(text)]


def _regexp_replace(text: str, pattern: str, replacement: str) -> str:
    def groups(found: Any) -> str:
        def one(mark: re.Match[str]) -> str:
            if mark[1]:
                return mark[1]
            return found.group(mark[2] or int(mark[3])) or ""

        return re.sub(r"\\(.)|\$\{(\w+)\}|\$(\d)", one, replacement)

    return str(_pattern(pattern).sub(groups, text))


#: What Java's URI, by which Trino reads an address, does not take.
_NO_URI = re.compile(r"[\s{}|\\^`<>\"]|%(?![0-9A-Fa-f]{2})")


def _url(part: Callable[[Any], Any]) -> Callable[[str], Any]:
    def extract(url: str) -> Any:
        try:
            return None if _NO_URI.search(url) else part(urlsplit(url))
        except ValueError:
            return None

    return extract


def _url_path(url: Any) -> str:
    """Return the path, which what has no slash behind its scheme (``mailto:a@b``) has not."""
    opaque = url.scheme and not url.netloc and not url.path.startswith("/")
    return "" if opaque else unquote(url.path)


def _url_parameter(url: str, name: str) -> str | None:
    try:
        query = urlsplit(url).query
    except ValueError:
        return None
    return next((value for key, value in parse_qsl(query, keep_blank_values=True) if key == name), None)


def _regexp_split(text: str, pattern: str) -> list[str]:
    parts, before = [], 0
    for found in _pattern(pattern).finditer(text):
        parts.append(text[before : found.start()])
        before = found.end()
    return [*parts, text[before:]]


def _regexp_position(text: str, pattern: str, start: int, occurrence: int) -> int:
    if start < 1:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: start position cannot be smaller than 1")
    if occurrence < 1:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: occurrence cannot be smaller than 1")
    if start > len(text):
        return -1
    places = (found.start() + 1 for found in _pattern(pattern).finditer(text, start - 1))
    return next(islice(places, occurrence - 1, None), -1)


def _hamming_distance(one: str, other: str) -> int:
    if len(one) != len(other):
        raise ValueError("INVALID_FUNCTION_ARGUMENT: The input strings to hamming_distance must have the same length")
    return sum(a != b for a, b in zip(one, other, strict=True))


def _crc32(data: bytes) -> int:
    return zlib.crc32(data)


def _from_base64(text: str) -> bytes:
    bare = text if text.endswith("=") else text.ljust(-(-len(text) // 4) * 4, "=")  # padding may be left out
    try:
        return base64.b64decode(bare, validate=True)
    except ValueError:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: '{text}' is no text in base 64") from None


def _from_hex(text: str) -> bytes:
    if len(text) % 2:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: invalid input length {len(text)}")
    if bad := re.search("[^0-9A-Fa-f]", text):
        raise ValueError(f'INVALID_FUNCTION_ARGUMENT: not a hexadecimal digit: "{bad[0]}" = {ord(bad[0])}')
    return bytes.fromhex(text)


def _url_decode(text: str) -> str:
    if bad := re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: no two hex digits behind the % at {bad.start() + 1} of '{text}'")
    return unquote_plus(text)


#: Pairs of characters.
_MOST_COMPARED = 1_000_000


def _levenshtein(one: str, other: str) -> int:
    """Return how many characters are to be put in, taken out or changed to make one text of another."""
    if len(one) * len(other) > _MOST_COMPARED:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: The combined inputs for Levenshtein distance are too large")
    before = list(range(len(other) + 1))
    for row, mine in enumerate(one, 1):
        now = [row]
        for column, theirs in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (mine != theirs)))
        before = now
    return before[-1]


def _split_to_map(text: str, entry: str, pair: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for item in text.split(entry) if text else []:
        key, found, value = item.partition(pair)
        if not found:
            raise ValueError("INVALID_FUNCTION_ARGUMENT: Key-value delimiter must appear exactly once in each entry")
        if key in result:
            raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Duplicate keys ({key}) are not allowed")
        result[key] = value
    return result


def _words(text: str, separator: str) -> list[str]:
    if not separator:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: The delimiter may not be the empty string")
    return text.split(separator)


def _words_at_most(text: str, separator: str, limit: int) -> list[str]:
    if limit <= 0:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: Limit must be positive")
    if not separator:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: The delimiter may not be the empty string")
    return text.split(separator, limit - 1)


_TEXT, _MOMENT = "VARCHAR", "TIMESTAMP"
_PYTHON: dict[str, tuple[Callable[..., Any], list[str], str]] = {
    **PYTHON,
    **JSON,
    **PLACES,
    "duration": (plain_functions.duration, [_TEXT], "BIGINT"),
    **{
        name: (
            _kept_nan(each),
            [DUCKDB[letter] for letter in each.takes],
            DUCKDB["T" if each.gives in "Ff" else each.gives],
        )
        for name, each in PLAIN.items()
    },
    "normalize": (plain_functions.normalize, [_TEXT, _TEXT], _TEXT),
    "regexp_position": (_regexp_position, [_TEXT, _TEXT, "BIGINT", "BIGINT"], "INTEGER"),
    "double_text": (formats.double_text, ["DOUBLE"], _TEXT),
    "real_text": (formats.real_text, ["FLOAT"], _TEXT),
    "timestamp_text": (formats.timestamp_text, [_MOMENT, "INTEGER"], _TEXT),
    "format_datetime": (formats.format_datetime, [_MOMENT, _TEXT], _TEXT),
    "date_format": (formats.date_format, [_MOMENT, _TEXT], _TEXT),
    "date_parse": (formats.date_parse, [_TEXT, _TEXT], _MOMENT),
    "from_utf8": (lambda data: data.decode("utf-8", "replace"), ["BLOB"], _TEXT),
    "regexp_like": (lambda text, pattern: bool(_pattern(pattern).search(text)), [_TEXT, _TEXT], "BOOLEAN"),
    "regexp_extract": (_regexp_extract, [_TEXT, _TEXT, "INTEGER"], _TEXT),
    "regexp_extract_all": (_regexp_extract_all, [_TEXT, _TEXT, "INTEGER"], "VARCHAR[]"),
    "regexp_replace": (_regexp_replace, [_TEXT, _TEXT, _TEXT], _TEXT),
    "regexp_count": (lambda text, pattern: len(_pattern(pattern).findall(text)), [_TEXT, _TEXT], "BIGINT"),
    "url_extract_host": (_url(lambda u: u.hostname or ""), [_TEXT], _TEXT),
    "url_extract_path": (_url(_url_path), [_TEXT], _TEXT),
    "url_extract_query": (_url(lambda u: unquote(u.query)), [_TEXT], _TEXT),
    "url_extract_port": (_url(lambda u: u.port), [_TEXT], "BIGINT"),
    "url_extract_fragment": (_url(lambda u: unquote(u.fragment)), [_TEXT], _TEXT),
    "regexp_split": (_regexp_split, [_TEXT, _TEXT], "VARCHAR[]"),
    "hamming_distance": (_hamming_distance, [_TEXT, _TEXT], "BIGINT"),
    "crc32": (_crc32, ["BLOB"], "BIGINT"),
    "from_hex": (_from_hex, [_TEXT], "BLOB"),
    "levenshtein": (_levenshtein, [_TEXT, _TEXT], "BIGINT"),
    "sha512": (lambda data: hashlib.sha512(data).digest(), ["BLOB"], "BLOB"),
    "from_base64": (_from_base64, [_TEXT], "BLOB"),
    "url_extract_protocol": (_url(lambda u: u.scheme), [_TEXT], _TEXT),
    "url_extract_parameter": (_url_parameter, [_TEXT, _TEXT], _TEXT),
    "url_decode": (_url_decode, [_TEXT], _TEXT),
    "url_encode": (lambda text: quote_plus(text, safe="*-._").replace("~", "%7E"), [_TEXT], _TEXT),
    "split": (_words, [_TEXT, _TEXT], "VARCHAR[]"),
    "split_at_most": (_words_at_most, [_TEXT, _TEXT, "BIGINT"], "VARCHAR[]"),
    "split_to_map": (_split_to_map, [_TEXT, _TEXT, _TEXT], "MAP(VARCHAR, VARCHAR)"),
}
