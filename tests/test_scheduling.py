"""Workers stay in folders, take each file once, and know the files that share nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling import LONGEST, ON_THEIR_OWN, folder_of, next_file, scheduler

ROOT = Path(__file__).resolve().parents[1]
FILES = st.lists(
    st.sampled_from([*ON_THEIR_OWN, *(f"tests/{a}/test_{b}.py" for a in "abc" for b in "xyz")]), min_size=1
)
FOLDERS = st.sampled_from(["tests/a", "tests/b", "tests/end_to_end"])


@given(FILES, st.none() | FOLDERS, st.lists(FOLDERS))
def test_a_waiting_file_is_taken_and_one_of_the_workers_own_folder_first(
    waiting: list[str], mine: str | None, others: list[str]
) -> None:
    taken = next_file(waiting, mine, others)
    assert taken in waiting
    if any(folder_of(file) == mine and file not in ON_THEIR_OWN for file in waiting):
        assert folder_of(taken) == mine
        assert taken not in ON_THEIR_OWN


def test_where_nobody_is_comes_before_what_needs_no_folder_and_that_before_another_workers_folder() -> None:
    (alone, *_), there, free = sorted(ON_THEIR_OWN), "tests/end_to_end/test_x.py", "tests/a/test_x.py"
    assert next_file([there, alone, free], None, ["tests/end_to_end"]) == free
    assert next_file([there, alone], "tests/a", ["tests/end_to_end"]) == alone
    assert next_file(["tests/end_to_end/test_w.py", there], "tests/a", ["tests/end_to_end"]) == there


class Worker:
    """A worker of pytest-xdist, which keeps what it is given."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway = type("Gateway", (), {"id": name})()
        self.given: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def config(dist: str, workers: int = 2) -> Any:
    """What pytest-xdist reads of a configuration: so many workers, and files ordered by their number of tests."""
    option = type("Option", (), {"loadscopereorder": True})()
    values = {"tx": [f"{workers}*popen"], "dist": dist}
    both = {"getvalue": staticmethod(values.get), "getoption": staticmethod(values.get)}
    return type("Config", (), {"option": option, **both})()


def run(tests: list[str], workers: int = 2) -> list[list[str]]:
    """Run tests as pytest-xdist does, in turn on each worker; return the files that each was given, in order."""
    found = scheduler(config("loadfile", workers), None)
    assert found is not None
    nodes = [Worker(str(number)) for number in range(workers)]
    for node in nodes:
        found.add_node(node)  # type: ignore[arg-type]
    for node in nodes:
        found.add_node_collection(node, tests)  # type: ignore[arg-type]
    found.schedule()
    done = dict.fromkeys(nodes, 0)
    while any(done[node] < len(node.given) for node in nodes):
        for node in nodes:
            if done[node] < len(node.given):
                done[node] += 1
                found.mark_test_complete(node, node.given[done[node] - 1])  # type: ignore[arg-type]
    assert sorted(index for node in nodes for index in node.given) == list(range(len(tests)))
    return [list(dict.fromkeys(tests[index].split("::")[0] for index in node.given)) for node in nodes]


def items_in(files: dict[str, int]) -> list[str]:
    return [f"{file}::test_{number}" for file, count in files.items() for number in range(count)]


def test_each_worker_stays_in_its_folder_and_the_longest_folders_come_first() -> None:
    folders = ("tests/few", "tests/many", "tests/glue_jobs", "tests/end_to_end")
    # The order of names, and that of the numbers of tests, are others.
    files = {f"{folder}/test_{name}.py": 9 if "many" in folder else 3 for name in "abcd" for folder in folders}
    given = run(items_in(files))
    stays = [[folder_of(file) for file in each] for each in given]
    for each in stays:
        assert each == sorted(each, key=each.index), f"a folder was left and entered again: {each}"
    assert [each[0] for each in stays] == ["tests/end_to_end", "tests/glue_jobs"]
    # The folder with more tests is taken before the one with fewer; who has nothing left helps with the last file.
    many, few = ["tests/many"], ["tests/few"]
    assert stays == [["tests/end_to_end"] * 4 + many * 3, ["tests/glue_jobs"] * 4 + few * 4 + many]


def test_files_of_a_folder_are_taken_in_the_order_in_which_they_stand() -> None:
    # xdist's own order is by the number of tests: the file with the most first.
    files = {"tests/a/test_1.py": 1, "tests/a/test_2.py": 5, "tests/a/test_3.py": 3}
    assert run(items_in(files), workers=1) == [list(files)]


@given(st.dictionaries(FILES.map(lambda files: files[0]), st.integers(1, 4), min_size=1, max_size=12))
def test_every_test_is_run_once_by_one_worker(files: dict[str, int]) -> None:
    given = run(items_in(files))
    assert sorted(file for each in given for file in each) == sorted(files)


def test_only_what_is_dealt_by_files_is_dealt_so() -> None:
    assert scheduler(config("worksteal"), None) is None


def starts_its_own(text: str) -> bool:
    """Tell whether a file starts a local AWS, and takes none from its folder."""
    starts = re.search(r'with started\(|sluice\("up"', text) is not None
    return starts and ("def deployed(" in text or "deployed: Deployment" not in text)


def test_what_is_said_of_files_and_folders_is_so() -> None:
    files = sorted((ROOT / "tests/end_to_end").glob("test_*.py"))
    assert {f"tests/end_to_end/{file.name}" for file in files if starts_its_own(file.read_text())} == ON_THEIR_OWN
    assert all((ROOT / folder).is_dir() for folder in LONGEST)
