"""Text stays text: nothing that stands in data is taken for an element, an attribute or a script."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sluice.cli.ui.markup import Html, data_block, joined, tag
from sluice.shortened import printable

HOSTILE = (
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<!--<script>", "]]>", '" onload="alert(1)',
    "' autofocus onfocus='alert(1)", "<img src=x onerror=alert(1)>", "&lt;script&gt;", "</title><svg/onload=alert(1)>",
    "javascript:alert(1)", "\0<\x7f", "\u202egnp.exe", "\ud800", "`${alert(1)}`", "a & b", "\u2028",
)  # fmt: skip


class Read(HTMLParser):
    """What a reader of HTML finds: elements with their attributes, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def with_hostile(test: Callable[..., None]) -> Callable[..., None]:
    for text in HOSTILE:
        test = example(text)(test)
    return test


def shown(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def readable(values: Any) -> Any:
    if isinstance(values, dict):
        return {shown(key): readable(value) for key, value in values.items()}
    return (
        [readable(value) for value in values]
        if isinstance(values, list)
        else shown(values)
        if isinstance(values, str)
        else values
    )


@with_hostile
@given(st.text())
def test_a_text_is_read_back_as_the_text_that_it_is(text: str) -> None:
    read = Read(tag("p", text, title=text, data_of=text).text)
    assert read.elements == [("p", [("title", shown(text)), ("data-of", shown(text))])]
    assert read.text == shown(text)
    joined(text).text.encode()  # what no encoding can hold is no part of it


@with_hostile
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_data_for_the_script_is_read_back_and_cannot_end_its_element(values: object) -> None:
    block = data_block(values)
    assert json.loads(block) == readable(values)
    assert "<" not in block
    assert block.isascii()


def test_children_of_any_depth_are_joined_and_attributes_of_nothing_are_left_out() -> None:
    made = tag("ul", [tag("li", each) for each in ("a", "b")], None, class_="x", id=None)
    assert made == Html('<ul class="x"><li>a</li><li>b</li></ul>')
    assert tag("meta", charset="utf-8") == Html('<meta charset="utf-8">')
