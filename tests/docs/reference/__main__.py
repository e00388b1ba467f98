"""Writes the reference's generated pages: ``make docs``."""

from __future__ import annotations

from tests.docs.reference.pages import FOLDER, PAGES

for name, made in PAGES.items():
    (FOLDER / name).write_text(made(), encoding="utf-8")
