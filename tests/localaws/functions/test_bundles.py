"""A bundle that is deployed again takes over the bytecode of the modules that did not change, and of no other."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from localaws.functions.bundles import runnable

MODULES = {
    "kept.py": "def raises():\n    raise ValueError('kept')\n",
    "changed.py": "VALUE = 1\n",
    "inner/deep.py": "D = 1\n",
}


def bundle(folder: Path, modules: dict[str, str], *, at: int) -> Path:
    for name, source in modules.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        os.utime(path, (at, at))
    return folder


def compiled(source: Path) -> Path:
    return Path(cache_from_source(str(source)))


def ran(mirror: Path, code: str) -> str:
    """Run code with the mirror on the path, without writing bytecode; return what the interpreter says of imports."""
    done = subprocess.run(
        [sys.executable, "-B", "-v", "-c", code], cwd=mirror, capture_output=True, text=True, check=False
    )
    return done.stderr


@pytest.fixture
def mirrors(tmp_path: Path) -> tuple[Path, Path]:
    """A mirror whose modules all have bytecode, and that of the same code with one module changed, made after it."""
    scratch = tmp_path / "scratch"
    first = runnable(bundle(tmp_path / "first", MODULES, at=1_000_000_000), scratch)
    for name in MODULES:
        py_compile.compile(str(first / name), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    other = {**MODULES, "changed.py": "VALUE = 2\n"}
    return first, runnable(bundle(tmp_path / "second", other, at=1_100_000_000), scratch)


def test_unchanged_modules_are_not_compiled_again(mirrors: tuple[Path, Path]) -> None:
    _, second = mirrors
    said = ran(second, "import kept, inner.deep")
    for name in ("kept.py", "inner/deep.py"):
        assert f"{compiled(second / name)} matches" in said
        assert f"code object from '{second / name}'" not in said
    assert f'File "{second}/kept.py", line 2' in ran(second, "import kept; kept.raises()")


def test_a_changed_module_is_compiled_anew(mirrors: tuple[Path, Path]) -> None:
    _, second = mirrors
    assert not compiled(second / "changed.py").exists()
    assert "the value is 2" in ran(second, "import changed, sys; sys.stderr.write(f'the value is {changed.VALUE}')")


def test_bytecode_that_is_not_of_its_source_is_not_taken_over(tmp_path: Path) -> None:
    """The source was saved again under the same name after it was compiled: its bytecode is another program's."""
    first = runnable(bundle(tmp_path / "first", MODULES, at=1_000_000_000), tmp_path / "scratch")
    source = tmp_path / "first" / "kept.py"
    py_compile.compile(str(first / "kept.py"), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    bundle(tmp_path / "first", {"kept.py": "OTHER = 1\n"}, at=1_050_000_000)
    second = runnable(bundle(tmp_path / "second", {"kept.py": source.read_text()}, at=1), tmp_path / "scratch")
    assert not compiled(second / "kept.py").exists()


def test_bytecode_that_the_bundle_brings_is_its_own(tmp_path: Path, mirrors: tuple[Path, Path]) -> None:
    first, _ = mirrors
    third = bundle(tmp_path / "third", MODULES, at=1_200_000_000)
    py_compile.compile(
        str(third / "kept.py"), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    mirror = runnable(third, tmp_path / "scratch")
    assert compiled(mirror / "kept.py").read_bytes() == compiled(third / "kept.py").read_bytes()
    assert compiled(mirror / "kept.py").read_bytes() != compiled(first / "kept.py").read_bytes()
