"""Builds HTML in which a text can only be text: whatever is no ``Html`` is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, Final, TypeAlias

from sluice.shortened import printable

#: Elements that have no end tag: https://html.spec.whatwg.org/multipage/syntax.html#void-elements
_VOID: Final = {"input", "meta", "wbr"}


@dataclass(frozen=True)
class Html:
    """HTML as it is written to the page."""

    text: str


Child: TypeAlias = "Html | str | Iterable[Child] | None"


def tag(element: str, /, *children: Child, **attributes: str | int | float | None) -> Html:
    """Return an element; texts in it and values of attributes are escaped, attributes of None are left out.

    An underscore in the name of an attribute stands for a hyphen, one at its end for nothing, as in ``class_``.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if element in _VOID else f"{joined(children).text}</{element}>"
    return Html(f"<{element}{given}>{end}")


def joined(children: Child) -> Html:
    """Return children one after the other; texts are escaped, None is nothing."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return Html(_text(children))
    return Html("".join(joined(child).text for child in children))


def data_block(values: Any) -> str:
    """Return values as JSON for a ``script`` element of type ``application/json``, which none of them can end.

    Texts in it are as ``tag`` shows them, so that a script finds what stands on the page.
    https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements
    """
    return json.dumps(_visible(values), separators=(",", ":")).replace("&", "\\u0026").replace("<", "\\u003c")


def _visible(values: Any) -> Any:
    """Return values with texts in which what a browser would not show, or act on as a direction mark, is its code."""
    if isinstance(values, dict):
        return {_visible(key): _visible(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_visible(value) for value in values]
    return "\n".join(map(printable, values.split("\n"))) if isinstance(values, str) else values


def _text(text: str) -> str:
    return escape(_visible(text))
