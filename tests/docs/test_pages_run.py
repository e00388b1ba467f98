"""Every block of the documentation does what the page says, in a project that its reader would have by then.

Sluice comes from its wheel. The tutorial's project and its local AWS are those in which the how-to pages go on, each
after the tutorial alone, in a new terminal: no page needs what another how-to page made, nor what a terminal knew that
is closed, but for what `local.env` says.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, blocks
from tests.docs.running import run_page
from tests.docs.shell import PageFailed, Shell
from tests.end_to_end.from_wheel import environment_from_wheel
from tests.folders import ROOT
from tests.laws import some

pytestmark = pytest.mark.slow
TUTORIAL = ROOT / "docs" / "tutorial.md"
WITH_BLOCKS = [page for page in PAGES if any(block.runs for block in blocks(page))]
HOW_TO = [page for page in WITH_BLOCKS if page.parent.name == "how-to"]
OTHERS = [page for page in WITH_BLOCKS if page not in (TUTORIAL, *HOW_TO)]
#: Pages that make their own project; all others of the reference begin in an empty one.
FROM_NOTHING = ("README.md", "localaws/README.md", "docs/reference/projects.md")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def end(binaries: Path, project: Path) -> None:
    """End the local AWS of a project, if one runs: the page's own terminal may still wait for something."""
    if project.is_dir():
        subprocess.run([binaries / "sluice", "down"], cwd=project, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_from_wheel(tmp_path_factory.mktemp("docs"))[1]


@pytest.fixture(scope="module")
def tutorial(binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A terminal whose user followed the tutorial to its end."""
    home = tmp_path_factory.mktemp("reader")
    with Shell(binaries, home, home) as shell:
        try:
            run_page(TUTORIAL, shell)
            yield shell
        finally:
            end(binaries, home / "garden")


def test_the_tutorial_comes_from_a_file_to_a_chart(tutorial: Shell) -> None:
    status, chart = tutorial.run("cat chart.svg")
    assert status == 0
    assert (chart.count("<rect"), chart.count("2026-03-0")) == (3, 3)


@pytest.mark.parametrize("page", some(HOW_TO, 4), ids=name)
def test_a_how_to_page_goes_on_from_the_tutorial_in_a_new_terminal(page: Path, tutorial: Shell, binaries: Path) -> None:
    with Shell(binaries, tutorial.scratch, tutorial.scratch / "garden") as shell:
        assert shell.run("set -u; . ./local.env")[0] == 0
        assert run_page(page, shell).total()


@pytest.mark.parametrize("page", [*some(OTHERS, 3)], ids=name)
def test_a_page_does_what_it_says(page: Path, binaries: Path, tmp_path: Path) -> None:
    with Shell(binaries, tmp_path, tmp_path) as shell:
        if name(page) not in FROM_NOTHING:
            assert shell.run("sluice init shop --empty && cd shop")[0] == 0
        try:
            assert run_page(page, shell).total()
        finally:
            end(binaries, tmp_path / "shop")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("```sh\ntrue\nfalse\ntrue\n```", "status 1: false"),
        ("```console\n$ echo a\nb\n```", "the page shows"),
        ("```python\nassert 1 == 2\n```", "AssertionError"),
        ("```sh\nexit 3\n```", "the shell ended"),
    ],
)
def test_a_page_that_says_what_does_not_hold_fails(source: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "sluice").touch()
    (block,) = blocks(ROOT / "README.md", source)
    with Shell(tmp_path, tmp_path, tmp_path) as shell, pytest.raises(PageFailed, match=why):
        shell.do(block)


def test_what_a_terminal_knows_it_knows_in_the_next_block(tmp_path: Path) -> None:
    source = (
        '```csv title="deep/a.csv"\na,b\n```\n```sh\ncd deep\nx=1; export y=2\n```\n'
        "```console\n$ echo $x $(cat a.csv)\n1 a,b\n```\n```python\nimport os\nassert os.environ['y'] == '2'\n```"
    )
    with Shell(tmp_path, tmp_path, tmp_path) as shell:
        for block in blocks(ROOT / "README.md", source):
            shell.do(block)
