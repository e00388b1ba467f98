"""A command finds the project that it stands in; where there is none it says so, or does without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sluice.errors import CommandError
from sluice.folders import MARKS, brought, needed_project, present_project, project_around
from tests.folders import ROOT


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop" / "contracts" / "gold").mkdir(parents=True)
    for mark in MARKS:
        (tmp_path / "shop" / mark).touch()
    return tmp_path / "shop"


def test_a_project_is_found_from_any_folder_in_it_and_the_nearest_wins(shop: Path) -> None:
    inner = shop / "contracts" / "gold"
    for place in (shop, inner, inner / "not yet there"):
        found = project_around(place)
        assert found is not None
        assert (found.root, found.contracts) == (shop, shop / "contracts")
    for mark in MARKS:
        (inner / mark).touch()
    nearest = project_around(inner)
    assert nearest is not None
    assert nearest.root == inner


@pytest.mark.parametrize("mark", MARKS)
def test_one_of_the_marks_alone_makes_no_project(shop: Path, mark: str) -> None:
    (shop / mark).unlink()
    assert project_around(shop) is None
    (shop / mark).mkdir()  # a folder of that name is none, either
    assert project_around(shop) is None


def test_where_there_is_no_project_the_error_says_how_to_make_one(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="is in no Sluice project") as told:
        needed_project([tmp_path])
    assert told.value.file == str(tmp_path)
    assert "`sluice init NAME`" in told.value.next_step
    assert needed_project([tmp_path, shop / "contracts"]).root == shop


def test_a_folder_that_was_deleted_is_in_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert present_project() is None


def test_this_repository_is_a_project() -> None:
    found = project_around(Path(__file__))
    assert found is not None
    assert found.root == ROOT


@pytest.mark.parametrize("name", ["infra", "lambdas", "step_functions"])
def test_what_the_wheel_carries_inside_of_the_library_stands_beside_it_here(name: str) -> None:
    assert brought(name) == ROOT / name


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("infra", "sluice.infra"), ("sluice.infra", "infra")])
def test_the_stacks_are_not_imported_by_two_names(first: str, second: str) -> None:
    code = f"import {first}.bundle\ntry:\n    import {second}\nexcept ImportError as error:\n    print(error)\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"is imported as {first} already" in done.stdout
