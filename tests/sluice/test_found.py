"""What a package finds in itself: all of its modules, by name, and whatever is wrong with one is one plain error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.contracts.formats import Format
from sluice.errors import ModuleRefused
from sluice.found import found_in
from sluice.load import all_formats
from tests.folders import ROOT


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "toy_package"
    folder.mkdir()
    for name in ("__init__", "b", "a", "c"):
        (folder / f"{name}.py").write_text(f"KIND = {name!r}\n")
    return folder


@pytest.fixture(autouse=True)
def forgotten() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "toy_package"]:
        del sys.modules[name]


def test_every_module_is_found_by_its_name(package: Path) -> None:
    assert list(found_in("toy_package", "KIND", str).items()) == [("a", "a"), ("b", "b"), ("c", "c")]


def test_modules_of_several_folders_are_in_one_order(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package may have more than one folder; each is listed by itself.
    more = tmp_path / "more"
    more.mkdir()
    (more / "aa.py").write_text("KIND = 'aa'\n")
    (package / "__init__.py").write_text(f"__path__.append({str(more)!r})\n")
    assert list(found_in("toy_package", "KIND", str)) == ["a", "aa", "b", "c"]


def test_a_package_is_found_as_a_module_is_and_a_folder_without_code_is_none(package: Path) -> None:
    for inner in ("d", "__pycache__", "data"):
        (package / inner).mkdir()
    (package / "d" / "__init__.py").write_text("KIND = 'd'\n")
    (package / "data" / "words.txt").touch()
    assert list(found_in("toy_package", "KIND", str)) == ["a", "b", "c", "d"]


def test_what_an_editor_keeps_in_the_folder_is_no_module(package: Path) -> None:
    for name in (".ipynb_checkpoints/a-checkpoint.py", ".#a.py", "._b.py"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("raise ValueError\n")
    assert list(found_in("toy_package", "KIND", str)) == ["a", "b", "c"]


#: What can be wrong with a module: its file, its code, and what the error says of it.
BROKEN = [
    ("x.py", "KINDS = 1\n", "declares no KIND"),
    ("_x.py", "def helper(): ...\n", "declares no KIND"),
    ("x.py", "KIND = None\n", "declares no KIND"),
    ("x.py", "KIND = 3\n", "its KIND is 3; a str is wanted"),
    ("x.py", "KIND = str\n", "its KIND is <class 'str'>; a str is wanted"),
    ("x.py", "raise SystemExit(0)\n", "SystemExit: 0"),
    ("x.py", "raise ValueError('no\\nsuch')\n", "ValueError: no"),
    ("x.py", "import nowhere_there\n", "No module named 'nowhere_there'"),
    ("x.py", "from toy_package.a import nothing\n", "ImportError: cannot import name 'nothing'"),
    ("x.py", "KIND = (\n", "SyntaxError"),
    ("x.py", "KIND = '\0'\n", "SyntaxError"),
    ("x/__init__.py", "", "declares no KIND"),
    ("x/inner.py", "KIND = 'x'\n", "cannot be imported as a module of toy_package"),
    ("x.y.py", "KIND = 'x'\n", "cannot be imported as a module of toy_package"),
    ("A.py", "KIND = 'x'\n", "is that of"),
    ("a/__init__.py", "KIND = 'x'\n", "is that of"),
]


@pytest.mark.parametrize(("name", "code", "said"), BROKEN)
def test_a_broken_module_is_one_error_that_names_it_and_the_next_step(
    package: Path, name: str, code: str, said: str
) -> None:
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text(code)
    with pytest.raises(ModuleRefused) as caught:
        found_in("toy_package", "KIND", str)
    assert said in str(caught.value)
    assert str(package / name.split("/", maxsplit=1)[0]) in caught.value.what
    assert caught.value.safe
    assert caught.value.next_step


@pytest.mark.parametrize("name", ["json", "JSON", "csv", "Csv"])
def test_an_envelope_takes_the_name_of_no_other_format(name: str) -> None:
    with pytest.raises(ModuleRefused, match=f"the envelope {name}: .* that of the format {name.lower()}"):
        all_formats({"json": Format(), "csv": Format()}, {name: Format()})


@pytest.mark.parametrize("code", ["raise SystemExit(0)\n", "FORMAT = ENVELOPE = commands = 3\n"])
@pytest.mark.parametrize(
    ("folder", "arguments"),
    [("ingestion/formats", ["check"]), ("ingestion/changes/envelopes", ["check"]), ("cli/commands", ["--help"])],
)
@pytest.mark.slow
def test_the_command_line_says_which_module_is_broken_and_fails(
    tmp_path: Path, folder: str, arguments: list[str], code: str
) -> None:
    shutil.copytree(ROOT / "sluice", tmp_path / "sluice", ignore=shutil.ignore_patterns("__pycache__"))
    broken = tmp_path / "sluice" / folder / "broken.py"
    broken.write_text(code)
    done = subprocess.run(
        [sys.executable, "-c", "from sluice.cli import app; app()", *arguments],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    what, safe, step = done.stderr.splitlines()
    assert what.startswith(f"{broken}")
    assert (safe, step[:6]) == ("Safe: nothing was done.", "Next: ")
