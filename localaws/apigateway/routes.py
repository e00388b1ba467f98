"""Finds the route of an HTTP API that a request takes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

Route = TypeVar("Route")
DEFAULT = "$default"


def find(routes: Iterable[tuple[str, Route]], method: str, path: str) -> tuple[str, Route, Mapping[str, str]] | None:
    """Return the most specific of the ``routes`` (key and route) for a request: its key, itself and the path's values.

    A path without variables comes before one with them, that before a greedy one, and ``$default`` is the last; of one
    path, the method itself comes before ``ANY``. ``path`` is decoded.
    """
    best: tuple[tuple[object, ...], str, Route, Mapping[str, str]] | None = None
    for key, route in routes:
        if key == DEFAULT:
            rank: tuple[object, ...] = (1,)
            values: Mapping[str, str] | None = {}
        else:
            wanted, _, template = key.partition(" ")
            if wanted not in (method, "ANY"):
                continue
            values = _values(template.split("/"), path.split("/"))
            rank = (0, [_kind(part) for part in template.split("/")], wanted == "ANY")
        if values is not None and (best is None or rank < best[0]):
            best = (rank, key, route, values)
    return best[1:] if best else None


def _kind(part: str) -> int:
    if part.endswith("+}"):
        return 2
    return 1 if part.startswith("{") else 0


def _values(template: list[str], path: list[str]) -> Mapping[str, str] | None:
    values: dict[str, str] = {}
    for at, part in enumerate(template):
        kind = _kind(part)
        if at >= len(path):
            return None
        if kind == 2:
            rest = "/".join(path[at:])
            return {**values, part[1:-2]: rest} if rest else None
        if kind == 1 and path[at]:
            values[part[1:-1]] = path[at]
        elif part != path[at]:
            return None
    return values if len(template) == len(path) else None
