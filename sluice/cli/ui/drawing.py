"""Draws with SVG: the graph of tables, bars of what arrived by day, and a mark for each kind of state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sluice.cli.ui.layout import MOST_LETTERS, Item, Layout, layer
from sluice.cli.ui.markup import Html, joined, tag
from sluice.counted import counted
from sluice.shortened import shortened

#: What is drawn for each kind of state, in 16 by 16 pixels: kinds differ by their form, not by colour alone.
_MARKS: Final = {
    "well": '<circle cx="8" cy="8" r="7"/><path class="in" d="M4.6 8.3 7 10.7 11.6 5.6"/>',
    "waits": '<circle class="open" cx="8" cy="8" r="6.2"/><path class="open" d="M8 4.4V8.2L10.6 9.8"/>',
    "works": '<path class="open" d="M13.6 6A6.2 6.2 0 1 0 14.2 8.6"/><path class="open" d="M14.2 2.6V6.2H10.6"/>',
    "failed": '<path d="M8 0.6 15.4 8 8 15.4 0.6 8Z"/><path class="in" d="M8 4.4V8.6M8 11V11.4"/>',
    "held": '<rect x="1.4" y="1.4" width="13.2" height="13.2" rx="2.4"/><path class="in" d="M6.1 5V11M9.9 5V11"/>',
    "empty": '<circle class="open dashed" cx="8" cy="8" r="6.2"/>',
}
#: Pixels of a day's bar and of the gap beside it, and of the highest bar.
_BAR, _BETWEEN, _TALL = 3, 1, 22
DAYS: Final = 30


def marks() -> Html:
    """Return the definitions that ``mark`` uses; they stand once in a page."""
    symbols = (Html(f'<symbol id="mark-{kind}" viewBox="0 0 16 16">{drawn}</symbol>') for kind, drawn in _MARKS.items())
    return tag("svg", symbols, class_="marks", width=0, height=0, aria_hidden="true")


def mark(kind: str, **place: float) -> Html:
    """Return the mark of a kind of state; what it means always stands in words beside it."""
    used = tag("use", href=f"#mark-{kind}", width=16, height=16, **place)
    return used if place else tag("svg", used, class_=f"mark {kind}", viewBox="0 0 16 16", aria_hidden="true")


def bars(per_day: Sequence[Mapping[str, Any]], last: date) -> Html:
    """Return a bar for the rows of each of the 30 days until ``last``; its words are the sum and the highest day."""
    found = {each["day"]: each["rows"] for each in per_day}
    days = [(last - timedelta(days=ago)).isoformat() for ago in range(DAYS - 1, -1, -1)]
    rows = [found.get(day, 0) for day in days]
    if not any(rows):
        return tag("span", "none in 30 days", class_="soft")
    highest = max(rows)
    top = days[rows.index(highest)]
    words = f"{counted(sum(rows), 'row')} in {DAYS} days; most on {top}: {highest:,}"
    # One path for all days: a page of 500 datasets would have 15,000 elements for them.
    upright, flat = "", ""
    for number, count in enumerate(rows):
        x, tall = number * (_BAR + _BETWEEN), max(2.0, round(_TALL * count / highest, 1))
        if count:
            upright += f"M{x} {_TALL}v{-tall:g}h{_BAR}v{tall:g}z"
        else:
            flat += f"M{x} {_TALL}v-1h{_BAR}v1z"
    drawn = [tag("path", class_="bar", d=upright), tag("path", class_="none", d=flat) if flat else None]
    wide = DAYS * (_BAR + _BETWEEN) - _BETWEEN
    title = tag("title", words)
    return tag("svg", title, drawn, class_="bars", width=wide, height=_TALL, role="img", aria_label=words)


def graph(layout: Layout, nodes: Mapping[str, Mapping[str, Any]]) -> Html:
    """Return the graph; ``nodes`` holds by table the ``kind`` of its state, the ``state`` in words, its ``rows``."""
    edges = [
        tag("path", class_="edge", d=_path(items), data_from=items[0].of, data_to=items[-1].of)
        for items in layout.paths()
    ]
    heads, before = [], ""
    for number, column in enumerate(layout.columns):
        name = layer(next(item.of for item in column if not item.is_way))
        hidden = "head same" if name == before else "head"
        heads.append(tag("text", name, class_=hidden, x=column[0].x, y=24, data_column=number, data_layer=name))
        before = name
    drawn = [_node(item, nodes[item.of]) for column in layout.columns for item in column if not item.is_way]
    size = {"width": round(layout.width), "height": round(layout.height)}
    box = f"0 0 {size['width']} {size['height']}"
    return tag("svg", heads, tag("g", edges), drawn, id="graph", viewBox=box, role="group", **size)


def _node(item: Item, node: Mapping[str, Any]) -> Html:
    name = item.of.partition(".")[2] or item.of
    # Of a table with which all is well, its mark says so.
    says = counted(node["rows"], "row") if node["kind"] == "well" and node["rows"] is not None else node["state"]
    words = f"{item.of}: {node['state']}"
    parts = [
        tag("title", words),
        tag("rect", class_="box", width=item.width, height=item.height, rx=7),
        tag("path", class_="stripe", d=f"M7 .5H4A3.5 3.5 0 0 0 .5 4V{item.height - 4}a3.5 3.5 0 0 0 3.5 3.5H7Z"),
        mark(node["kind"], x=15, y=(item.height - 16) / 2),
        tag("text", shortened(name, MOST_LETTERS), class_="name", x=40, y=19),
        tag("text", shortened(says, int((item.width - 42) / 6.2)), class_="says", x=40, y=35),
    ]
    return tag(
        "g", parts, class_=f"node {node['kind']}", id=f"n-{item.of}", data_table=item.of, tabindex=0, role="button",
        transform=f"translate({item.x:g} {item.y:g})", aria_label=words,
    )  # fmt: skip


def _path(items: Sequence[Item]) -> str:
    """Return an edge's curve; page.js draws it in the same way where only some tables are shown."""
    begin = items[0]
    x, y = begin.x + begin.width, begin.middle
    drawn = f"M{x:g} {y:g}"
    for item in items[1:]:
        half = (x + item.x) / 2
        drawn += f"C{half:g} {y:g} {half:g} {item.middle:g} {item.x:g} {item.middle:g}"
        x, y = item.x + item.width, item.middle
        drawn += f"H{x:g}" if item.is_way else ""
    return drawn


def places(layout: Layout) -> list[list[list[Any]]]:
    """Return for page.js by column what stands in it: table, whether it is a way, and width and height in pixels."""
    return [[[item.of, int(item.is_way), item.width, item.height] for item in column] for column in layout.columns]


def legend(kinds: Sequence[tuple[str, str]]) -> Html:
    """Return what the marks mean."""
    return tag("ul", [tag("li", mark(kind), joined(words)) for kind, words in kinds], class_="legend")
