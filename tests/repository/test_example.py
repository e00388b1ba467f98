"""The library's tests stand on data of their own; a share of the fast ones, by chance, runs without the example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.folders import ROOT
from tests.laws import fresh_seed
from tests.repository.example import EXAMPLE, OF_LIBRARY, leaning, library_tests

#: What leans on the example all the same, with the reason.
EXCEPTIONS = {
    "tests/infra/test_bundle.py: names shopsphere": "a package of which no function may hold anything",
}
#: How many of the fast tests are run without the example: one in so many.
SHARE = 90
#: A plugin of pytest that leaves one test function in so many, from the first that is named.
_PLUGIN = """
import os

def pytest_collection_modifyitems(config, items):
    share, first = map(int, os.environ["ONE_IN"].split())
    names = sorted({item.nodeid.partition("[")[0] for item in items if not item.get_closest_marker("proof")})
    chosen = set(names[first::share])
    items[:] = [item for item in items if item.nodeid.partition("[")[0] in chosen]
"""


@pytest.mark.slow
def test_no_test_of_the_library_leans_on_the_example() -> None:
    found = [
        f"{path.relative_to(ROOT).as_posix()}: {what}" for path in library_tests() for what in leaning(path.read_text())
    ]
    assert set(found) == set(EXCEPTIONS)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import shopsphere.demo.run", "imports shopsphere.demo.run"),
        ("from glue_jobs.money import in_eur", "imports glue_jobs.money.in_eur"),
        ("from tests.glue_jobs.engines import Engines", "imports tests.glue_jobs.engines.Engines"),
        ("from tests.end_to_end.running import until", "imports tests.end_to_end.running.until"),
        ("def f():\n    from tests import contracts", "imports tests.contracts"),
        ("patch('shopsphere.generate.lines')", "names shopsphere.generate.lines"),
        ("A = ROOT / 'contracts' / 'orders.yaml'", "reads contracts"),
        ("A = ROOT / 'contracts/orders.yaml'", "reads contracts/orders.yaml"),
        ("A = (Path(__file__).resolve().parents[3] / 'glue_jobs').rglob('*.py')", "reads glue_jobs"),
        ("A = ROOT.joinpath('glue_jobs', 'gold')", "reads glue_jobs"),
        ("A = ROOT.glob('contracts/*.yaml')", "reads contracts/*.yaml"),
        ("A = f'{ROOT}/contracts/orders.yaml'", "reads contracts/orders.yaml"),
        ("A = load_contracts([Path('contracts')])", "reads contracts"),
        ("A = [ROOT / each for each in ('sluice', 'glue_jobs')]", "may read glue_jobs/"),
    ],
)
def test_what_leans_on_the_example_is_found(source: str, what: str) -> None:
    assert leaning(source) == [what]


@pytest.mark.parametrize(
    "source",
    [
        "from tests.folders import ROOT, SMALL\nA = SMALL / 'contracts' / 'orders.yaml'",
        "A = [ROOT / name for name in NAMES]\nB = tmp_path / 'contracts' / 'orders.yaml'",
        "A = ROOT / 'tests' / 'end_to_end' / 'contracts'",
        "A = Path(__file__).with_name('contracts')",
        "load_project([tmp_path / 'contracts'])",
        "from tests.sluice.hostile import HOSTILE",
        "A = 'glue_jobs/gold/daily_visits.py'",
    ],
)
def test_what_does_not_lean_on_it_is_not_found(source: str) -> None:
    assert leaning(source) == []


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository without the example, and an environment in which the example is not installed."""
    folder = tmp_path_factory.mktemp("alone") / "sluice"
    made = ("__pycache__", ".git", ".venv", ".sluice", ".*_cache", ".hypothesis", "build", "cdk.out", "node_modules")

    def left_out(path: str, names: list[str]) -> set[str]:
        return shutil.ignore_patterns(*made, *(EXAMPLE if Path(path) == ROOT else ()))(path, names)

    shutil.copytree(ROOT, folder, ignore=left_out)
    for name in {each.name for each in (folder / "tests").iterdir() if each.is_dir()} - {
        *OF_LIBRARY, "repository", "small_project",
    }:  # fmt: skip
        shutil.rmtree(folder / "tests" / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    ours = Path(sysconfig.get_path("purelib"))
    theirs = folder / ".venv" / ours.relative_to(sys.prefix)
    for each in ours.iterdir():
        if not re.match(r"_sluice\.pth|_?shopsphere\b", each.name):
            (theirs / each.name).symlink_to(each)
    (theirs / "sluice.pth").write_text(f"{folder}\n")
    (folder / "one_in.py").write_text(_PLUGIN)
    return folder


def run_alone(alone: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = ("PYTEST_", "PYTHONPATH", "JSII_NODE")  # `infra`, once imported, names this environment's Node.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [alone / ".venv" / "bin" / "python", *command],
        cwd=alone, env=kept | variables, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.mark.proof
@pytest.mark.slow
def test_without_the_example_all_tests_of_the_library_are_collected_and_a_share_of_them_holds(alone: Path) -> None:
    gone = run_alone(alone, "-c", "import sluice; print(sluice.__file__); import shopsphere")
    assert Path(gone.stdout.strip()).is_relative_to(alone)
    assert "No module named 'shopsphere'" in gone.stderr
    first = fresh_seed() % SHARE
    folders = [f"tests/{folder}" for folder in OF_LIBRARY]
    done = run_alone(
        alone, "-m", "pytest", "-q", "-p", "one_in", "-p", "no:cacheprovider", "-m",
        "not slow and not spark and not proof and not real_data", *folders, ONE_IN=f"{SHARE} {first}",
    )  # fmt: skip
    assert done.returncode == 0, f"one in {SHARE}, from {first}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 20
