"""Every function that the local Athena has, with the number and types of its arguments; other calls are refused.

One letter is one argument's type (``_KINDS``); ``+`` after the last one: one or more of it. ``|`` stands between
overloads. An overload is listed only if the function's rewriting rule uses each of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import not_supported
from localaws.athena.known_functions import no_such_function
from localaws.athena.plain_functions import PLAIN
from localaws.athena.trino_forms import is_one_of_trinos, unexpected
from localaws.athena.typing import DType

#: The key under which the parser notes on a node the call's function name, and where its arguments are in the node.
CALL = "athena_call"
#: Where an argument stands that the parser has made something else of: a literal's kind is all that is left of it.
LITERALS = {"'text'": DType.VARCHAR, "'number'": DType.INT}

_NUMBERS = {*types.INTEGERS, *types.FLOATS, DType.DECIMAL}
_KINDS: dict[str, tuple[str, frozenset[DType] | None]] = {
    "X": ("any", None),
    "T": ("varchar", frozenset(types.TEXT)),
    "N": ("number", frozenset(_NUMBERS)),
    "I": ("integer", frozenset(types.INTEGERS)),
    "F": ("double", frozenset(types.FLOATS)),
    "B": ("boolean", frozenset({DType.BOOLEAN})),
    "D": ("date", frozenset({DType.DATE})),
    "S": ("timestamp", frozenset(types.TIMESTAMPS)),
    "Z": ("timestamp with time zone", frozenset({DType.TIMESTAMPTZ})),
    "U": ("interval", frozenset({DType.INTERVAL})),
    "A": ("array", frozenset({DType.ARRAY})),
    "M": ("map", frozenset({DType.MAP})),
    "J": ("json", frozenset({DType.JSON})),
    "V": ("varbinary", frozenset({DType.VARBINARY, DType.BINARY})),
    "L": ("function", frozenset()),
}
_MOMENT = "D|S|Z"
_TIME = "S|Z"

SIGNATURES: dict[str, str] = {
    # aggregates
    "count": "|X", "count_if": "B", "sum": "X", "avg": "X", "min": "X|XI", "max": "X|XI", "arbitrary": "X",
    "any_value": "X",
    "approx_distinct": "X", "approx_percentile": "NF|NA", "max_by": "XX|XXI", "min_by": "XX|XXI", "bool_and": "B",
    "bool_or": "B", "every": "B", "array_agg": "X", "map_agg": "XX",
    "multimap_agg": "XX",
    "reduce_agg": "XXLL", "approx_most_frequent": "IXI", "kurtosis": "N",
    "map_union": "M", "histogram": "X", "listagg": "T|TT", "stddev": "N",
    "stddev_samp": "N", "stddev_pop": "N", "variance": "N", "var_samp": "N", "var_pop": "N", "corr": "NN",
    "covar_pop": "NN", "covar_samp": "NN", "grouping": "X+", "geometric_mean": "N", "regr_slope": "NN",
    "regr_intercept": "NN", "bitwise_and_agg": "I", "bitwise_or_agg": "I",
    # windows
    "row_number": "", "rank": "", "dense_rank": "", "percent_rank": "", "cume_dist": "", "ntile": "I",
    "lag": "X|XI|XIX", "lead": "X|XI|XIX", "first_value": "X", "last_value": "X", "nth_value": "XI",
    # conditions
    "coalesce": "XX+", "nullif": "XX", "if": "BX|BXX", "try": "X", "greatest": "X+", "least": "X+", "typeof": "X",
    # numbers
    "abs": "N", "sign": "N", "ceil": "N", "ceiling": "N", "floor": "N", "round": "N|NI", "truncate": "F|N", "mod": "NN",
    "power": "NN", "pow": "NN", "sqrt": "N", "cbrt": "N", "ln": "N", "exp": "N", "log": "NN", "log2": "N",
    "log10": "N", "degrees": "N", "radians": "N", "sin": "N", "cos": "N", "tan": "N", "acos": "N", "asin": "N",
    "atan": "N", "atan2": "NN", "pi": "", "rand": "|I|II", "random": "|I|II", "width_bucket": "NNNI|NA",
    "bitwise_left_shift": "II", "bitwise_right_shift": "II", "bitwise_right_shift_arithmetic": "II", "bit_count": "II",
    "to_base": "II", "from_base": "TI", "is_nan": "F", "is_finite": "F",
    "is_infinite": "F", "infinity": "", "nan": "", "e": "", "sinh": "N", "cosh": "N", "tanh": "N",
    "bitwise_and": "II", "bitwise_or": "II", "bitwise_xor": "II", "bitwise_not": "I",
    # text
    "lower": "T", "upper": "T", "length": "T|V", "trim": "T|TT", "ltrim": "T", "rtrim": "T", "substr": "TI|TII|VI|VII",
    "substring": "TI|TII", "strpos": "TT|TTI", "position": "TT", "replace": "TT|TTT", "reverse": "T|A", "concat": "XX+",
    "concat_ws": "TA|TT+", "split": "TT|TTI", "split_part": "TTI", "lpad": "TIT", "rpad": "TIT", "chr": "I",
    "codepoint": "T", "starts_with": "TT", "levenshtein_distance": "TT", "translate": "TTT", "regexp_like": "TT",
    "regexp_extract": "TT|TTI", "regexp_replace": "TT|TTT", "regexp_count": "TT", "url_extract_host": "T",
    "url_extract_path": "T", "url_extract_query": "T", "url_extract_protocol": "T", "url_extract_parameter": "TT",
    "url_decode": "T", "url_encode": "T", "split_to_map": "TTT", "uuid": "",
    "regexp_extract_all": "TT|TTI", "regexp_split": "TT", "url_extract_port": "T", "url_extract_fragment": "T",
    "hamming_distance": "TT",
    **{name: each.takes.upper() for name, each in PLAIN.items()},
    "normalize": "T|TT", "regexp_position": "TT|TTI|TTII", "json_size": "TT|JT",
    # bytes
    "to_utf8": "T", "from_utf8": "V", "to_hex": "V", "from_hex": "T", "md5": "V", "sha256": "V",
    "sha1": "V", "sha512": "V", "crc32": "V", "to_base64": "V", "from_base64": "T",
    "format": "TX+",
    # json
    "json_array": "|X+",
    "json_exists": "TT|JT", "json_array_contains": "TX|JX", "json_array_get": "TI|JI", "is_json_scalar": "T|J",
    "json_extract": "TT|JT", "json_extract_scalar": "TT|JT", "json_parse": "T", "json_format": "J",
    "json_array_length": "T|J",
    # dates and times
    **dict.fromkeys((
        "year", "quarter", "month", "week", "week_of_year", "day", "day_of_month", "day_of_week", "dow", "day_of_year",
        "doy", "year_of_week", "yow",
    ), _MOMENT),
    **dict.fromkeys(("hour", "minute", "second", "millisecond"), _TIME),
    "extract": "XD|XS|XZ", "date": "D|S|Z|T", "date_add": "TID|TIS|TIZ",
    "date_diff": "TDD|TSS|TZZ|TDS|TSD|TSZ|TZS|TDZ|TZD",
    "date_trunc": "TD|TS|TZ", "date_format": "DT|ST|ZT", "date_parse": "TT", "format_datetime": "DT|ST|ZT",
    "from_unixtime": "N|NT", "with_timezone": "ST", "to_unixtime": _MOMENT, "from_iso8601_date": "T",
    "from_iso8601_timestamp": "T", "now": "",
    "parse_datetime": "TT", "to_milliseconds": "U", "parse_duration": "T",
    "timezone_hour": "Z", "timezone_minute": "Z", "current_timezone": "",
    "at_timezone": "ST|ZT", "last_day_of_month": _MOMENT, "to_iso8601": _MOMENT,
    # arrays, maps, rows
    "cardinality": "A|M", "contains": "AX", "element_at": "AI|MX", "array_distinct": "A", "array_sort": "A|AL",
    "array_max": "A", "array_min": "A", "array_position": "AX", "array_remove": "AX", "array_join": "AT|ATT",
    "slice": "AII", "filter": "AL", "transform": "AL", "reduce": "AXLL", "any_match": "AL", "all_match": "AL",
    "none_match": "AL", "array_union": "AA", "array_except": "AA", "array_intersect": "AA", "arrays_overlap": "AA",
    "repeat": "XI",
    "flatten": "A", "map": "|AA", "map_keys": "M", "map_values": "M", "map_concat": "MM+",
    "map_entries": "M", "map_from_entries": "A",
    "multimap_from_entries": "A", "map_zip_with": "MML", "cosine_similarity": "MM", "contains_sequence": "AA",
    "combinations": "AI", "shuffle": "A", "trim_array": "AI", "ngrams": "AI", "array_histogram": "A",
    "map_filter": "ML", "transform_values": "ML", "transform_keys": "ML", "zip": "AA+", "zip_with": "AAL",
    "sequence": "II|III|DD|DDU|SSU", "row": "X+",
}  # fmt: skip

#: Forms with their own grammar; their nodes have rewriting rules of their own.
SPECIAL = frozenset(
    {"json_value", "json_query", "json_object", "cast", "try_cast", "exists", "unnest", "any", "all", "some"}
)


def check_names(tree: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    """Raise, naming the function, for a call of one that is not in the table or with another number of arguments.

    ``position`` returns the line and column of a call.
    """
    for node in tree.walk():
        if (noted := node.meta.get(CALL)) is None:
            continue
        name, places = noted
        if name in SPECIAL:
            continue
        if name not in SIGNATURES:
            raise no_such_function(name, position(node))
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct) and len(node.this.expressions) > 1:
            raise not_supported("count(DISTINCT …) of several columns")
        if not is_one_of_trinos(name, [None] * len(places)):
            raise unexpected(name, [_shown(node, place) for place in places], position(node))
        if not any(_fits_number(overload, len(places)) for overload in overloads(name)):
            given = f"{len(places)} argument{'s' * (len(places) != 1)}"
            raise not_supported(f"{name} with {given}", allowed=allowed(name))


def check_types(tree: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    """Raise, naming the function, for a call whose argument types none of its overloads has."""
    for node in tree.walk():
        if (noted := node.meta.get(CALL)) is None or noted[0] in SPECIAL:
            continue
        name, places = noted
        kinds = [_kind(node, place) for place in places]
        if not is_one_of_trinos(name, [kind and kind[0] for kind in kinds]):
            raise unexpected(name, [_shown(node, place) for place in places], position(node))
        possible = [o for o in overloads(name) if _fits_number(o, len(kinds))]
        if not any(all(_fits(letter, kind) for letter, kind in _pairs(overload, kinds)) for overload in possible):
            shown = ", ".join(_shown(node, place) for place in places)
            raise not_supported(f"{name}({shown})", allowed=allowed(name))
        if unknown := [place for place, kind in enumerate(kinds) if kind is not None and kind[0] == DType.UNKNOWN]:
            meant = {tuple(letter for letter, _ in _pairs(overload, kinds))[unknown[0]] for overload in possible}
            if not (len(meant) == 1 or meant <= set("DSZ")):
                raise not_supported(f"{name} of a value whose type cannot be derived", allowed=allowed(name))


def overloads(name: str) -> list[str]:
    """Return the type letters of the arguments of each overload."""
    return SIGNATURES[name].split("|")


def allowed(name: str) -> str:
    """Return the supported forms of a function in words."""
    return " or ".join(forms(name))


def forms(name: str) -> list[str]:
    """Return the supported forms of a function."""
    found = []
    for overload in overloads(name):
        words = [_KINDS[letter][0] for letter in overload.removesuffix("+")]
        found.append(f"{name}({', '.join(words)}{', …' * overload.endswith('+')})")
    return found


def _fits_number(overload: str, count: int) -> bool:
    letters = overload.removesuffix("+")
    return count >= len(letters) if overload.endswith("+") else count == len(letters)


def _pairs(overload: str, kinds: list[Any]) -> list[tuple[str, Any]]:
    letters = overload.removesuffix("+")
    return list(zip(letters + letters[-1:] * (len(kinds) - len(letters)), kinds, strict=True))


def _kind(node: exp.Expr, place: tuple[str, int | None] | None) -> tuple[DType, Any] | None:
    """Return an argument's kind and type; None where the parser replaced the argument."""
    if place is None:
        return None
    if place[0] in LITERALS:
        return LITERALS[place[0]], exp.DataType(this=LITERALS[place[0]])
    argument = _argument(node, place)
    if not isinstance(argument, exp.Expr) or isinstance(argument, exp.Var | exp.Star | exp.JSONPath):
        return None
    if isinstance(argument, exp.Lambda):
        return DType.USERDEFINED, argument
    if argument.type is None:
        return DType.UNKNOWN, None
    return argument.type.this, argument.type


def _argument(node: exp.Expr, place: tuple[str, int | None] | None) -> Any:
    key, index = place or ("", None)
    found = node.args.get(key)
    return found[index] if index is not None and isinstance(found, list) and index < len(found) else found


def _fits(letter: str, kind: tuple[DType, Any] | None) -> bool:
    if kind is None:
        return letter != "L"
    if letter == "L" or kind[0] == DType.USERDEFINED:
        return letter == "L" and kind[0] == DType.USERDEFINED
    wanted = _KINDS[letter][1]
    return wanted is None or kind[0] in wanted or kind[0] in (DType.NULL, DType.UNKNOWN)


def _shown(node: exp.Expr, place: tuple[str, int | None] | None) -> str:
    """Return the type of an argument in words, a text's with the length that is written."""
    kind, argument = _kind(node, place), _argument(node, place)
    if isinstance(argument, exp.Literal):  # also before types are inferred
        return f"varchar({len(argument.name)})" if argument.is_string else "integer" if argument.is_int else "double"
    if kind is None:
        return "…"
    if kind[0] == DType.USERDEFINED:
        return "<function>"
    if kind[1] is None or kind[0] == DType.UNKNOWN:
        return "unknown"
    return types.trino_name(kind[1])
