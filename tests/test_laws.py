"""No law goes round `tests.laws.cases`: a share of its cases whenever tests run, all in `make proof`."""

from __future__ import annotations

import ast

import pytest

from tests import laws
from tests.folders import ROOT
from tests.laws import cases

#: Where another number of cases is right, and why.
OTHERS = {
    "tests/glue_jobs/strategies.py": "a sample, the same for a seed: suite and proof each ask for their number",
    "tests/sluice/ingestion/test_accepted_commits.py": "2 in the suite, 200 in a proof of its own: each is a table",
}


def round_cases(source: str) -> list[str]:
    """Return each number of cases that is not `cases` of one, and settings that nobody can read."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        of_settings = ast.unparse(node.func).rpartition(".")[2] == "settings"
        for keyword in node.keywords:
            is_cases = isinstance(keyword.value, ast.Call) and ast.unparse(keyword.value.func) == "cases"
            if (keyword.arg == "max_examples" and not is_cases) or (keyword.arg is None and of_settings):
                found.append(f"line {keyword.value.lineno}: {ast.unparse(keyword.value)}")
    return found


def files() -> dict[str, str]:
    return {file.relative_to(ROOT).as_posix(): file.read_text() for file in sorted((ROOT / "tests").rglob("*.py"))}


def test_every_law_is_tried_on_a_share_of_its_cases() -> None:
    found = {name: wrong for name, text in files().items() if "settings" in text and (wrong := round_cases(text))}
    assert {name: wrong for name, wrong in found.items() if name not in OTHERS} == {}
    assert found.keys() == OTHERS.keys(), "what stands in OTHERS is needed there"


@pytest.mark.parametrize(
    "given",
    [
        "max_examples=1_000",
        "deadline=None, max_examples=1_000",
        "max_examples=MANY",
        "max_examples=10 * cases(10)",
        "max_examples=min(cases(10), 5)",
        "**MANY",
    ],
)
@pytest.mark.parametrize("settings", ["settings", "hypothesis.settings"])
def test_a_number_of_cases_that_is_no_share_is_found(settings: str, given: str) -> None:
    assert len(round_cases(f"@{settings}({given})\n@given(X)\ndef test_a(x): ...")) == 1
    assert round_cases(f"@{settings}(max_examples=cases(1_000), deadline=None)\ndef test_a(): ...") == []


@pytest.mark.parametrize(("most", "share"), [(5, 5), (20, 20), (100, 20), (1_000, 100)])
def test_the_suite_tries_a_tenth_but_twenty_where_there_are_so_many(
    most: int, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laws, "ALL", False)
    assert cases(most) == share
    monkeypatch.setattr(laws, "ALL", True)
    assert cases(most) == most
