"""Each test is run by one of the fast, the slow and the long part, whatever its marks and wherever it stands."""

from __future__ import annotations

import re
import shlex
import tomllib
from itertools import chain, combinations
from pathlib import Path

import pytest

from tests.conftest import SLOW_FOLDER, is_slow_by_place
from tests.folders import ROOT

MARKS = ("slow", "spark", "proof", "real_data")
KINDS = list(chain.from_iterable(combinations(MARKS, size) for size in range(len(MARKS) + 1)))


def commands(target: str) -> list[list[str]]:
    """The words of each call of pytest in a target of the Makefile, without what may be added to it."""
    makefile = (ROOT / "Makefile").read_text()
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    lines = [line.replace(" $(AND)", "") for line in recipe.splitlines() if "/pytest " in line]
    return [shlex.split(line) for line in lines]


def selects(command: list[str], marks: tuple[str, ...], folder: str) -> bool:
    """Whether a call of pytest runs a test with these marks in a folder."""
    ignored = [command[place + 1] for place, word in enumerate(command) if word == "--ignore"]
    if any(folder == each or folder.startswith(f"{each}/") for each in ignored):
        return False
    names = {each: each in marks for each in (*MARKS, "law")}
    return bool(eval(command[command.index("-m") + 1], {"__builtins__": {}}, names))


@pytest.mark.parametrize("folder", ["tests", "tests/sluice/refresh/spark", SLOW_FOLDER, f"{SLOW_FOLDER}/deeper"])
@pytest.mark.parametrize("marks", KINDS, ids="-".join)
def test_each_test_is_run_by_one_of_the_parts(marks: tuple[str, ...], folder: str) -> None:
    if is_slow_by_place(ROOT / folder / "test_toy.py"):
        marks = (*marks, "slow")
    # `make test` runs `fast` beside `check`: tests/repository/test_workflows.py.
    (fast,), (slow,), (proof,) = commands("fast"), commands("test"), commands("proof")
    assert [selects(each, marks, folder) for each in (fast, slow, proof)].count(True) == 1


@pytest.mark.parametrize("marks", KINDS, ids="-".join)
def test_whoever_names_a_file_runs_all_of_it_but_long_proofs(marks: tuple[str, ...]) -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
    for folder in ("tests/sluice", SLOW_FOLDER):
        assert selects(shlex.split(options), marks, folder) == ("proof" not in marks)


def test_what_stands_where_the_fast_part_does_not_look_is_slow() -> None:
    assert is_slow_by_place(ROOT / SLOW_FOLDER / "test_a.py")
    assert is_slow_by_place(ROOT / SLOW_FOLDER / "b" / "test_a.py")
    assert not is_slow_by_place(ROOT / "tests" / "test_a.py")
    assert not is_slow_by_place(Path("/elsewhere/tests/end_to_end/test_a.py"))


def test_a_test_is_marked_by_its_place(request: pytest.FixtureRequest) -> None:
    """The marking itself: the hook that every collection goes through."""
    from tests.conftest import pytest_collection_modifyitems

    class Toy:
        obj = None
        path = ROOT / SLOW_FOLDER / "test_toy.py"
        marks: list[str]

        def add_marker(self, mark: str) -> None:
            self.marks.append(mark)

    there, here = Toy(), Toy()
    there.marks, here.marks, here.path = [], [], Path(request.path)
    pytest_collection_modifyitems([there, here])  # type: ignore[list-item]
    assert (there.marks, here.marks) == (["slow"], [])
