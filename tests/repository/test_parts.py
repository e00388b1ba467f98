"""However the proofs are parted, each is in exactly one part, and the nightly run's parts fit."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.folders import ROOT
from tests.parts import LONGEST, SECONDS, dealt, name_of, part_of, seconds_of
from tests.repository.workflows import NIGHTLY_PARTS

NODES = st.sets(
    st.sampled_from(sorted(SECONDS)) | st.from_regex(r"[a-z]{1,3}/test_[a-z]\.py::test_[a-z]{1,2}", fullmatch=True)
)


def proofs() -> set[str]:
    """All test functions that are marked as proofs, or whose module is, told from the source."""
    found = set()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text())
        marks = [ast.unparse(each) for each in tree.body if isinstance(each, ast.Assign)]
        whole = any(mark.startswith("pytestmark") and "pytest.mark.proof" in mark for mark in marks)
        for each in ast.walk(tree):
            if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
                marked = any(ast.unparse(mark) == "pytest.mark.proof" for mark in each.decorator_list)
                if whole or marked:
                    found.add(f"{file.relative_to(ROOT)}::{each.name}")
    return found


@given(NODES, st.integers(1, 9))
def test_each_proof_is_in_exactly_one_part(nodes: set[str], parts: int) -> None:
    found = dealt(nodes, parts)
    assert len(found) == parts
    assert sorted(node for part in found for node in part) == sorted(nodes)


@given(st.lists(st.sampled_from(sorted(SECONDS)), unique=True), st.integers(1, 9), st.randoms())
def test_the_order_in_which_proofs_are_found_changes_no_part(nodes: list[str], parts: int, chance: object) -> None:
    shuffled = list(nodes)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert dealt(shuffled, parts) == dealt(nodes, parts)


def test_each_part_of_a_night_fits() -> None:
    found = dealt(proofs(), NIGHTLY_PARTS)
    assert all(found)
    assert max(sum(map(seconds_of, part)) for part in found) <= LONGEST


def test_each_measured_proof_is_there() -> None:
    assert set(SECONDS) <= {name_of(node) for node in proofs()}


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "1/0", "a/b", "1/2/3", "-1/2", " 1/2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(pytest.UsageError, match="N from 1 to M"):
        part_of(text)


@pytest.mark.slow
def test_pytest_runs_each_proof_in_one_part_whatever_else_is_selected(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  proof\n  real_data\n")
    (tmp_path / "test_toy.py").write_text(
        "import pytest\npytestmark = pytest.mark.proof\n"
        "@pytest.mark.parametrize('n', range(3))\ndef test_one(n): pass\n"
        "@pytest.mark.real_data\ndef test_two(): pass\ndef test_three(): pass\n"
    )

    def ran(part: str, marks: str) -> list[str]:
        command = (sys.executable, "-m", "pytest", "-p", "tests.parts", "--part", part, "-m", marks, "-v", "--rootdir")
        answer = subprocess.run(
            [*command, str(tmp_path), "-c", str(tmp_path / "pytest.ini"), "-p", "no:xdist", str(tmp_path)],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert answer.returncode in (0, 5), answer.stdout
        return [line.split("::")[1].split()[0] for line in answer.stdout.splitlines() if "PASSED" in line]

    parts = [ran(f"{number}/2", "proof") for number in (1, 2)]
    assert all(parts)
    assert sorted(name for part in parts for name in part) == [
        "test_one[0]",
        "test_one[1]",
        "test_one[2]",
        "test_three",
        "test_two",
    ]
    without = [ran(f"{number}/2", "proof and not real_data") for number in (1, 2)]
    assert without == [[name for name in part if name != "test_two"] for part in parts]
