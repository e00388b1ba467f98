"""No link of the documentation is dead: neither a file nor a place in it; and each page is found from the index."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.blocks import PAGES
from tests.folders import ROOT

TEXTS = sorted({*PAGES, *ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md")})


def anchors(source: str) -> set[str]:
    """Return the anchors of a page's headings that GitHub and the site make alike.

    The site writes one - where GitHub writes several.
    """
    found: set[str] = set()
    tokens = MarkdownIt().enable("table").parse(source)
    for heading, inner in pairwise(tokens):
        if heading.type == "heading_open":
            text = "".join(part.content for part in inner.children or [] if part.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            again = next(n for n in range(1000) if (f"{slug}-{n}" if n else slug) not in found)
            found.add(f"{slug}-{again}" if again else slug)
    return {anchor for anchor in found if "--" not in anchor and not anchor.startswith("-")}


def links(source: str) -> list[str]:
    """Return the targets of a page's links and images; what stands in code is none."""
    found = []
    for token in MarkdownIt().enable("table").parse(source):
        for part in token.children or []:
            found += [str(part.attrs[name]) for name in ("href", "src") if name in part.attrs]
    return found


def dead(page: Path, source: str) -> list[str]:
    """Return the links that lead nowhere; those to other hosts are not followed."""
    found = []
    for link in links(source):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    assert dead(page, page.read_text(encoding="utf-8")) == []


def test_a_dead_link_is_found_wherever_it_stands() -> None:
    source = (
        "# A b: `c`\n## A b: `c`\n[1](gone.md) [2](#a-b-c) [3](#a-b-c-1) [4](#a-b-c-2) ![5](x.png) <https://a.b>\n\n"
        "| [6](README.md#nowhere) |\n|---|\n\n[7]: gone2.md\n\n[x][7] `[8](gone3.md)`\n\n> - [9](docs/gone4.md)\n"
    )
    page = ROOT / "x.md"
    page_anchors = anchors(source)
    assert page_anchors == {"a-b-c", "a-b-c-1"}
    assert dead(page, source.replace("(#", "(y.md#")) == [
        "gone.md", "y.md#a-b-c", "y.md#a-b-c-1", "y.md#a-b-c-2", "x.png", "README.md#nowhere", "gone2.md",
        "docs/gone4.md",
    ]  # fmt: skip


def test_each_page_is_linked_from_the_index_and_the_index_from_the_readme() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in links(index.read_text(encoding="utf-8"))}
    own = [page for page in PAGES if (ROOT / "docs") in page.parents and page != index]
    assert [page for page in own if page not in linked and page.parent.name != "decisions"] == []
    assert "docs/README.md" in links((ROOT / "README.md").read_text(encoding="utf-8"))


def test_each_page_stands_in_the_folder_of_its_kind() -> None:
    kinds = {"how-to", "reference", "explanation", "decisions"}
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.parent.name in kinds or page.name in ("README.md", "tutorial.md"), page
