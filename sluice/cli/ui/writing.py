"""Writes the page to a folder, and opens it."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sluice.cli.ui.page import written_page
from sluice.cli.whole_files import write_whole
from sluice.errors import CommandError, WrongArgument
from sluice.folders import present_project

#: The page's name: one that no other page has, since whatever has it is replaced.
PAGE: Final = "sluice-ui.html"


def write_page(data: Mapping[str, Any], folder: Path | None) -> Path:
    """Write the page to a folder, by default that of the present project for it, and return its path.

    Raise ``WrongArgument`` when the folder is a file.
    """
    if folder is None:
        project = present_project()
        folder = (project.root if project else Path()) / ".sluice" / "ui"
    if folder.exists() and not folder.is_dir():
        raise WrongArgument(
            f"{folder} is a file.", safe="nothing was written.", next_step="name a folder.", file=str(folder)
        )
    page = folder / PAGE
    write_whole(page, written_page(data))
    return page


def open_page(page: Path) -> None:
    """Open the page in the user's browser; ``CommandError`` where none can be opened."""
    if not webbrowser.open(page.resolve().as_uri()):
        raise CommandError(
            f"No browser could be opened for {page}.",
            safe="the page is written.",
            next_step=f"open {page.resolve()} in a browser.",
            file=str(page),
        )
