"""A command finds the project that it stands in; where there is none it says so, or does without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.errors import CommandError
from sluice.folders import MARKS, brought, meant_project, needed_project, present_project, project_around
from sluice.transforms.discover import transform_folders
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


def test_what_may_not_be_looked_at_is_no_project(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: object, **_: object) -> os.stat_result:
        if str(path).startswith(str(shop)):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(str(path))

    stat = os.stat
    (shop.parent / MARKS[0]).touch()
    monkeypatch.setattr(os, "stat", refused)
    assert project_around(shop / "contracts") is None


@pytest.mark.parametrize("error", [FileNotFoundError(2, "gone"), PermissionError(13, "Permission denied")])
def test_a_present_folder_that_cannot_be_told_is_in_no_project(error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> str:
        raise error

    monkeypatch.setattr(os, "getcwd", refused)
    monkeypatch.setattr(Path, "cwd", refused)
    assert present_project() is None
    with pytest.raises(CommandError, match="the present folder is in no Sluice project"):
        needed_project()


def test_the_project_that_contracts_lie_in_is_meant_wherever_one_stands(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "contracts").mkdir(parents=True)
    for mark in MARKS:
        (tmp_path / "site" / mark).touch()
    site, mine = tmp_path / "site" / "contracts", shop / "contracts"
    monkeypatch.chdir(shop)
    assert needed_project([site]).root == tmp_path / "site"
    assert transform_folders([site]) == [tmp_path / "site" / "glue_jobs"]
    # Contracts that lie in none join the present project's, and more of one project are of that one.
    assert needed_project([tmp_path]).root == shop
    assert needed_project([mine / "gold", mine, tmp_path]).root == shop
    for refused in (needed_project, meant_project, transform_folders):
        with pytest.raises(CommandError, match=f"{shop} and {tmp_path}/site are two projects"):
            refused([mine, site])


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
