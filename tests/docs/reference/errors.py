"""``docs/reference/errors.md``: every error that Sluice raises on purpose."""

from __future__ import annotations

import inspect

from sluice import errors
from tests.docs.reference.page import Undocumented, page, paragraphs, table

FIELDS = """Each error says what happened (`what`), what is safe now (`safe`) and the next step (`next_step`).
What it is about is data, too: `dataset`, `column`, `value`, `file`, `position` (a line of a contract or a record of a
delivery, from 1; a byte of a JSON text, from 0). A command with `--json` prints them as one object on standard error,
with `error` (the class) and `retryable`. A field that an error is not about is left out."""
NO_MORE = "it says itself what to do"


def errors_page(module: object = errors) -> str:
    """Return the page."""
    kinds = [getattr(module, name) for name in module.__all__]  # type: ignore[attr-defined]
    parts = [FIELDS]
    for kind in sorted(kinds, key=lambda each: [base.__name__ for base in reversed(each.__mro__)]):
        parts += [f"## {kind.__name__}", _of(kind)]
    return page("Errors", "What went wrong, whether trying again helps, and what to do.", *parts)


def _of(kind: type[errors.SluiceError]) -> str:
    own = kind.__doc__ if "__doc__" in vars(kind) else None
    if own is None:
        raise Undocumented(f"{kind.__name__} has no docstring of its own.")
    again = (
        "retryable: the same step can succeed when it is repeated"
        if kind.retryable
        else "terminal: something must change first"
    )
    status = 2 if issubclass(kind, errors.WrongArgument) else 1
    rows = [
        ("is a", ", ".join(f"`{base.__name__}`" for base in kind.__bases__)),
        ("try again", again),
        ("status of a command", str(status)),
        ("safe", kind.usually_safe or NO_MORE.replace("what to do", "what is safe")),
        ("next", kind.usual_next_step or NO_MORE),
    ]
    if "code" in inspect.getmembers(kind) or hasattr(kind, "code"):
        rows.append(("`code` in quarantine", f"`{kind.code}`, or a reason of its own"))  # type: ignore[attr-defined]
    return f"{paragraphs(own, kind.__name__)}\n\n{table(('', ''), rows)}"
