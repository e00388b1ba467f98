"""A transform imports what goes with it to Spark: its own project's ``glue_jobs``, and nothing beside that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.cli.starting import start_project
from sluice.errors import CommandError, TransformError
from sluice.load import load_project
from sluice.transforms.discover import discover

SOUND = "1 landing dataset and 1 transform are sound.\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    start_project(tmp_path / "shop", empty=False)
    return tmp_path / "shop"


def check(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", "from sluice.cli import app; app()", "check", *arguments],
        cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def into_a_function(path: Path, line: str) -> None:
    """Write a line into the function of a module, where loading the module does not run it."""
    text = path.read_text()
    anchor = "    once = latest_by_key" if "once = latest_by_key" in text else "    # A capital sigma"
    assert anchor in text
    path.write_text(text.replace(anchor, f"    {line}\n{anchor}"))


@pytest.mark.parametrize("importer", ["glue_jobs/gold/daily_visits.py", "glue_jobs/pages.py"])
@pytest.mark.parametrize("line", ["import lib.pages", "from lib.pages import plain", "from lib import pages"])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("package", [False, True])
def test_a_module_beside_glue_jobs_is_refused_with_where_to_move_it(
    shop: Path, importer: str, line: str, inside: bool, package: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "lib").mkdir()
    (shop / "lib" / "pages.py").write_text("plain = 1\n")
    if package:
        (shop / "lib" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(shop))  # as `pip install -e .` has it
    if inside:
        into_a_function(shop / importer, line)
    else:
        (shop / importer).write_text(f"{line}\n{(shop / importer).read_text()}")
    with pytest.raises(TransformError, match=r"imports lib, which stands outside of glue_jobs/") as told:
        discover(shop / "glue_jobs")
    assert told.value.file == str(shop / importer)
    assert f"move it to {shop / 'glue_jobs'}" in told.value.next_step


@pytest.mark.slow
def test_check_refuses_it_with_a_warm_cache_and_on_any_path(shop: Path) -> None:
    assert check(shop).stdout == SOUND
    (shop / "lib.py").write_text("plain = 1\n")
    into_a_function(shop / "glue_jobs" / "pages.py", "import lib")
    for environment in ({}, {"PYTHONPATH": str(shop)}):
        assert "imports lib, which stands outside of glue_jobs/" in check(shop, **environment).stderr
    (shop / "lib.py").rename(shop / "glue_jobs" / "lib.py")
    assert "No module named 'lib'" in check(shop).stderr
    pages = shop / "glue_jobs" / "pages.py"
    pages.write_text(pages.read_text().replace("import lib", "import glue_jobs.lib"))
    assert check(shop).stdout == SOUND


@pytest.mark.slow
def test_a_file_of_the_project_named_as_a_library_takes_no_librarys_place(shop: Path) -> None:
    for name in ("queue", "typing", "duckdb", "msgspec"):
        (shop / f"{name}.py").write_text("raise ValueError('not this one')\n")
    assert check(shop).stdout == SOUND


@pytest.mark.slow
def test_another_projects_contracts_mean_its_transforms_helpers_and_cache(shop: Path, tmp_path: Path) -> None:
    start_project(tmp_path / "site", empty=False)
    # Its own helper differs, and the present project's is broken.
    (shop / "glue_jobs" / "pages.py").write_text("raise ValueError('of the other project')\n")
    done = check(shop, "--contracts", str(tmp_path / "site" / "contracts"))
    assert done.stdout == SOUND, done.stderr
    assert (tmp_path / "site" / ".sluice").is_dir()
    assert not (shop / ".sluice").exists()
    with pytest.raises(CommandError, match="are two projects"):
        load_project([tmp_path / "site" / "contracts", shop / "contracts"])


@pytest.mark.parametrize("link", ["glue_jobs/gold/a.py", "glue_jobs/shared.py"])
def test_a_link_to_nothing_is_named(shop: Path, link: str) -> None:
    (shop / link).symlink_to(shop / "nowhere.py")
    with pytest.raises(TransformError, match=f"{shop / link} is a link to {shop}/nowhere.py, which is not there"):
        discover(shop / "glue_jobs")
