"""The code blocks of a page: found by a Markdown parser, with their language, title and mark.

- ``sh``: commands, each of which must end with 0. ``console``: commands after ``$ ``, and the output of each.
- ``python`` without a title: a program. Any language with ``title="path"``: a file that the page has its reader write.
- ``text``, ``json``, ``sql``, ``mermaid``: shown, never run, and so they hold no command.

``<!-- not run: why -->`` before a block leaves it out; ``NOT_RUN`` of the tests lists each, with its reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.folders import ROOT

RUN = ("sh", "console", "python")
SHOWN = ("text", "json", "sql", "mermaid")
#: The pages whose blocks run: what a reader follows. Decisions have none; CONTRIBUTING is for people with a clone.
PAGES = sorted(
    [ROOT / "README.md", *ROOT.glob("localaws/README.md"), *(ROOT / "docs").rglob("*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
#: What begins a line that people type: a block that is only shown has none.
COMMAND = re.compile(r"^(?:\$ |(?:sluice|make|aws|npx|pip|uv|python|cd|export|git|curl)\s)", re.MULTILINE)
_MARK = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
_TITLE = re.compile(r'\btitle="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block: the page and line at which it begins, what is in it, and why it does not run, if it does not."""

    page: Path
    line: int
    language: str
    title: str | None
    text: str
    not_run: str | None = None

    @property
    def runs(self) -> bool:
        """Whether the reader runs it, or writes a file of it."""
        return self.not_run is None and (self.title is not None or self.language in RUN)

    @property
    def first(self) -> str:
        """Its first line."""
        return self.text.partition("\n")[0]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, source: str | None = None) -> list[Block]:
    """Return the code blocks of a page in their order; those in lists and quotes, too, and those that are indented."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8") if source is None else source)
    found, before = [], ""
    for token in tokens:
        if token.type in ("fence", "code_block"):
            language, _, rest = token.info.strip().partition(" ")
            title, mark = _TITLE.search(rest), _MARK.search(before)
            line = (token.map or [0])[0] + 1
            found.append(
                Block(page, line, language, title and title[1], token.content, mark and mark[1])  # type: ignore[arg-type]
            )
        before = token.content if token.type == "html_block" else ""
    return found


def commands(text: str) -> list[tuple[str, str | None]]:
    """Return the commands of a ``console`` block, each with the output that is shown below it."""
    found: list[list[str]] = []
    outputs: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:]])
            outputs.append([])
        elif line.startswith("> ") and found and not outputs[-1]:
            found[-1].append(line[2:])
        elif found:
            outputs[-1].append(line)
        else:
            raise ValueError(f"a console block begins with a command, not {line!r}")
    return [("\n".join(each), "\n".join(out) if out else None) for each, out in zip(found, outputs, strict=True)]


def matches(shown: str, said: str) -> bool:
    """Whether what a command said is what the page shows: ``…`` is any text in a line, alone in a line any lines.

    How many blanks stand between two columns depends on the width of the terminal, so that one stands for all.
    """
    patterns = []
    for line in map(_one_blank, shown.strip().splitlines()):
        if line.strip() == "…":
            patterns.append(r"(?:.*\n)*?")
        else:
            patterns.append(r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ \t]*\n")
    told = "\n".join(map(_one_blank, said.strip().splitlines())) + "\n"
    return re.fullmatch("".join(patterns), told) is not None


def _one_blank(line: str) -> str:
    return " ".join(line.split())
