"""Docstrings are plain: they say what is returned, call None by its name, and use no word that was retired."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.folders import ROOT

PACKAGES = ("sluice", "localaws", "infra", "lambdas", "glue_jobs", "shopsphere", "benchmarks")
#: By what is wrong with it: the wording, and what to write in its place.
HARD = {
    "tell": (re.compile(r"\ATells?\b"), "say what is returned: Return whether …"),
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
#: Files whose words are still to be mended, by what is wrong; the list only shrinks.
LEFT: dict[str, set[str]] = {
    "localaws/athena/iceberg.py": {"tell"},
    "localaws/athena/statements.py": {"tell"},
    "localaws/events/patterns.py": {"tell"},
    "localaws/functions/kinesis_batches.py": {"lane"},
    "localaws/functions/kinesis_poller.py": {"lane"},
    "localaws/gateway/admission.py": {"told"},
    "localaws/gateway/calls.py": {"told"},
    "localaws/gateway/http.py": {"tell", "told"},
    "localaws/iam/passed.py": {"told"},
    "sluice/ingestion/changes/columns.py": {"none"},
    "sluice/ingestion/changes/envelopes/debezium.py": {"tell"},
    "sluice/ingestion/changes/rows.py": {"tell"},
    "sluice/ingestion/readers/csv_grammar.py": {"none", "tell"},
    "sluice/ingestion/readers/csv_split.py": {"none", "told"},
    "sluice/ingestion/readers/json_keys.py": {"none", "tell"},
    "sluice/ingestion/readers/json_records.py": {"tell"},
    "sluice/ingestion/readers/parquet_plan.py": {"tell"},
    "sluice/ingestion/readers/parquet_sizes.py": {"none"},
    "sluice/ingestion/readers/text.py": {"tell"},
}


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and prose of each docstring in ``source``; what stands between backticks is code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, re.sub(r"`+[^`]*`+", "``", text)


def hard_words(source: str) -> dict[str, list[str]]:
    """What is hard to read in a file's docstrings: by what is wrong, a sentence for each place."""
    found: dict[str, list[str]] = {}
    for line, text in docstrings(source):
        for name, (wording, instead) in HARD.items():
            if match := wording.search(text):
                found.setdefault(name, []).append(f"line {line}: {match[0]!r}: {instead}")
    return found


def files() -> list[Path]:
    return sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_are_plain(package: str) -> None:
    found = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        hard = hard_words(file.read_text())
        if places := {name: said for name, said in hard.items() if name not in LEFT.get(path, ())}:
            found[path] = places
    assert found == {}


def test_what_is_mended_leaves_the_list() -> None:
    stale = {path: names - set(hard_words((ROOT / path).read_text())) for path, names in LEFT.items()}
    assert {path: names for path, names in stale.items() if names} == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Tell whether it rains.", ["tell"]),
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
