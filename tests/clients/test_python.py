"""Python's clients of Athena against the local AWS, each by a program of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.clients.environments import FOLDER, outcomes

pytestmark = pytest.mark.slow
#: What takes a minute each, and is the least direct of them.
NIGHTLY = ("ibis_tables", "iceberg_readers", "wrangler")
PROGRAMS = sorted((FOLDER / "python").glob("*.py"))


def steps(program: Path) -> list[str]:
    """Return the names of a program's public functions, in their order."""
    body = ast.parse(program.read_text(encoding="utf-8")).body
    return [each.name for each in body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")]


@pytest.fixture(scope="module")
def ended(aws: dict[str, str]) -> dict[Path, dict[str, str | None]]:
    """What came of each program: each is run once."""
    return {}


@pytest.mark.parametrize(
    ("program", "step"),
    [
        pytest.param(each, step, id=f"{each.stem}-{step}", marks=[pytest.mark.proof] if each.stem in NIGHTLY else [])
        for each in PROGRAMS
        for step in steps(each)
    ],
)
def test_a_client_works_unchanged(
    aws: dict[str, str], ended: dict[Path, dict[str, str | None]], program: Path, step: str
) -> None:
    if program not in ended:
        ended[program] = outcomes(program, aws)
    assert ended[program][step] is None, ended[program][step]
