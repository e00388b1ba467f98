"""Prints tables that fit the terminal: as columns where they have room, else each row as lines. No value is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sluice.shortened import harmless

#: Between two columns, and between two facts of a row that is printed as lines.
_GAP = 1


class HarmlessConsole(Console):
    """A console on which no text that is printed acts: control characters in it are shown."""

    def render_str(self, text: str, **given: Any) -> Text:
        """Return the text as what is printed; its own marks act, its control characters do not."""
        return super().render_str(harmless(text), **given)


def print_table(
    console: Console, headers: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Iterable[str] = ()
) -> None:
    """Print rows under their ``headers``; those of ``right`` are numbers. A text is no markup.

    Where the columns are wider than the terminal, each row is its first value and, below it, the others by name.
    """
    headers = [harmless(name) for name in headers]
    right = map(harmless, right)
    texts = [[cell if isinstance(cell, Text) else Text(harmless(str(cell))) for cell in row] for row in rows]
    widths = [max([cell_len(name), *(_width(row[at]) for row in texts)]) for at, name in enumerate(headers)]
    if sum(widths) + _GAP * (len(widths) - 1) <= console.width:
        _print_columns(console, headers, texts, frozenset(right))
    else:
        for row in texts:
            _print_lines(console, headers, row)


def narrow_table(*columns: str) -> Table:
    """Return a table without borders, so that eight columns fit into eighty characters."""
    return Table(*columns, box=None, padding=(0, _GAP, 0, 0), header_style="bold")


def _width(text: Text) -> int:
    return max(map(cell_len, text.plain.splitlines()), default=0)


def _print_columns(
    console: Console, headers: Sequence[str], rows: Iterable[Sequence[Text]], right: frozenset[str]
) -> None:
    shown = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for name in headers:
        shown.add_column(Text(name), no_wrap=True, overflow="fold", justify="right" if name in right else "left")
    for row in rows:
        shown.add_row(*row)
    console.print(shown, highlight=False)


def _print_lines(console: Console, headers: Sequence[str], row: Sequence[Text]) -> None:
    first, *others = row
    console.print(Text.assemble(first, style="bold"), highlight=False, overflow="fold")
    line = Text("  ")
    for name, value in zip(headers[1:], others, strict=True):
        if not value.plain:
            continue
        fact = Text.assemble((f"{name} ", "dim"), value)
        if len(line) > 2 and line.cell_len + 2 + _width(fact) > console.width:
            console.print(line, highlight=False, overflow="fold")
            line = Text("  ")
        line = Text.assemble(line, "  " if len(line) > 2 else "", fact)
    if len(line) > 2:
        console.print(line, highlight=False, overflow="fold")
