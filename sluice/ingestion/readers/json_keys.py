"""Finds objects that have a key twice: parsers keep the last of the two values and drop the other silently.

Counting clears most records: each key and each string value takes two quotes, so a dropped key leaves two quotes too
many. Only a record whose count does not add up is read pair by pair.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from sluice.ingestion.records import Reason

#: Deeper JSON is refused here, because a parser's own limit depends on its caller's stack.
MAX_DEPTH = 500
TOO_DEEP = Reason("malformed_record", f"the JSON is nested over {MAX_DEPTH} deep")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|([{\[])|[}\]]', re.DOTALL)


#: A record that is larger is not read into objects.
_SMALL = 1 << 20


class _Repeated(Exception):
    """A key that the object already has; raised while parsing."""


def key_problem(raw: bytes) -> Reason | None:
    """Return why ``raw``, UTF-8, has no single meaning (one object has a key twice, at any depth), else None."""
    if too_deep(raw):
        return TOO_DEEP
    try:
        if len(raw) <= _SMALL and b"\\" not in raw and raw.count(b'"') == _quotes(orjson.loads(raw)):
            return None
    except (orjson.JSONDecodeError, RecursionError):
        pass  # deeper or stranger than orjson goes
    try:
        # Neither objects nor numbers are kept: what a record of many small ones takes is more than its bytes.
        json.loads(raw.decode(), object_pairs_hook=_pairs, parse_int=_nothing, parse_float=_nothing)
    except _Repeated as error:
        return Reason("duplicate_key", f"a JSON object has the key {str(error)[:200]!r} twice")
    except RecursionError:
        return TOO_DEEP
    except ValueError as error:
        return Reason("malformed_record", f"not JSON that can be read: {error}")
    return None


def too_deep(raw: bytes) -> bool:
    """Return whether ``raw`` is nested deeper than ``MAX_DEPTH``; a parser's own limit depends on the call stack."""
    return raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(raw) > MAX_DEPTH


def _depth(raw: bytes) -> int:
    """Return how deep objects and arrays are nested; counting stops at ``MAX_DEPTH`` and one more."""
    depth = deepest = 0
    for token in _TOKEN.finditer(raw):
        if token[1]:
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif token[0] in (b"}", b"]"):
            depth -= 1
    return deepest


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    """Raise ``_Repeated`` when a key is in ``pairs`` twice."""
    if len({key for key, _ in pairs}) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Repeated(key)
            seen.add(key)


def _nothing(_: str) -> None:
    """Return None for any number: how many digits it has does not matter here."""


def _quotes(value: Any) -> int:
    """Return how many quotes the JSON of ``value`` has when nothing in it is escaped."""
    if value.__class__ is str:
        return 2
    if value.__class__ is dict:
        return 2 * len(value) + sum(map(_quotes, value.values()))
    return sum(map(_quotes, value)) if value.__class__ is list else 0
