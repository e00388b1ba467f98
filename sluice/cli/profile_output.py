"""Prints a profile as tables, or writes it as a page of its own."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sluice.cli.whole_files import refuse_place, write_whole
from sluice.counted import counted
from sluice.errors import WrongArgument
from sluice.profiling.profiles import ColumnProfile, Profile
from sluice.profiling.suspicions import Suspicion
from sluice.shortened import printable

_MOST_TOP = 3
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --line: #8884; --bar: #4a90d980; --odd: #c2410c; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 small { font-weight: normal; opacity: .7; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
.parts { align-items: start; display: grid; gap: 1rem 2rem; }
.parts { grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); }
table { border-collapse: collapse; width: 100%; }
td { padding: .1rem .4rem; overflow-wrap: anywhere; vertical-align: top; }
td:last-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.bar { background: linear-gradient(to right, var(--bar) var(--share), transparent var(--share)); }
.odd { color: var(--odd); }
caption { text-align: left; opacity: .7; }
code { white-space: pre-wrap; }
</style>
<h1>$title</h1>
<p>$summary</p>
$notes
$columns
</html>
""")


def summary(profile: Profile) -> str:
    """Return in a sentence what was profiled."""
    files = f" of {profile.files} files" if profile.files > 1 else ""
    refused = ", ".join(f"{count:,} {code}" for code, count in profile.refused.items())
    parts = [f"{counted(profile.rows, 'row')}{files}, {counted(len(profile.columns), 'column')}, {profile.format}."]
    if not profile.whole:
        parts.append("Only the beginning was looked at.")
    if refused:
        parts.append(f"Records that no reader takes: {refused}.")
    return " ".join(parts)


def print_profile(profile: Profile, console: Console | None = None) -> None:
    """Print a line for each column, and below what may be wrong."""
    out = console or Console()
    out.print(Text(printable(f"{profile.of}: {summary(profile)}")), soft_wrap=True)
    shown = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("column", "type"):
        shown.add_column(name, overflow="fold")
    for name in ("nulls", "distinct"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("range", "top values"):
        shown.add_column(name, overflow="fold")
    for column in profile.columns:
        shown.add_row(*(Text(printable(cell)) for cell in _row(column)))
    out.print(shown)
    for note in profile.notes:
        out.print(Text(printable(f"Note: {note}")), soft_wrap=True)
    for column in profile.columns:
        for found in column.suspicious:
            out.print(Text(printable(f"{column.studied.name}: {in_words(found)}")), soft_wrap=True)


def in_words(found: Suspicion) -> str:
    """Return what may be wrong in words, with examples."""
    examples = f": {', '.join(map(_visible, found.examples))}" if found.examples else ""
    return f"{found.what}, {found.count:,} rows{examples}" if found.count > 1 else f"{found.what}{examples}"


def _visible(value: str) -> str:
    """Return a value so that what is not seen in it is."""
    return value if value == value.strip() and value.isprintable() else ascii(value)


def _row(column: ColumnProfile) -> tuple[str, ...]:
    measures = column.studied.measures
    top = ", ".join(f"{_visible(value)} ({count:,})" for value, count in measures.top[:_MOST_TOP])
    return (
        column.studied.name,
        str(column.studied.column.type) if column.studied.guess else "mixed",
        f"{measures.nulls:,}",
        f"{measures.distinct:,}",
        _range(column),
        top if measures.distinct < measures.rows - measures.nulls or measures.distinct <= _MOST_TOP else "",
    )


def _range(column: ColumnProfile) -> str:
    if column.studied.reach is not None:
        return " to ".join(column.studied.reach)
    shortest, longest = column.studied.measures.shortest, column.studied.measures.longest
    if longest is None:
        return ""
    return f"{shortest} to {longest} letters" if shortest != longest else f"{longest} letters"


def write_page(profile: Profile, path: Path) -> None:
    """Write the profile as one page that needs nothing else."""
    write_whole(path, page(profile))


def refuse_source(of: str, path: Path) -> None:
    """Raise ``WrongArgument`` when a page at the path would take the place of what is profiled, or be a part of it.

    So it is where no page can be: a folder, a pipe, a device.
    """
    refuse_place(path)
    source = Path(of)
    if not source.exists():
        return
    same = path.exists() and source.samefile(path)
    inside = source.is_dir() and path.resolve().is_relative_to(source.resolve())
    if same or inside:
        raise WrongArgument(
            f"The page {path} would {'take the place' if same else 'be one of the files'} of what is profiled.",
            safe="nothing was written.",
            next_step="name another file for the page, such as profile.html.",
            file=str(path),
        )


def page(profile: Profile) -> str:
    """Return the profile as one page that needs nothing else; what is of the data is escaped."""
    return _PAGE.substitute(
        title=escape(f"Profile of {profile.of}"),
        summary=escape(summary(profile)),
        notes="".join(f"<p>{escape(note)}</p>" for note in profile.notes),
        columns="\n".join(map(_section, profile.columns)),
    )


def _section(column: ColumnProfile) -> str:
    name, kind, nulls, distinct, reach, _ = _row(column)
    header = f" ({escape(column.studied.header)})" if column.studied.header != column.studied.name else ""
    odd = "".join(f'<p class="odd">{escape(in_words(found))}</p>' for found in column.suspicious)
    facts = [("type", kind), ("nulls", nulls), ("distinct", distinct), ("range", reach)]
    rows = "".join(f"<tr><td>{fact}<td>{escape(value)}" for fact, value in facts if value)
    return (
        f"<section><h2>{escape(name)}<small>{header}</small></h2>{odd}"
        f'<div class="parts"><table>{rows}</table>'
        f"{_counted('top values', column.studied.measures.top, column)}{_counted('patterns', column.patterns, column)}"
        "</div></section>"
    )


def _counted(caption: str, values: tuple[tuple[str, int], ...], column: ColumnProfile) -> str:
    there = max(1, column.studied.measures.rows - column.studied.measures.nulls)
    rows = "".join(
        f'<tr class="bar" style="--share: {100 * count / there:.1f}%"><td><code>{escape(_visible(value))}</code>'
        f"<td>{count:,}"
        for value, count in values
    )
    return f"<table><caption>{caption}</caption>{rows}</table>" if rows else ""
