"""Modules that a bundle shares with the one before are not compiled again, and nothing else is taken for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from localaws.functions import bytecode
from localaws.functions.bundles import runnable

MODULES = {"index.py": "import lib.one\nanswer = lib.one.x", "lib/__init__.py": "", "lib/one.py": "x = 1"}


def bundle(folder: Path, **texts: str) -> Path:
    for name, text in {**MODULES, **{name.replace("__", "/") + ".py": text for name, text in texts.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def answer(mirror: Path, code: str = "import index; print(index.answer)") -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path.insert(0, {str(mirror)!r}); {code}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout.strip() or done.stderr


def test_a_module_is_compiled_once_for_all_bundles_that_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    own = bytecode.py_compile.compile

    def counted(file: str, *given: object, **named: object) -> object:
        compiled.append(Path(file).name)
        return own(file, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(bytecode.py_compile, "compile", counted)
    first = runnable(bundle(tmp_path / "first"), tmp_path / "scratch")
    assert (answer(first), sorted(compiled)) == ("1", ["__init__.py", "index.py", "one.py"])
    compiled.clear()
    second = runnable(bundle(tmp_path / "second", lib__one="x = 2"), tmp_path / "scratch")
    assert (answer(second), answer(first), compiled) == ("2", "1", ["one.py"])


def test_a_start_compiles_no_module_of_a_functions_code(tmp_path: Path) -> None:
    mirror = runnable(bundle(tmp_path / "code"), tmp_path / "scratch")
    refuse = "from importlib.machinery import SourceFileLoader; SourceFileLoader.source_to_code = None; "
    assert answer(mirror, f"{refuse}import index; print(index.answer, index.__file__)") == f"1 {mirror}/index.py"
    assert not list((tmp_path / "code").rglob("__pycache__"))


def test_a_traceback_names_the_module_in_its_own_bundle(tmp_path: Path) -> None:
    first, second = (
        runnable(bundle(tmp_path / name, index="def f():\n    raise KeyError"), tmp_path / "scratch") for name in "ab"
    )
    for mirror in (first, second):
        assert f'File "{mirror}/index.py", line 2, in f\n    raise KeyError' in answer(
            mirror, "import index; index.f()"
        )


def test_a_module_that_cannot_be_compiled_says_so_where_it_is_imported(tmp_path: Path) -> None:
    mirror = runnable(bundle(tmp_path / "code", lib__broken="def"), tmp_path / "scratch")
    assert answer(mirror) == "1"
    assert "SyntaxError" in answer(mirror, "import lib.broken")
