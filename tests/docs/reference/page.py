"""What generated pages share: their first lines, tables, and what is wrong when something says nothing of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

COMMAND = "make docs"


class Undocumented(AssertionError):
    """Something that users meet says nothing of itself."""


def page(title: str, gets: str, *parts: str) -> str:
    """Return a page: what it gets its reader, then its parts."""
    made = f"Made by `{COMMAND}` from the code; a test holds it to the code."
    return "\n\n".join((f"# {title}", gets, made, *(part for part in parts if part))) + "\n"


def said(text: str | None, of: str) -> str:
    """Return a text in one line; ``Undocumented`` names what has none."""
    if not text or not text.strip():
        raise Undocumented(f"{of} says nothing of itself: document it where it is declared, then `{COMMAND}`.")
    return " ".join(text.split())


def paragraphs(text: str | None, of: str) -> str:
    """Return a docstring as paragraphs of Markdown; ``Undocumented`` names what has none."""
    said(text, of)
    return "\n\n".join(" ".join(each.split()) for each in str(text).replace("``", "`").split("\n\n"))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; a line between cells stands for itself."""
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
