"""Nothing under glue_jobs/ is left out in silence: a module without a contract, or too deep in it, is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sluice.errors import TransformError
from sluice.load import load_project
from sluice.transforms.discover import discover, refuse_undeclared
from tests.folders import SMALL


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one contract, of a dataset that arrives, and one transform without a contract."""
    (tmp_path / "contracts").mkdir()
    shutil.copy(SMALL / "contracts" / "orders.yaml", tmp_path / "contracts")
    (tmp_path / "glue_jobs" / "gold").mkdir(parents=True)
    (tmp_path / "glue_jobs" / "gold" / "__init__.py").touch()
    (tmp_path / "glue_jobs" / "gold" / "mine.py").write_text(
        "from sluice.transforms import transform\n\n@transform(orders='bronze.orders')\n"
        "def mine(orders):\n    return orders\n"
    )
    return tmp_path


@pytest.mark.slow
def test_a_transform_without_a_contract_is_refused_with_the_file_to_create(project: Path) -> None:
    with pytest.raises(
        TransformError, match=r"gold/mine\.py: no contract declares the derived table gold\.mine"
    ) as told:
        load_project([project / "contracts"])
    assert f"create {project}/contracts/gold/mine.yaml with physicalName: gold.mine" in told.value.next_step


@pytest.mark.slow
def test_what_an_editor_keeps_beside_them_is_no_transform(project: Path) -> None:
    (project / "glue_jobs" / "gold" / "mine.py").rename(project / "glue_jobs" / "gold" / ".#mine.py")
    (project / "glue_jobs" / ".ipynb_checkpoints").mkdir()
    (project / "glue_jobs" / ".ipynb_checkpoints" / "mine-checkpoint.py").write_text("raise ValueError\n")
    (project / "glue_jobs" / ".#shared.py").symlink_to("nobody@nowhere.1")
    assert load_project([project / "contracts"]).transforms == ()


@pytest.mark.slow
def test_a_dataset_that_arrives_has_no_transform(project: Path) -> None:
    (project / "glue_jobs" / "gold").rename(project / "glue_jobs" / "bronze")
    (project / "glue_jobs" / "bronze" / "mine.py").rename(project / "glue_jobs" / "bronze" / "orders.py")
    with pytest.raises(TransformError, match=r"no contract declares the derived table bronze\.orders"):
        load_project([project / "contracts"])


def test_what_is_declared_and_what_transforms_share_is_not_refused(project: Path) -> None:
    (project / "glue_jobs" / "shared.py").touch()
    (project / "glue_jobs" / "gold" / ".hidden").mkdir()
    (project / "glue_jobs" / "gold" / ".hidden" / "mine-copy.py").touch()
    refuse_undeclared([project / "contracts"], {"gold.mine"})


@pytest.mark.parametrize("deep", ["gold/sub/other.py", "gold/sub/__init__.py", "gold/sub/sub/other.py"])
def test_a_transform_below_the_folder_of_its_database_is_refused(project: Path, deep: str) -> None:
    path = project / "glue_jobs" / deep
    path.parent.mkdir(parents=True)
    path.touch()
    for refused in (
        lambda: discover(project / "glue_jobs"),
        lambda: refuse_undeclared([project / "contracts"], {"gold.mine"}),
    ):
        with pytest.raises(TransformError, match="stands directly in the folder of its database") as told:
            refused()
        assert str(path) in told.value.what
