"""However proofs and laws are parted, each is in exactly one part, and the nightly run's parts fit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collected import COLLECTED
from tests.folders import ROOT
from tests.parts import LONGEST, SECONDS, UNMEASURED, UNMEASURED_LAW, dealt, name_of, part_of, seconds_of
from tests.repository.marked import laws, laws_in, proofs, proofs_in
from tests.repository.workflows import NIGHTLY_PARTS

NODES = st.dictionaries(
    st.sampled_from(sorted(SECONDS)) | st.from_regex(r"[a-z]{1,3}/test_[a-z]\.py::test_[a-z]{1,2}", fullmatch=True),
    st.integers(1, 3000),
)


def night() -> dict[str, int]:
    """Everything that a night runs, and how long each is taken to last."""
    proven = proofs()
    return {node: seconds_of(node, law=node not in proven) for node in proven | laws()}


def selection(more: str) -> str:
    """Return what `make proof` selects, with its AND."""
    found = re.search(r'--part \$\(PART\) -m "(.*?)"', (ROOT / "Makefile").read_text())
    assert found
    return found[1].replace("$(AND)", more)


@pytest.mark.slow
@given(NODES, st.integers(1, 9))
def test_each_proof_is_in_exactly_one_part(nodes: dict[str, int], parts: int) -> None:
    found = dealt(nodes, parts)
    assert len(found) == parts
    assert sorted(node for part in found for node in part) == sorted(nodes)


@given(NODES, st.integers(1, 9), st.randoms())
def test_the_order_in_which_proofs_are_found_changes_no_part(nodes: dict[str, int], parts: int, chance: Random) -> None:
    shuffled = list(nodes.items())
    chance.shuffle(shuffled)
    assert dealt(dict(shuffled), parts) == dealt(nodes, parts)


@pytest.mark.slow
def test_each_part_of_a_night_fits() -> None:
    seconds = night()
    found = dealt(seconds, NIGHTLY_PARTS)
    assert all(found)
    assert max(sum(seconds[node] for node in part) for part in found) <= LONGEST


def test_parts_are_about_as_long_as_each_other() -> None:
    """The longest first, each to the part that has the least: at most a third longer than the best that there is."""
    # https://en.wikipedia.org/wiki/Longest-processing-time-first_scheduling
    seconds = {"a": 2, "b": 2, "c": 2, "d": 3, "e": 3}
    assert sorted(sum(seconds[each] for each in part) for part in dealt(seconds, 2)) == [5, 7]
    assert dealt({"a": 1, "b": 1, "z": 2}, 2) == [{"z"}, {"a", "b"}]


@given(NODES, st.integers(1, 9))
def test_no_part_is_longer_than_another_by_more_than_its_shortest_proof(nodes: dict[str, int], parts: int) -> None:
    found = dealt(nodes, parts)
    least = min(sum(nodes[each] for each in part) for part in found)
    for part in (part for part in found if part):
        assert sum(nodes[each] for each in part) - min(nodes[each] for each in part) <= least


def test_what_nobody_has_measured_is_taken_to_be_long() -> None:
    # A guess that is too short puts two of the longest in one part; one that is too long costs a part some minutes.
    measured = sorted(SECONDS.values())
    assert measured[0] <= UNMEASURED <= measured[-1]
    assert UNMEASURED >= 10 * 60
    assert seconds_of("test_new.py::test_new") == UNMEASURED
    assert 10 <= seconds_of("test_new.py::test_new", law=True) == UNMEASURED_LAW < UNMEASURED


def test_a_proof_of_a_million_cases_is_taken_to_last_as_long_as_a_million_cases_do() -> None:
    # No reader takes a case in less than half a millisecond.
    assert all(seconds >= 500 for name, seconds in SECONDS.items() if "a_million" in name)
    assert sum("a_million" in name for name in SECONDS) == 2


def test_each_measured_proof_is_there() -> None:
    assert set(SECONDS) <= {name_of(node) for node in night()}


_PROOFS = [
    "@pytest.mark.proof\ndef test_a(): ...",
    "@pytest.mark.proof\nasync def test_a(): ...",
    "class TestIt:\n    @pytest.mark.proof\n    def test_a(self): ...",
    "pytestmark = pytest.mark.proof\ndef test_a(): ...",
    "pytestmark = [pytest.mark.slow, pytest.mark.proof]\ndef test_a(): ...",
    "@pytest.mark.parametrize('n', [1, pytest.param(2, marks=pytest.mark.proof)])\ndef test_a(n): ...",
    "@pytest.mark.parametrize('n', [pytest.param(n, marks=[pytest.mark.proof] if n else []) for n in N])\n"
    "def test_a(n): ...",
    "_N = [pytest.param(1, marks=(pytest.mark.slow, pytest.mark.proof))]\n"
    "@pytest.mark.parametrize('n', _N)\ndef test_a(n): ...",
    "_N: list[Any] = [pytest.param(1, marks=pytest.mark.proof)]\n"
    "@pytest.mark.parametrize('n', [0, *_N])\ndef test_a(n): ...",
    "_MARK = pytest.mark.proof\n_N = [pytest.param(1, marks=_MARK)]\n"
    "@pytest.mark.parametrize('n', _N)\ndef test_a(n): ...",
    "@pytest.mark.parametrize('n', some(range(9), 3))\ndef test_a(n): ...",
    "@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.proof)])\ndef made(request): ...\n"
    "def test_a(made): ...",
    "def _made():\n    yield pytest.param(1, marks=pytest.mark.proof)\n"
    "@pytest.mark.parametrize('n', _made())\ndef test_a(n): ...",
]


@pytest.mark.parametrize("source", _PROOFS)
def test_a_proof_is_found_however_it_is_marked(source: str) -> None:
    assert proofs_in(source) == {"test_a"}


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.slow\ndef test_a(): ...\n_N = [pytest.param(1, marks=pytest.mark.proof)]",
        "def test_a():\n    assert pytest.mark.proof",
        "@pytest.mark.parametrize('n', ['pytest.mark.proof'])\ndef test_a(n): ...",
        "@pytest.mark.proof\ndef helper(): ...\ndef test_a(): ...",
    ],
)
def test_what_is_not_marked_is_no_proof(source: str) -> None:
    assert proofs_in(source) == set()


@pytest.mark.parametrize(
    ("imported", "name"),
    [
        ("from hypothesis import given", "given"),
        ("from hypothesis import settings, given as forall", "forall"),
        ("import hypothesis", "hypothesis.given"),
        ("import hypothesis as h", "h.given"),
    ],
)
def test_a_law_is_found_by_its_decorator(imported: str, name: str) -> None:
    law = f"{imported}\n@settings(max_examples=3)\n@{name}(X)\ndef test_a(x): ...\n"
    assert laws_in(f"{law}def test_c(): ...\n@{name}(X)\ndef helper(x): ...") == {"test_a"}


def test_the_decision_names_each_file_with_a_proof_and_no_file_that_is_gone() -> None:
    (page,) = (ROOT / "docs" / "decisions").glob("0018-*.md")
    (table,) = re.findall(r"^\|.*?^(?!\|)", page.read_text(), re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(tests/[\w/.]+)`", table))
    assert sorted({node.partition("::")[0] for node in proofs()} - named) == []
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.slow
def test_pytest_selects_the_same_proofs_and_laws(request: pytest.FixtureRequest) -> None:
    """As pytest has collected them for this very run; one that has not looked at all files is asked anew."""
    collected = request.config.stash[COLLECTED]
    files = {file for file in (ROOT / "tests").rglob("test_*.py") if "def test_" in file.read_text()}
    found = set(collected.proofs_and_laws) if files <= collected.files else selected()
    assert found == set(night())


def selected() -> set[str]:
    command = (sys.executable, "-m", "pytest", "tests", "--collect-only", "-q", "-n", "0", "-m", selection(""))
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return {line.partition("[")[0] for line in answer.stdout.splitlines() if line.startswith("tests/")}


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "1/0", "a/b", "1/2/3", "-1/2", " 1/2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(pytest.UsageError, match="N from 1 to M"):
        part_of(text)


_TOY = """
import pytest
from hypothesis import given, strategies as st
@pytest.mark.proof
@pytest.mark.parametrize('n', range(3))
def test_one(n): pass
@pytest.mark.proof
@pytest.mark.real_data
def test_two(): pass
@pytest.mark.parametrize('n', [0, pytest.param(1, marks=pytest.mark.proof), pytest.param(2, marks=pytest.mark.proof)])
def test_three(n): pass
@given(st.integers())
def test_law(n): pass
@pytest.mark.parametrize('n', range(2))
@given(m=st.integers())
def test_law_with_parameters(n, m): pass
@pytest.mark.real_data
@given(st.integers())
def test_law_of_real_data(n): pass
@pytest.mark.proof
@given(st.integers())
def test_proven_law(n): pass
def test_neither(): pass
"""


@pytest.mark.slow
def test_make_proof_runs_each_proof_and_law_in_one_part_whatever_else_is_selected(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  proof\n  law\n  real_data\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_collection_modifyitems\n")
    (tmp_path / "test_toy.py").write_text(_TOY)

    def ran(part: str, more: str) -> list[str]:
        command = (sys.executable, "-m", "pytest", "-p", "tests.parts", "--part", part, "-m", selection(more), "-v")
        answer = subprocess.run(
            [*command, "--rootdir", str(tmp_path), "-c", str(tmp_path / "pytest.ini"), "-p", "no:xdist", str(tmp_path)],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert answer.returncode in (0, 5), answer.stdout
        return [line.split("::")[1].split()[0] for line in answer.stdout.splitlines() if "PASSED" in line]

    parts = [ran(f"{number}/2", "") for number in (1, 2)]
    assert all(parts)
    assert sorted(name for part in parts for name in part) == [
        "test_law",
        "test_law_of_real_data",
        "test_law_with_parameters[0]",
        "test_law_with_parameters[1]",
        "test_one[0]",
        "test_one[1]",
        "test_one[2]",
        "test_proven_law",
        "test_three[1]",
        "test_three[2]",
        "test_two",
    ]
    without = [ran(f"{number}/2", "and not real_data") for number in (1, 2)]
    real = {"test_two", "test_law_of_real_data"}
    assert without == [[name for name in part if name not in real] for part in parts]
