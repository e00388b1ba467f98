"""``docs/reference/statements.md``: the statements of Athena's SQL reference, and what the local Athena answers."""

from __future__ import annotations

from tests.docs.reference.page import page, table
from tests.localaws.athena.reference_statements import DONE, SECTIONS, Case

_WHERE = """`{at}` is a folder in S3. A test runs each of these statements against the local Athena, in this order
but for the last of what defines, and holds it to the answer that stands here: the first row, or how the error
begins."""


def statements_page() -> str:
    """Return the page."""
    parts = []
    for heading, cases in SECTIONS.items():
        rows = [(case.kind, f"`{case.sql}`", _answer(case)) for case in cases]
        parts += [f"## {heading}", table(("statement", "for example", "answer"), rows)]
    gets = "What the local Athena does with each kind of statement. [Its functions](athena-functions.md) have a page."
    return page("Athena's statements", gets, _WHERE, *parts)


def _answer(case: Case) -> str:
    return "done" if case.answer == DONE else f"`{case.answer}` …" if case.fails else f"`{case.answer}`"
