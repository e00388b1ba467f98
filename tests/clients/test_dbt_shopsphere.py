"""dbt-athena on ShopSphere's silver and gold, as the deployed stacks make them of delivered files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopsphere.generate import generate
from tests.clients.environments import FOLDER, outcomes
from tests.clients.test_python import steps
from tests.end_to_end.running import ROOT, SLUICE, Deployment, started

pytestmark = pytest.mark.proof
PROGRAM = FOLDER / "dbt" / "shopsphere_project.py"
#: Files of these days' orders are delivered after the project's first run.
LATER = ("2025-01-05", "2025-01-06")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of six days of ShopSphere: what is delivered at first, and what later."""
    first, later = (tmp_path_factory.mktemp(name) for name in ("first", "later"))
    generate(days=6, seed=1, out=first, rows_per_day=300)
    for file in [each for each in first.glob("order*/*") if each.name.rpartition("_")[2][:10] in LATER]:
        to = later / file.parent.name
        to.mkdir(exist_ok=True)
        file.rename(to / file.name)
    return first, later


@pytest.fixture(scope="module")
def shopsphere(tmp_path_factory: pytest.TempPathFactory, history: tuple[Path, Path]) -> Iterator[Deployment]:
    """ShopSphere's stacks with the first files delivered and refreshed, and a bucket for its analysts."""
    with started(tmp_path_factory.mktemp("aws"), [ROOT / "contracts"]) as deployment:
        deployment.client("s3").create_bucket(Bucket="reports")
        files = [each for each in history[0].glob("*/*") if each.is_file()]
        deployment.put_all({f"{each.parent.name}/{each.name}": each.read_bytes() for each in files})
        deployment.settle()
        yield deployment


@pytest.fixture(scope="module")
def ended(shopsphere: Deployment, history: tuple[Path, Path]) -> dict[str, str | None]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = {"LATER": str(history[1]), "LANDING": shopsphere.landing, "SLUICE": str(SLUICE)}
    told["WORK_GROUP"] = shopsphere.outputs["AthenaWorkGroupName"]
    return outcomes(PROGRAM, environment | told, "dbt", seconds=900)


@pytest.mark.parametrize("step", steps(PROGRAM))
def test_dbt_makes_reports_of_shopsphere(ended: dict[str, str | None], step: str) -> None:
    assert ended[step] is None, ended[step]
