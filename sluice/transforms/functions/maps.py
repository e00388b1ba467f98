"""Functions of maps, whose keys are literal texts that differ, since a key that comes twice is an error."""

from __future__ import annotations

from sluice.transforms.functions.signatures import Argument, Refused, Signature, signature
from sluice.transforms.functions.texts import text

_OF = ("string", "int", "bigint", "date")


def _map(given: list[Argument]) -> str:
    keys = [text(each, "a key") for each in given[::2]]
    if len({*keys}) < len(keys):
        raise Refused("a key comes twice, which is an error on Spark")
    pairs = zip(given[::2], given[1::2], strict=True)
    return f"MAP {{{', '.join(f'{key.sql}: {value.sql}' for key, value in pairs)}}}"


def _value(given: list[Argument]) -> str:
    return f"map_extract_value({given[0].sql}, {given[1].sql})"


SIGNATURES: list[Signature] = [
    one
    for kind in _OF
    for one in (
        *signature("create_map", f"string; {kind}", f"map<string,{kind}>", _map, "F.create_map(F.lit('a'), {1})"),
        *signature("create_map", f"string; {kind}; string; {kind}", f"map<string,{kind}>", _map, f"F.create_map(F.lit('a'), {{1}}, F.lit('b'), F.col('{kind}_b'))"),
        *signature("map_keys", f"map<string,{kind}>", "array<string>", "map_keys({0})", "F.map_keys({0})"),
        *signature("map_values", f"map<string,{kind}>", f"array<{kind}>", "map_values({0})", "F.map_values({0})"),
        *signature("map_contains_key", f"map<string,{kind}>; string", "boolean", "map_contains({0}, {1})", "F.map_contains_key({0}, 'a')", "F.map_contains_key({0}, 'z')"),
        *signature("element_at", f"map<string,{kind}>; string", kind, _value, "F.element_at({0}, 'a')", "F.element_at({0}, 'z')"),
        *signature("getitem", f"map<string,{kind}>; string", kind, _value, "{0}.getItem('a')", "{0}['z']"),
        *signature("size", f"map<string,{kind}>", "int", "CAST(coalesce(cardinality({0}), -1) AS INTEGER)", "F.size({0})"),
    )
]  # fmt: skip
