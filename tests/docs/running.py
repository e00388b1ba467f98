"""Runs pages in a project that their reader would have by then, and counts what ran."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.docs.blocks import Block, blocks
from tests.docs.shell import Shell


def run_page(page: Path, shell: Shell) -> Counter[str]:
    """Do what a page says, block by block; return how many blocks ran, were shown, and did not run."""
    counted: Counter[str] = Counter()
    for block in blocks(page):
        if block.runs:
            shell.do(block)
        counted[kind(block)] += 1
    return counted


def kind(block: Block) -> str:
    """Return what becomes of a block: ``run``, ``written``, ``shown``, or ``not run`` with the reason."""
    if block.not_run is not None:
        return f"not run: {block.not_run}"
    return "written" if block.title is not None else "run" if block.runs else "shown"
