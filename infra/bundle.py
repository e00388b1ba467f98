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
from dataclasses import dataclass
from pathlib import Path

from sluice.folders import LIBRARY, brought, needed_project
from sluice.project import FILE_NAME, Project

from .bytecode import add_bytecode, interpreter
from .config import PYTHON, WHEEL_PLATFORM
from .imports import imported_by

#: The folder of the handlers; in the functions' code it stands beside the library.
HANDLERS = brought("lambdas")
LOCK = HANDLERS / "requirements.lock"
#: Where a wheel says what it carries besides Python, for instance the crates compiled into it (PEP 770).
BILLS = "*.dist-info/sboms"
#: What the library reads beside its modules.
_DATA = (Path("sluice/prices.json"), Path("sluice/letters.json"))
_PLACES = {"sluice": LIBRARY, "lambdas": HANDLERS}
#: Where Lambda puts a function's code, and its layers'.
#: https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
_CODE_AT, _LAYER_AT = "/var/task", "/opt/python"
#: Parts of the wheels that no function loads; without them the layer stays under Lambda's 250 MiB, bytecode included.
_NOT_IN_LAYER = (
    "pyarrow/libarrow_flight*",
    "pyarrow/libarrow_python_flight*",
    "pyarrow/_flight*",
    "pyarrow/include",
    "pyarrow/tests",
    "pyarrow/src",
    "pyarrow/*.pyx",
    "pyarrow/*.pxi",
    # Copies of libraries that PyArrow loads by a third name, as `libarrow_python.so.2500`.
    "pyarrow/libarrow_python*.so",
    "pyarrow/libarrow_python*.so.*.*.*",
    # What compilers and type checkers read.
    "**/*.pxd",
    "**/*.pyi",
    "**/*.[ch]",
    "_duckdb-stubs",
    # Colours of the command lines that are not here.
    "pygments",
    "fsspec/tests",
    "certifi/tests",
    # CPython uses the other of its two back ends.
    "zstandard/_cffi.*",
    "zstandard/backend_cffi.py",
    "pyiceberg_core-*/sboms",
    "hive_metastore",
    "bin",
    "**/__pycache__",
)


#: What a run of the Spark job starts.
SPARK_SCRIPT = LIBRARY / "refresh" / "spark" / "main.py"


@dataclass(frozen=True)
class Bundle:
    """Folders of the functions' code, of their layer, and of the transforms with what they share."""

    code: Path
    layer: Path
    transforms: tuple[Path, ...] = ()


def code_folder(project: Project, out: Path, cache: Path | None = None) -> Path:
    """Write the code that all functions share to ``out`` and return it; its bytecode is kept in ``cache``."""
    handlers = list(HANDLERS.rglob("*.py"))
    _ship(imported_by(handlers, _PLACES) | {"lambdas" / file.relative_to(HANDLERS) for file in handlers}, out)
    add_bytecode(out, _CODE_AT, cache)
    (out / FILE_NAME).write_bytes(project.to_json())
    return out


def spark_folder(code: Path, transforms: Iterable[Path]) -> Path:
    """Write the code that the Spark job imports beside ``code``, the functions' own, and return its folder.

    It needs nothing but PySpark and the standard library: a job that had packages installed at its start would need a
    way to the internet, take longer, and fail with the index.
    """
    out = code.with_name("spark")
    folders = [folder for folder in transforms if folder.is_dir()]
    declared = [file for folder in folders for file in folder.rglob("*.py") if file.is_file()]
    _ship(imported_by([SPARK_SCRIPT, *declared], _PLACES), out)
    jobs = out / "glue_jobs"
    jobs.mkdir()
    for folder in folders:
        # What begins with a dot is an editor's, and may be a link to nowhere.
        shutil.copytree(folder, jobs, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True)
    (jobs / "__init__.py").touch()  # without it the job could not read the project beside it
    shutil.copyfile(code / FILE_NAME, jobs / FILE_NAME)
    return out


def _ship(files: Iterable[Path], out: Path) -> None:
    """Copy files of our packages, and what the library reads beside them, to ``out``, which is made anew."""
    shutil.rmtree(out, ignore_errors=True)
    for file in {*files, *_DATA}:
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_PLACES[file.parts[0]].joinpath(*file.parts[1:]), out / file)


def layer_folder(cache: Path) -> Path:
    """Return a folder with the locked dependencies for the functions' platform, made once per lock.

    It holds their bytecode where the functions' Python is on this machine, which says so where it is not.
    What the wheels say of their own parts is kept aside, in `bills_of` this folder.
    """
    recipe = "\n".join((LOCK.read_text(), PYTHON, WHEEL_PLATFORM, *_NOT_IN_LAYER, BILLS, _LAYER_AT))
    name = f"layer-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    folder = cache / name
    if not folder.is_dir() and interpreter() is None:
        folder = cache / f"{name}-without-bytecode"
    layer = folder / "layer"
    if folder.is_dir():
        return layer
    unfinished = cache / f"{folder.name}.{os.getpid()}"
    packages = unfinished / layer.name / "python"
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"),
            *("--target", str(packages), "--python-platform", WHEEL_PLATFORM),
            *("--python-version", PYTHON, "--requirements", str(LOCK)),
        ],
        check=True,
        stdout=sys.stderr,
    )
    keep_bills(packages, bills_of(unfinished / layer.name))
    trim(packages)
    add_bytecode(packages, _LAYER_AT)
    try:
        unfinished.rename(folder)
    except OSError:
        # Another synthesis made the same layer meanwhile.
        shutil.rmtree(unfinished)
    return layer


def bills_of(layer: Path) -> Path:
    """Return the folder beside a layer's that holds its wheels' own bills, as ``<wheel>.dist-info/sboms/<file>``."""
    return layer.with_name("sboms")


def keep_bills(packages: Path, kept: Path) -> None:
    """Copy the wheels' own bills of installed packages to ``kept``, before any is taken out of the layer."""
    for folder in packages.glob(BILLS):
        shutil.copytree(folder, kept / folder.relative_to(packages))


def trim(packages: Path) -> None:
    """Take out of the layer what no function loads."""
    for pattern in _NOT_IN_LAYER:
        for path in list(packages.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    # Part of `make setup`, so that the first synthesis does not wait for wheels.
    cache = needed_project().cache
    cache.mkdir(parents=True, exist_ok=True)
    layer_folder(cache)
