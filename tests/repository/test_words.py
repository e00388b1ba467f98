"""Docstrings are plain: they say what is returned, call None by its name, and use no word that was retired."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.folders import ROOT

PACKAGES = ("sluice", "localaws", "infra", "lambdas", "glue_jobs", "shopsphere", "benchmarks")
#: By what is wrong with it: the wording, and what to write in its place.
HARD = {
    "head": (re.compile(r"\A(?:The|How|What|Why|Which|When|Where|Who)\b"), "say what the function does: Return …"),
    "tell": (re.compile(r"\A(?:Tells?|Whether|Says? whether)\b"), "say what is returned: Return whether …"),
    "none": (
        re.compile(r"\(none: |\bnone: |[;,] none (?:when|if|where|without|for|of|while)\b|\bis none (?:when|if|for)\b"),
        "call None by its name, or say that a text or a list is empty",
    ),
    "course": (re.compile(r"\bcourses?\b(?<!of course)", re.IGNORECASE), "refresh strategy"),
    "workshop": (re.compile(r"\bworkshops?\b", re.IGNORECASE), "run context"),
    "lane": (re.compile(r"\blanes?\b", re.IGNORECASE), "concurrent batches per shard"),
    "lend": (re.compile(r"\blen(?:ds?|t|ding)\b", re.IGNORECASE), "register, or make readable"),
    "glance": (re.compile(r"\bglances?\b", re.IGNORECASE), "poll"),
    "came-went": (re.compile(r"\bcame (?:and|or) (?:that )?went\b", re.IGNORECASE), "added and removed"),
    "told": (re.compile(r"\b(?:is|are|was|were|been) told\b", re.IGNORECASE), "reported, or known"),
    "scope": (re.compile(r"\bre-opens?\b", re.IGNORECASE), "affected keys, recomputed"),
}


def docstrings(source: str) -> Iterator[tuple[bool, int, str]]:
    """Of each docstring in ``source``: whether it is a function's, its line, its prose without code in backticks."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                yield is_function, node.body[0].lineno, re.sub(r"`+[^`]*`+", "``", text)


def hard_words(source: str) -> dict[str, list[str]]:
    """What is hard to read in a file's docstrings: by what is wrong, a sentence for each place."""
    found: dict[str, list[str]] = {}
    for is_function, line, text in docstrings(source):
        for name, (wording, instead) in HARD.items():
            if (is_function or name != "head") and (match := wording.search(text)):
                found.setdefault(name, []).append(f"line {line}: {match[0]!r}: {instead}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_are_plain(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    hard = {file.relative_to(ROOT).as_posix(): hard_words(file.read_text()) for file in files}
    assert {path: places for path, places in hard.items() if places} == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Tell whether it rains.", ["tell"]),
        ("Whether it rains.", ["tell"]),
        ("Return the size; none when it is not known.", ["none"]),
        ("The snapshots to read (none: the present ones).", ["none"]),
        ("Choose the course of a run.", ["course"]),
        ("Of course the ``course`` is a name in the code.", []),
        ("How many lanes read a shard of the workshop.", ["workshop", "lane"]),
        ("``LakeFiles`` lends it a client.", ["lend"]),
        ("The rows that came or went.", ["came-went"]),
        ("Return the size, or None when none of the files is left.", []),
    ],
)
def test_hard_words_are_found(text: str, wrong: list[str]) -> None:
    assert list(hard_words(f'"""{text}"""')) == wrong


def test_a_function_begins_with_what_it_returns_or_does() -> None:
    function = 'def size():\n    """The size in bytes."""\n'
    assert list(hard_words(function)) == ["head"]
    assert hard_words(function.replace("The", "Return the")) == {}
    assert hard_words(function.replace("def size()", "class Size")) == {}
