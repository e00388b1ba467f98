"""``docs/reference/athena-functions.md``: the functions of the local Athena, their forms, and those that it lacks."""

from __future__ import annotations

from collections.abc import Iterable

from localaws.athena.known_functions import LACKING, instead
from localaws.athena.signatures import SIGNATURES, SPECIAL, forms
from tests.docs.reference.page import page, table

_WORDS = """`integer` is any whole number, `number` any number, `varchar` any text, and `…` any number of the argument
before it. Every form is run by a test; what is in no form is refused: in Athena's words where Athena refuses it too,
otherwise as not supported."""


def athena_functions_page() -> str:
    """Return the page."""
    gets = "Which functions the local Athena has, each with its forms, and which of Athena's it has not."
    rows = [(f"`{name}`", ", ".join(f"`{form}`" for form in forms(name))) for name in sorted(SIGNATURES)]
    special = f"With a grammar of their own: {_listed(SPECIAL)}."
    lacking: dict[str, list[str]] = {}
    for name in sorted(LACKING):
        lacking.setdefault(instead(name), []).append(name)
    lines = [(_listed(names), allowed or "—") for allowed, names in lacking.items()]
    return page(
        "Functions of the local Athena",
        gets,
        _WORDS,
        f"## Those that it has\n\n{special}",
        table(("function", "forms"), rows),
        "## Those that it lacks\n\nA query that calls one of them is refused by its name. The functions of shapes that"
        " begin with `st_` are lacking, too.",
        table(("functions", "instead"), lines),
        "See [Athena's statements](statements.md).",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
