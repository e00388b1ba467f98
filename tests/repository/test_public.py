"""What others may import is declared, there, and documented; and what is shipped says that it has types."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sluice import errors
from tests.folders import ROOT
from tests.repository.imported import SHIPPED

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
#: The table of CONTRIBUTING.md that says what others may import.
PUBLIC = re.findall(r"^\| `((?:sluice|localaws)[\w.]*)` \|", CONTRIBUTING, re.MULTILINE)
#: Whose Python is written as a project of one's own would be: derived tables, and the examples of the documentation.
DERIVED = sorted(file for layer in ("silver", "gold") for file in (ROOT / "glue_jobs" / layer).glob("*.py"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def loaded(module: str) -> ModuleType:
    """A public module; what the wheel carries inside of `sluice` is imported as these tests import it elsewhere."""
    return importlib.import_module(module.removeprefix("sluice.") if module.startswith("sluice.infra") else module)


def names() -> list[tuple[str, str]]:
    return [(module, name) for module in PUBLIC for name in loaded(module).__all__]


def documented(module: str, name: str) -> bool:
    """Whether a class or function has a docstring of its own, and a constant a ``#:`` comment."""
    found = loaded(module)
    value = getattr(found, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        # What `dataclass` and `NamedTuple` write where nobody wrote anything.
        return bool(value.__doc__) and not value.__doc__.startswith(f"{name}(")
    folder = Path(str(found.__file__)).parent
    return any(
        re.search(rf"^#: .+\n(?:#: ?.*\n)*{name}\b", file.read_text(), re.MULTILINE) for file in folder.glob("*.py")
    )


def imported(source: str) -> set[tuple[str, str]]:
    """The names of ours that Python source imports, with their modules."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in SHIPPED:
            found |= {(node.module, each.name) for each in node.names}
        if isinstance(node, ast.Import):
            found |= {(each.name, "") for each in node.names if each.name.split(".")[0] in SHIPPED}
    return found


def examples(page: Path) -> Iterator[str]:
    """The blocks of a page that are Python."""
    yield from re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_contributing_says_what_others_may_import() -> None:
    assert {"sluice.contracts", "sluice.errors", "sluice.transforms"} <= set(PUBLIC)
    assert len(PUBLIC) == len(set(PUBLIC))


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_lists_its_names_once(module: str) -> None:
    listed = loaded(module).__all__
    assert listed
    assert len(listed) == len(set(listed))
    assert not [name for name in listed if name.startswith("_")]


def offered(source: str, package: str) -> set[str]:
    """The names that a public module offers by what stands in it: what it defines, and takes from its own parts.

    A name that is nobody's business begins with a line below, or is imported under such a name.
    """
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id for each in targets if isinstance(each, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}."):
            found |= {each.asname or each.name for each in node.names}
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_lists_all_that_it_offers(module: str) -> None:
    found = loaded(module)
    source = Path(str(found.__file__)).read_text()
    assert offered(source, module) == set(found.__all__)


def test_what_a_module_offers_is_found() -> None:
    source = "import os\nfrom a.b import c, d as _e\nfrom x import y\nclass K: ...\ndef f(): ...\nN = 1\n_M: int = 2\n"
    assert offered(source, "a") == {"c", "K", "f", "N"}


@pytest.mark.slow
def test_every_error_of_sluices_own_is_listed_with_the_errors() -> None:
    """Whoever catches what Sluice raises on purpose needs no name from elsewhere."""
    for file in sorted((ROOT / "sluice").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & set(errors.__all__):
                assert node.name in errors.__all__, f"{file.name}: {node.name}"


@pytest.mark.parametrize(("module", "name"), names())
def test_a_public_name_is_there_and_documented(module: str, name: str) -> None:
    assert documented(module, name)


def test_a_name_without_a_word_of_its_own_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass\nclass Bare:\n    n: int\n\n"
        'class Told:\n    """A thing."""\n\n'
        "def bare(): ...\n\nLEAST = 1\n#: The most.\n#: In seconds.\nMOST = 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert [name for name in ("Bare", "Told", "bare", "LEAST", "MOST") if documented("toy", name)] == ["Told", "MOST"]


def test_what_is_imported_is_found() -> None:
    source = "import localaws.iam\nfrom sluice.transforms import source\ndef late():\n    from sluice.x import y\n"
    assert imported(source) == {("localaws.iam", ""), ("sluice.transforms", "source"), ("sluice.x", "y")}


@pytest.mark.parametrize("file", DERIVED, ids=lambda file: file.stem)
def test_a_derived_table_imports_what_is_public(file: Path) -> None:
    ours = {(module, name) for module, name in imported(file.read_text()) if module.split(".")[0] != "glue_jobs"}
    assert ours <= set(names())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_documented_example_imports_what_is_public(page: Path) -> None:
    assert {each for example in examples(page) for each in imported(example)} <= set(names())


@pytest.mark.parametrize("package", SHIPPED)
def test_a_shipped_package_says_that_it_has_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.slow
def test_the_wheel_brings_sluice_and_localaws_and_nothing_else_at_the_top(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (about,) = (name.partition("/")[0] for name in held if name.endswith("/METADATA"))
        metadata, commands = (archive.read(f"{about}/{name}").decode() for name in ("METADATA", "entry_points.txt"))
    assert {name.partition("/")[0] for name in held} == {"sluice", "localaws", about}
    assert {"sluice/py.typed", "localaws/py.typed", "sluice/infra/py.typed", f"{about}/licenses/LICENSE"} <= held
    # All that the repository has in these folders, and nothing of the example.
    inside = {"sluice": "sluice", "localaws": "localaws"}
    inside |= {name: f"sluice/{name}" for name in ("infra", "lambdas", "step_functions")}
    tracked = subprocess.run(["git", "ls-files", *inside], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    wanted = {inside[file.partition("/")[0]] + "/" + file.partition("/")[2] for file in tracked.splitlines()}
    assert {name for name in held if not name.startswith(about)} == wanted
    assert "shopsphere" not in commands
    assert "## Deploy" in metadata  # the README
