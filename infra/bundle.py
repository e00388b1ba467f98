"""The functions' code and dependencies as plain folders, made without Docker.

One code folder serves all functions: handlers, library, and the declared project as JSON. Dependencies are one layer,
installed from the hashed lock for the functions' own platform; it changes only when the lock does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from infra.config import PYTHON, WHEEL_PLATFORM
from sluice.project import FILE_NAME, Project

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "lambdas" / "requirements.lock"
#: What is expensive to make and changes seldom.
CACHE = ROOT / ".sluice" / "cache"
#: What reads contracts: a function is given what was read.
_NOT_IN_CONTRACTS = (
    "arrival.py",
    "checks.py",
    "contract_file.py",
    "load.py",
    "partitions.py",
    "spellings.py",
    "strict_yaml.py",
    "value_rules.py",
    "yaml_lines.py",
)
#: Parts of the library that no function runs.
_NOT_IN_FUNCTIONS = ("cli", "generate", "__pycache__", "spark", "transforms", *_NOT_IN_CONTRACTS)
#: What stands beside the transforms for synthesis only, and the job's script, which is shipped by itself.
_NOT_IN_SPARK = (
    "alike.py",
    "bound.py",
    "checks.py",
    "compile.py",
    "discover.py",
    "declared.py",
    "kept.py",
    "lint.py",
    "named.py",
    "queries.py",
    "spark_main.py",
    "__pycache__",
)
#: Parts of the wheels that no function loads; without them the layer stays under Lambda's 250 MiB.
_NOT_IN_LAYER = (
    "pyarrow/libarrow_flight*",
    "pyarrow/libarrow_python_flight*",
    "pyarrow/_flight*",
    "pyarrow/include",
    "pyarrow/tests",
    "pyarrow/src",
    "pyarrow/*.pyx",
    "pyarrow/*.pxi",
    # CPython uses the other of its two back ends.
    "zstandard/_cffi.*",
    "zstandard/backend_cffi.py",
    "pyiceberg_core-*/sboms",
    "hive_metastore",
    "bin",
    "**/__pycache__",
)


def code_folder(project: Project, out: Path) -> Path:
    """Write the code that all functions share to ``out`` and return it."""
    shutil.rmtree(out, ignore_errors=True)
    for package in ("sluice", "lambdas"):
        shutil.copytree(
            ROOT / package, out / package, ignore=shutil.ignore_patterns(*_NOT_IN_FUNCTIONS, "requirements.*")
        )
    (out / "sluice" / "contracts" / "__init__.py").write_text((ROOT / "sluice/contracts/__init__.py").read_text())
    (out / FILE_NAME).write_bytes(project.to_json())
    return out


def spark_folder(code: Path, transforms: Iterable[Path] = ()) -> Path:
    """Write the code that the Spark job imports beside ``code``, the functions' own, and return its folder.

    It needs nothing but PySpark and the standard library: a job that had packages installed at its start would need a
    way to the internet, take longer, and fail with the index.
    """
    out = code.with_name("spark")
    shutil.rmtree(out, ignore_errors=True)
    for package in ("sluice/transforms", "sluice/spark", "glue_jobs"):
        shutil.copytree(ROOT / package, out / package, ignore=shutil.ignore_patterns(*_NOT_IN_SPARK))
    for module in (
        "sluice/__init__.py",
        "sluice/errors.py",
        "sluice/prices.json",
        "sluice/runs.py",
        "sluice/telling.py",
    ):
        shutil.copyfile(ROOT / module, out / module)
    for folder in transforms:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, out / "glue_jobs", ignore=ignored, dirs_exist_ok=True)
    shutil.copyfile(code / FILE_NAME, out / "glue_jobs" / FILE_NAME)
    return out


def layer_folder(cache: Path) -> Path:
    """Return a folder with the locked dependencies for the functions' platform, made once per lock."""
    recipe = "\n".join((LOCK.read_text(), PYTHON, WHEEL_PLATFORM, *_NOT_IN_LAYER))
    folder = cache / f"layer-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    unfinished = cache / f"{folder.name}.{os.getpid()}"
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"),
            *("--target", str(unfinished / "python"), "--python-platform", WHEEL_PLATFORM),
            *("--python-version", PYTHON, "--requirements", str(LOCK)),
        ],
        check=True,
        stdout=sys.stderr,
    )
    for pattern in _NOT_IN_LAYER:
        for path in (unfinished / "python").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    try:
        unfinished.rename(folder)
    except OSError:
        # Another synthesis made the same layer meanwhile.
        shutil.rmtree(unfinished)
    return folder


if __name__ == "__main__":
    # Part of `make setup`, so that the first synthesis does not wait for wheels.
    CACHE.mkdir(parents=True, exist_ok=True)
    layer_folder(CACHE)
