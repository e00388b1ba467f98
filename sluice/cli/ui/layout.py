"""Lays out the graph of tables from left to right: columns by layer, few crossings, the same for the same input.

After Sugiyama, Tagawa and Toda (1981): columns by the longest path, order by barycentres; then each table comes as near
to those it is joined to as the order allows, which is an isotonic regression.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

#: Pixels.
HEIGHT: Final = 46
WAY_HEIGHT: Final = 6
GAP: Final = 14
COLUMN_GAP: Final = 48
MARGIN: Final = 20
#: Height of the layers' names above the columns.
HEADER: Final = 26
_LEAST_WIDTH: Final = 148
#: Letters of a name that are shown at most, their width, and that of what stands beside them.
MOST_LETTERS: Final = 34
_LETTER: Final = 7.3
_BESIDE: Final = 52
#: Layers from left to right; a table of another database stands behind them.
LAYERS: Final = ("bronze", "silver", "gold")
_SWEEPS: Final = 8
_PULLS: Final = 6


@dataclass(frozen=True)
class Item:
    """A table in a column, or where edges from ``of`` pass through the column (``is_way``).

    ``x`` and ``y`` are its corner, in pixels from the upper left.
    """

    of: str
    is_way: bool
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Return the height of its middle."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Layout:
    """The columns from left to right, each from top to bottom, the edges from input to table, and the whole's size."""

    columns: tuple[tuple[Item, ...], ...]
    edges: tuple[tuple[str, str], ...]
    width: float
    height: float

    def paths(self) -> Iterator[list[Item]]:
        """Yield for each edge where it begins, the ways that it passes, and where it ends."""
        items = {(number, item.of): item for number, column in enumerate(self.columns) for item in column}
        place = {of: number for (number, of), item in items.items() if not item.is_way}
        for begin, end in self.edges:
            yield [*(items[number, begin] for number in range(place[begin], place[end])), items[place[end], end]]


#: A table or a way in a column: the column's number, and of which table it is.
_Place: TypeAlias = tuple[int, str]


@dataclass
class _Graph:
    """The column of each table, what stands in each column from top to bottom, and each place's neighbours.

    These are the places that edges join it to, in the column to its left and in the one to its right. An edge over
    several columns passes by a way in each between, which all edges from the same table share.
    """

    rank: Mapping[str, int]
    rows: list[list[str]]
    near: dict[_Place, tuple[set[_Place], set[_Place]]] = field(default_factory=dict)

    def neighbours(self, place: _Place, side: int) -> set[_Place]:
        """Return the neighbours of a place on its left (0) or right (1)."""
        return self.near[place][side] if place in self.near else set()

    def height(self, place: _Place) -> int:
        """Return the height of a table or a way."""
        return HEIGHT if self.rank[place[1]] == place[0] else WAY_HEIGHT


def layer(table: str) -> str:
    """Return the layer of a table: its database."""
    return table.partition(".")[0]


def laid_out(inputs: Mapping[str, Sequence[str]]) -> Layout:
    """Return the layout of tables, each with those that it is made from; what is no table is left out."""
    made_of = {
        name: sorted({each for each in given if each in inputs and each != name})
        for name, given in sorted(inputs.items())
    }
    rank = _ranks(made_of)
    edges = [(each, name) for name, given in made_of.items() for each in given if rank[each] < rank[name]]
    graph = _graph(rank, edges)
    _order(graph)
    tops = _tops(graph)
    columns: list[tuple[Item, ...]] = []
    x = float(MARGIN)
    for number, row in enumerate(graph.rows):
        letters = max(min(len(of.partition(".")[2]), MOST_LETTERS) for of in row)
        width = max(_LEAST_WIDTH, math.ceil(letters * _LETTER) + _BESIDE)
        places = [(number, of) for of in row]
        columns.append(
            tuple(
                Item(of, rank[of] != number, x, tops[number, of], width, graph.height((number, of))) for _, of in places
            )
        )
        x += width + COLUMN_GAP
    bottom = max((item.y + item.height for column in columns for item in column), default=0.0)
    return Layout(tuple(columns), tuple(edges), x - COLUMN_GAP + MARGIN, bottom + MARGIN)


def _ranks(made_of: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the column of each table: behind all it is made from and, where that can be, behind all lower layers.

    In a cycle, which no project has, the first table by name counts as made from what has a column already.
    """
    rank: dict[str, int] = {}
    levels = sorted({_level(name) for name in made_of})
    for level in levels:
        floor = 1 + max((rank[name] for name in rank if _level(name) < level), default=-1)
        left = [name for name in made_of if _level(name) <= level and name not in rank]
        while left:
            ready = [name for name in left if all(each in rank for each in made_of[name])]
            if not ready and level != levels[-1]:
                break  # they are made from tables of a higher layer, and stand behind those
            for name in ready or left[:1]:
                least = floor if _level(name) == level else 0
                rank[name] = max([least, *(rank[each] + 1 for each in made_of[name] if each in rank)])
            left = [name for name in left if name not in rank]
    used = sorted(set(rank.values()))
    return {name: used.index(column) for name, column in rank.items()}


def _level(table: str) -> int:
    return LAYERS.index(layer(table)) if layer(table) in LAYERS else len(LAYERS)


def _graph(rank: Mapping[str, int], edges: Sequence[tuple[str, str]]) -> _Graph:
    """Return the graph with its ways; what stands in a column is sorted by name, ways below tables."""
    graph = _Graph(rank, [[] for _ in range(max(rank.values(), default=-1) + 1)])
    for name in sorted(rank):
        graph.rows[rank[name]].append(name)
    for begin, end in edges:
        stations = [*((number, begin) for number in range(rank[begin], rank[end])), (rank[end], end)]
        for before, after in pairwise(stations):
            number, of = after
            if after not in graph.near and rank[of] != number:
                graph.rows[number].append(of)
            graph.near.setdefault(before, (set(), set()))[1].add(after)
            graph.near.setdefault(after, (set(), set()))[0].add(before)
    return graph


def _order(graph: _Graph) -> None:
    """Order each column by the barycentres of its neighbours, sweep by sweep; the order of fewest crossings is kept."""
    best, fewest = [list(row) for row in graph.rows], _crossings(graph)
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for number in _swept(graph, sweep):
            beside = number - 1 if side == 0 else number + 1
            if 0 <= beside < len(graph.rows):
                at = {of: place for place, of in enumerate(graph.rows[beside])}
                wished = {
                    of: _mean(at[each] for _, each in graph.neighbours((number, of), side)) for of in graph.rows[number]
                }
                graph.rows[number] = _sorted_by(graph.rows[number], wished)
        if (found := _crossings(graph)) < fewest:
            best, fewest = [list(row) for row in graph.rows], found
    graph.rows = best


def _swept(graph: _Graph, sweep: int) -> range:
    """Return the numbers of the columns from left to right, in each second sweep from right to left."""
    return range(len(graph.rows)) if sweep % 2 == 0 else range(len(graph.rows) - 1, -1, -1)


def _sorted_by(row: Sequence[str], wished: Mapping[str, float | None]) -> list[str]:
    """Return the row sorted by where its items wish to be; one that has no wish keeps its place."""
    movable = sorted((wish, place, of) for place, of in enumerate(row) if (wish := wished[of]) is not None)
    moved = iter(of for _, _, of in movable)
    return [of if wished[of] is None else next(moved) for of in row]


def _mean(values: Iterator[float]) -> float | None:
    known = list(values)  # in any order, which changes no sum of fsum
    return math.fsum(known) / len(known) if known else None


def _crossings(graph: _Graph) -> int:
    """Return how many pairs of edges between neighbouring columns cross."""
    count = 0
    for number, row in enumerate(graph.rows[:-1]):
        at = {of: place for place, of in enumerate(graph.rows[number + 1])}
        seen: list[int] = []
        for of in row:
            ends = [at[other] for _, other in graph.neighbours((number, of), 1)]
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _tops(graph: _Graph) -> dict[_Place, float]:
    """Return the top of each item: as near to its neighbours as the order and the gaps allow."""
    rows = [[(number, of) for of in row] for number, row in enumerate(graph.rows)]
    middles: dict[_Place, float] = {}
    for row in rows:
        heights = [graph.height(place) for place in row]
        middles |= dict(zip(row, _apart([0.0] * len(row), heights), strict=True))
    for pull in range(_PULLS):
        for number in _swept(graph, pull):
            wished = []
            for place in rows[number]:
                others = graph.neighbours(place, 0) | graph.neighbours(place, 1)
                wish = _mean(middles[other] for other in others)
                wished.append(middles[place] if wish is None else wish)
            heights = [graph.height(place) for place in rows[number]]
            middles |= dict(zip(rows[number], _apart(wished, heights), strict=True))
    tops = {place: middle - graph.height(place) / 2 for place, middle in middles.items()}
    first = min(tops.values(), default=0.0)
    return {place: round(top - first + MARGIN + HEADER, 1) for place, top in tops.items()}


def _apart(wished: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Return the middles nearest to those that are wished (least squares) at which items in this order do not overlap.

    Less what lies above them, they are an isotonic regression: neighbours out of order are pooled to their mean.
    """
    above, offsets = 0.0, []
    for number, height in enumerate(heights):
        above += height / 2 + (GAP + heights[number - 1] / 2 if number else 0.0)
        offsets.append(above)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=True):
        mean, count = wish - offset, 1
        while pools and pools[-1][0] > mean:
            before, number = pools.pop()
            mean, count = (before * number + mean * count) / (number + count), number + count
        pools.append((mean, count))
    flat = [mean for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
