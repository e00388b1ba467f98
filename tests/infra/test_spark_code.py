"""What the Spark job is shipped: all that its script and the transforms import, and nothing that Glue does not have."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from infra.bundle import Bundle, spark_folder
from sluice.project import Project
from tests.folders import ROOT
from tests.infra.templates import Cloud
from tests.infra.test_bundle import imports

#: Glue brings PySpark; what else it brings changes with its version, so nothing else is imported.
IN_GLUE = {"py4j", "pyspark"}  # PySpark itself speaks to Java by py4j
SCRIPT = ROOT / "sluice" / "refresh" / "spark" / "main.py"


@pytest.fixture(scope="module")
def code(bundle: Bundle) -> Path:
    return spark_folder(bundle.code, bundle.transforms)


def test_every_import_of_the_job_is_shipped_or_in_glue(code: Path) -> None:
    files = [SCRIPT, *code.rglob("*.py")]
    assert len(files) > 10
    for path in files:
        for module in (name.partition(":")[0] for name in imports(path)):
            place = code / Path(*module.split("."))
            shipped = place.is_dir() or place.with_suffix(".py").exists()
            assert shipped or module.split(".")[0] in {*sys.stdlib_module_names, *IN_GLUE}, (path, module)


def test_every_transform_is_imported_and_every_key_known_from_the_zip_alone(
    code: Path, project: Project, tmp_path: Path
) -> None:
    shipped = shutil.make_archive(str(tmp_path / "code"), "zip", code)
    packages = sysconfig.get_path("purelib")  # with -S, what is installed as editable is not found there
    names = [transform.table for transform in project.transforms]
    tables = [contract.table for contract in project.contracts]
    source = (
        f"import sys; sys.path[:0] = [{shipped!r}]; sys.path.append({packages!r})\n"
        "import importlib, json, runpy\n"
        f"for name in {names!r}:\n"
        "    module = importlib.import_module(f'glue_jobs.{name}')\n"
        f"    assert module.__file__.startswith({shipped!r}), module\n"
        f"shipped = runpy.run_path({str(SCRIPT)!r}, run_name='job')['shipped_project']()\n"
        f"print(json.dumps([[shipped.dataset(name).key, shipped.dataset(name).columns] for name in {tables!r}]))\n"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", source], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    declared = [[list(contract.key), [column.name for column in contract.columns]] for contract in project.contracts]
    assert json.loads(ran.stdout) == declared


def test_the_job_names_the_code_that_its_role_may_read(cloud: Cloud) -> None:
    (job,) = cloud.resources("AWS::Glue::Job")
    arguments = job.properties["DefaultArguments"]
    assert arguments["--extra-py-files"].endswith(".zip")
    assert arguments["--datalake-formats"] == "iceberg"
    assert "--additional-python-modules" not in arguments
    assert arguments.get("--prefix", "") == cloud.environment.database_prefix
