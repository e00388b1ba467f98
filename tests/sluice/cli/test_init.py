"""A new project is whole, says what it says of itself, and is made only where nothing is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.cli.starting import CDK_CLI, render, start_project
from sluice.environments import NAME_PREFIX, read_environments
from sluice.errors import CommandError
from sluice.folders import project_around
from tests.folders import ROOT

SLUICE = "from sluice.cli import app; app()"


def sluice(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SLUICE, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("empty", [False, True])
def test_a_new_project_is_found_and_its_environments_are_sound(tmp_path: Path, empty: bool) -> None:
    files = start_project(tmp_path / "shop", empty=empty)
    there = {path for path in (tmp_path / "shop").rglob("*") if path.is_file()}
    assert set(files) == there
    found = project_around(tmp_path / "shop" / "contracts")
    assert found is not None
    assert found.root == tmp_path / "shop"
    assert {each.title for each in read_environments(found.environments).values()} == {"shop-dev", "shop-prod"}
    assert found.contracts.is_dir()
    assert [*found.contracts.rglob("*.yaml")] == [] if empty else [*found.contracts.rglob("*.yaml")]


def test_nothing_is_left_to_fill_in_and_nothing_speaks_of_the_example() -> None:
    for path, text in (render("my-site", empty=True) | render("my-site", empty=False)).items():
        assert not re.search(r"@[A-Z]+@", text), path
        assert not re.search(r"shopsphere|/work/|\.in\b", text, re.IGNORECASE), path


def test_a_project_deploys_with_the_flags_and_tools_that_are_tested_here() -> None:
    rendered = render("shop", empty=False)
    ours, theirs = json.loads((ROOT / "cdk.json").read_text()), json.loads(rendered["cdk.json"])
    assert {**ours, "app": None} == {**theirs, "app": None}
    assert json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"] == CDK_CLI
    used = set(re.findall(r"uses: (\S+)", (ROOT / ".github" / "workflows" / "ci.yml").read_text()))
    used |= {
        "actions/setup-node@v6.4.0", "actions/upload-artifact@v7.0.1", "actions/download-artifact@v8.0.1",
        "aws-actions/configure-aws-credentials@v6.2.3",
    }  # fmt: skip
    assert set(re.findall(r"uses: (\S+)", rendered[".github/workflows/ci.yml"])) == used


def test_a_project_passes_the_linter(tmp_path: Path) -> None:
    start_project(tmp_path / "shop", empty=False)
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--select", "E,F,W,I,UP,B,ANN", "--ignore", "E402"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, "."], cwd=tmp_path / "shop", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["Shop", "my shop", "1shop", "shop-", "a--b", "s" * 31, "sh_op", "sklep-żółw", "x.y"])
def test_a_name_that_no_stack_can_have_is_refused_with_one_that_it_can(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match="is no name of a project") as told:
        start_project(tmp_path / name, empty=False)
    assert not (tmp_path / name).exists()
    assert NAME_PREFIX.fullmatch(told.value.next_step.strip("`").removeprefix("sluice init "))


@given(st.text(max_size=40))
def test_whatever_name_is_given_a_possible_one_is_offered(name: str) -> None:
    from sluice.cli.starting import _suggested

    assert NAME_PREFIX.fullmatch(_suggested(name))


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    for name, why in (("full", "is not empty"), ("file", "is a file")):
        place = tmp_path / name
        place.mkdir() if name == "full" else place.write_text("mine")
        if name == "full":
            (place / ".hidden").write_text("mine")
        with pytest.raises(CommandError, match=why) as told:
            start_project(place, empty=False)
        assert told.value.safe == "nothing was written."
    assert [path.name for path in (tmp_path / "full").iterdir()] == [".hidden"]
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "bare").mkdir()  # an empty folder is as good as none
    assert start_project(tmp_path / "bare", empty=True)


def test_nobody_is_told_to_install_another_project_of_that_name() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sluice" / "new_project").rglob("*.in")]
    pages += (ROOT / ".github").rglob("*.yml")
    for page in pages:
        named = re.findall(r"(?:pip install|uv add|pipx install|uvx)\s+(?:-\S+\s+)*[\"']?sluice\b", page.read_text())
        assert named == [], page
    for empty in (True, False):
        lines = render("shop", empty=empty)["requirements.txt"].splitlines()
        assert [line for line in lines if "sluice" in line] == [f"./wheels/sluice-{version('sluice')}-py3-none-any.whl"]


def test_the_folder_to_go_to_is_written_as_a_shell_reads_it(tmp_path: Path) -> None:
    said = sluice(tmp_path, "init", "it's a, folder/shop").stdout
    (hint,) = re.findall("`(cd [^`]+)`", said)
    where = subprocess.run(["sh", "-c", f"{hint} && pwd"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert where.stdout.strip() == str(tmp_path / "it's a, folder" / "shop")


@pytest.mark.slow
def test_an_empty_project_is_sound_until_something_of_it_is_not(tmp_path: Path) -> None:
    start_project(tmp_path / "shop", empty=True)
    checked = sluice(tmp_path / "shop", "check")
    assert (checked.returncode, "write the first contract" in checked.stdout) == (0, True)
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "shop" / "tests")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 passed" in tests.stdout, tests.stdout
    assert sluice(tmp_path / "shop", "check", "--contracts", "contracts").returncode == 1
    (tmp_path / "shop" / "glue_jobs" / "gold").mkdir()
    (tmp_path / "shop" / "glue_jobs" / "gold" / "mine.py").touch()
    assert "no contract declares the derived table gold.mine" in sluice(tmp_path / "shop", "check").stderr


@pytest.mark.slow
def test_a_new_projects_tests_pass_from_any_folder(tmp_path: Path) -> None:
    start_project(tmp_path / "shop", empty=False)
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", "shop/tests"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "3 passed" in tests.stdout, tests.stdout


@pytest.mark.slow
def test_a_new_project_is_sound_from_any_folder_in_it_and_its_files_are_said(tmp_path: Path) -> None:
    said = json.loads(sluice(tmp_path, "init", "shop", "--json").stdout)
    assert said["project"] == "shop"
    assert all((tmp_path / "shop" / name).is_file() for name in said["files"])
    for folder in ("", "glue_jobs/gold"):
        checked = sluice(tmp_path / "shop" / folder, "check")
        assert checked.stdout == "1 landing dataset and 1 transform are sound.\n", checked.stderr
    # Nothing was kept but in the project's own folder.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]
    outside = sluice(tmp_path, "check")
    assert outside.returncode == 1
    assert "is in no Sluice project" in outside.stderr
    without = sluice(tmp_path, "check", "--contracts", "shop/contracts")
    assert without.stdout == "1 landing dataset and 1 transform are sound.\n", without.stderr
    refused = sluice(tmp_path, "init", "shop", "--json")
    assert json.loads(refused.stderr)["next_step"] == "name a folder that is not there yet."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (
            "glue_jobs/gold/daily_visits.py",
            ["gold.daily_visits is derived", "glue_jobs/gold/daily_visits.py is missing"],
        ),
        (
            "contracts/gold/daily_visits.yaml",
            ["no contract declares", "create {root}/contracts/gold/daily_visits.yaml"],
        ),
        (
            "contracts/visits.yaml",
            ["visits is bronze.visits, which no contract declares", "create contracts/visits.yaml"],
        ),
        ("glue_jobs/pages.py", ["No module named 'glue_jobs.pages'", "create {root}/glue_jobs/pages.py"]),
        ("contracts", ["There is no contracts folder"]),
    ],
)
def test_what_is_missing_is_named_with_the_file_to_create(tmp_path: Path, gone: str, told: list[str]) -> None:
    start_project(tmp_path / "shop", empty=False)
    (tmp_path / "shop" / gone).rename(tmp_path / "gone")
    done = sluice(tmp_path / "shop", "check")
    assert done.returncode == 1
    for each in told:
        assert each.format(root=tmp_path / "shop") in done.stderr
