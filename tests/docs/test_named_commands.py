"""A command that a page names in passing, or in a block that cannot run, has the options that it is given there."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt

from sluice.cli import all_commands
from tests.docs.blocks import PAGES, blocks
from tests.folders import ROOT

_CALL = re.compile(r"(?:^|&& |\| |; )sluice ([a-z]\w*)((?:[^\n&|;#`]|\\\n)*)", re.MULTILINE)


@functools.cache
def options() -> dict[str, set[str]]:
    """Return the options of each command of `sluice`."""
    group: Any = typer.main.get_command(all_commands())
    ctx = group.make_context("sluice", [], resilient_parsing=True)
    found = {}
    for name in group.list_commands(ctx):
        inner = group.commands[name].make_context(name, [], resilient_parsing=True)
        given = group.commands[name].get_params(inner)
        found[name] = {option for each in given for option in (*each.opts, *each.secondary_opts)}
    return found


def named(page: Path, source: str) -> Iterator[str]:
    """Yield what a page has as code in its text, and in its blocks."""
    for token in MarkdownIt().enable("table").parse(source):
        yield from (part.content for part in token.children or [] if part.type == "code_inline")
    yield from (block.text.replace("$ ", "") for block in blocks(page, source) if block.title is None)


def wrong(page: Path, source: str, known: dict[str, set[str]]) -> list[str]:
    """Return the commands and options that a page names and that there are not."""
    found = []
    for text in named(page, source):
        for name, rest in _CALL.findall(text):
            if name not in known:
                found.append(f"sluice {name}")
                continue
            before = rest.partition(" -- ")[0]  # what stands after it is passed on
            plain = re.sub(r"\"[^\"]*\"|'[^']*'", "", before)
            found += [
                f"sluice {name} {each}"
                for each in re.findall(r"(?<!\S)--?[a-z][\w-]*", plain)
                if each not in known[name]
            ]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_that_a_page_names_has_the_options_that_it_is_given(page: Path) -> None:
    assert wrong(page, page.read_text(encoding="utf-8"), options()) == []


def test_a_command_or_an_option_that_there_is_not_is_found() -> None:
    source = (
        "`sluice conjure` and `sluice status --wat`, `make x && sluice up --detatch`\n\n"
        "| `sluice deploy --dry-rum` |\n|---|\n\n"
        "```sh\nsluice query \"SELECT '--x'\" --formatt csv\nsluice deploy --account -- --require-approval never\n```\n"
    )
    assert wrong(ROOT / "README.md", source, options()) == [
        "sluice conjure", "sluice status --wat", "sluice up --detatch", "sluice deploy --dry-rum",
        "sluice query --formatt",
    ]  # fmt: skip
