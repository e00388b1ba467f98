"""All tables of signatures together, and the verdicts on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sluice.decoding import json_decoder
from sluice.transforms.functions import aggregates, casts, maps, nested, numbers, operators, refused, texts, times
from sluice.transforms.functions.signatures import Signature

PROVEN = Path(__file__).parents[1] / "proven.json"
_decode = json_decoder(list[dict[str, str]])


@cache
def signatures() -> dict[str, list[Signature]]:
    """Return every signature by the function's name."""
    found = defaultdict(list)
    for part in (operators, casts, texts, numbers, times, nested, maps, aggregates, refused):
        for each in part.SIGNATURES:
            found[each.name].append(each)
    return dict(found)


@cache
def aggregating() -> frozenset[str]:
    """Return the names of the functions that make one value of many rows."""
    return frozenset(each.name for each in every_signature() if each.kind in ("aggregate", "grouped"))


def every_signature() -> Iterator[Signature]:
    """Yield every signature, in order."""
    for found in signatures().values():
        yield from found


@cache
def verdicts() -> dict[str, str]:
    """Return by signature why it is refused; an empty text for one that is proven."""
    return {each["signature"]: each.get("refused", "") for each in _decode(PROVEN.read_bytes()) if "signature" in each}
