"""Finds derived tables that are made of each other, which no order of refreshes could make."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def cycles(needs: Mapping[str, Collection[str]]) -> list[tuple[str, ...]]:
    """Return each circle of tables, from its first name on and in the order in which one is made of the next.

    A table is in one circle at most; one that only needs a circle is in none.
    """
    found: list[tuple[str, ...]] = []
    taken: set[str] = set()
    for table in sorted(needs):
        if table not in taken and (circle := _back_to(table, needs, taken)):
            found.append(circle)
            taken.update(circle)
    return found


def _back_to(table: str, needs: Mapping[str, Collection[str]], taken: Collection[str]) -> tuple[str, ...]:
    """Return the shortest way from ``table`` along what is needed back to it, or nothing when there is none."""
    ways: list[tuple[str, ...]] = [(table,)]
    seen: set[str] = set()
    for way in ways:  # those that are added below, too
        for other in sorted(needs[way[-1]]):
            if other == table:
                return way
            if other in needs and other not in seen and other not in taken:
                seen.add(other)
                ways.append((*way, other))
    return ()
