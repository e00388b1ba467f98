"""Workers stay in folders, take each file once, and know the files that share nothing."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling import LONGEST, ON_THEIR_OWN, folder_of, next_file

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


def starts_its_own(text: str) -> bool:
    """Tell whether a file starts a local AWS, and takes none from its folder."""
    starts = re.search(r'with started\(|sluice\("up"', text) is not None
    return starts and ("def deployed(" in text or "deployed: Deployment" not in text)


def test_what_is_said_of_files_and_folders_is_so() -> None:
    files = sorted((ROOT / "tests/end_to_end").glob("test_*.py"))
    assert {f"tests/end_to_end/{file.name}" for file in files if starts_its_own(file.read_text())} == ON_THEIR_OWN
    assert all((ROOT / folder).is_dir() for folder in LONGEST)
