"""The functions' modules have their bytecode, Lambda's Python takes it, and the same modules give the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import bytecode
from infra.bundle import Bundle, layer_folder
from infra.bytecode import TAG, add_bytecode
from infra.config import PYTHON
from tests.folders import CACHE

#: PEP 552: the second word of a file of bytecode is 1 when it is named by a hash of its source that nobody compares.
UNCHECKED = b"\1\0\0\0"
#: Loads each module below a folder by the loader that imports it, with a compiler that refuses to work.
LOAD_ALL = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

def refuse(self, data, path, **options):
    raise AssertionError(f"{path} is compiled")

SourceFileLoader.source_to_code = refuse
folder = Path(sys.argv[1])
for path in sorted(folder.rglob("*.py")):
    code = SourceFileLoader("module", str(path)).get_code("module")
    kept = (path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc").read_bytes()
    assert kept[:4] == MAGIC_NUMBER and kept[8:16] == source_hash(path.read_bytes()), path
    print(code.co_filename)
"""


@pytest.fixture(scope="session")
def layer() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    return layer_folder(CACHE) / "python"


@pytest.fixture(scope="session")
def python() -> Path:
    """The functions' own Python: without it nobody can say whether bytecode is right."""
    found = bytecode.interpreter()
    if found is None:
        reason = f"Python {PYTHON}, on which the functions run, is not on this machine: with it, this test runs"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A package of two modules, one of them with what is written in an order of its own."""
    (tmp_path / "modules" / "inner").mkdir(parents=True)
    (tmp_path / "modules" / "inner" / "__init__.py").write_text(
        "SOME = {'b', 'a', 'c'}\n\ndef f(x): return x in {1, 2}"
    )
    (tmp_path / "modules" / "top.py").write_text("from inner import SOME\n")
    return tmp_path / "modules"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def compiled(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.py"):
        yield path.parent / "__pycache__" / f"{path.stem}.{TAG}.pyc"


def load_all(python: Path, folder: Path) -> list[str]:
    done = subprocess.run(
        [python, "-I", "-S", "-c", LOAD_ALL, folder], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["code", "layer"])
def test_no_function_compiles_a_module(part: str, layer: Path, bundle: Bundle, python: Path) -> None:
    folder = layer if part == "layer" else bundle.code
    made = set(folder.rglob("*.pyc"))
    assert made == set(compiled(folder))
    assert {path.read_bytes()[4:8] for path in made} == {UNCHECKED}
    assert len(load_all(python, folder)) == len(made) > 100


@pytest.mark.slow
def test_bytecode_is_taken_whatever_the_time_of_its_source(modules: Path, python: Path) -> None:
    add_bytecode(modules, "/var/task")
    before = files(modules)
    for path in modules.rglob("*.py"):
        path.touch()
    assert len(load_all(python, modules)) == 2
    assert files(modules) == before


def test_a_module_without_its_bytecode_is_found(modules: Path, python: Path) -> None:
    add_bytecode(modules, "/var/task")
    (modules / "later.py").write_text("x = 1")
    with pytest.raises(AssertionError, match=r"later\.py is compiled"):
        load_all(python, modules)


@pytest.mark.slow
def test_the_same_modules_give_the_same_bytes_wherever_they_are_made(modules: Path, tmp_path: Path) -> None:
    for name in ("first", "kept", "from-kept"):
        shutil.copytree(modules, tmp_path / name)
        assert add_bytecode(tmp_path / name, "/var/task", None if name == "first" else tmp_path / "cache")
    assert any(name.endswith(".pyc") for name in files(tmp_path / "first"))
    assert files(tmp_path / "first") == files(tmp_path / "kept") == files(tmp_path / "from-kept")
    assert str(tmp_path).encode() not in b"".join(files(tmp_path / "first").values())


@pytest.mark.slow
@pytest.mark.parametrize("change", ["text", "name", "place"])
def test_bytecode_that_is_kept_is_that_of_the_same_modules_alone(change: str, modules: Path, tmp_path: Path) -> None:
    add_bytecode(modules, "/var/task", tmp_path / "cache")
    shutil.copytree(modules, tmp_path / "other", ignore=shutil.ignore_patterns("__pycache__"))
    if change == "text":
        (tmp_path / "other" / "top.py").write_text("from inner import ELSE\n")
    elif change == "name":
        (tmp_path / "other" / "top.py").rename(tmp_path / "other" / "tip.py")
    add_bytecode(tmp_path / "other", "/elsewhere" if change == "place" else "/var/task", tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert {path.name for path in (tmp_path / "other").rglob("*.pyc")} == {
        path.name for path in compiled(tmp_path / "other")
    }


def test_settings_of_this_shell_change_no_bytecode(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DONTWRITEBYTECODE": "1",
        "PYCACHEPREFIX": "/nowhere",
        "HASHSEED": "7",
        "OPTIMIZE": "2",
    }.items():
        monkeypatch.setenv(f"PYTHON{name}", value)
    add_bytecode(modules, "/var/task")
    assert all(path.is_file() for path in compiled(modules))


def test_a_machine_without_the_functions_python_is_told_so(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(modules)
    shim = tmp_path / "bin" / f"python{PYTHON}"  # as pyenv has one for every version, also for those not chosen
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    other = tmp_path / "bin" / "python"
    other.write_text("#!/bin/sh\necho cpython-310\n")
    other.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(other))
    monkeypatch.setenv("PATH", str(shim.parent))
    for name in ("PYENV_ROOT", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    assert bytecode.interpreter() is None
    assert not add_bytecode(modules, "/var/task", tmp_path / "cache")
    assert files(modules) == before
    assert f"Python {PYTHON}" in capsys.readouterr().err
    keeps = tmp_path / "versions" / f"{PYTHON}.0" / "bin" / f"python{PYTHON}"
    keeps.parent.mkdir(parents=True)
    keeps.write_text(f"#!/bin/sh\necho {TAG}\n")
    keeps.chmod(0o755)
    assert bytecode.interpreter() == keeps
