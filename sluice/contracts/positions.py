"""Puts columns in the order of the positions that a contract gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sluice.contracts.contract_file import ContractFile, Place

#: A position that is not given: -1 is the standard's default.
NO_POSITION = (None, -1)
_Placed = TypeVar("_Placed")


def in_order(file: ContractFile, found: Sequence[tuple[int | None, Place, _Placed]]) -> tuple[_Placed, ...]:
    """Return what was ``found`` by its positions, each of which stands at its place; as found where none has one.

    The positions are 1, 2, 3 … without a gap, each once: anything else has an order that nobody meant.
    """
    if all(position in NO_POSITION for position, _, _ in found):
        return tuple(each for _, _, each in found)
    by_position: dict[int, _Placed] = {}
    for position, at, each in found:
        if position is None or not 1 <= position <= len(found):
            said = "it is missing" if position in NO_POSITION else f"{position} is not allowed"
            file.refuse(at, f"{said}; the positions of {len(found)} columns are 1 to {len(found)}, or none has one")
        if position in by_position:
            file.refuse(at, f"two columns have the position {position}")
        by_position[position] = each
    return tuple(by_position[position] for position in sorted(by_position))
