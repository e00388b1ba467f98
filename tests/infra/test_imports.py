from __future__ import annotations

from pathlib import Path

import pytest

from infra.imports import imported_by


def places(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in ("sluice", "lambdas")}


def test_what_is_imported_at_any_remove_is_found_and_what_types_alone_need_is_not(tmp_path: Path) -> None:
    modules = {
        "lambdas/one/handler.py": "from sluice.a import thing\nimport json\n",
        "lambdas/one/__init__.py": "",
        "sluice/__init__.py": "",
        "sluice/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sluice.typed\n"
        "def late():\n    from sluice.deep import inner\n",
        "sluice/deep/__init__.py": "import sluice.beside\n",
        "sluice/deep/inner.py": "",
        "sluice/beside.py": "import sluice.a\n",
        "sluice/typed.py": "",
        "sluice/unused.py": "",
    }
    for name, text in modules.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = imported_by([tmp_path / "lambdas/one/handler.py"], places(tmp_path))
    assert {str(file) for file in found} == {
        "sluice/__init__.py", "sluice/a.py", "sluice/deep/__init__.py", "sluice/deep/inner.py", "sluice/beside.py",
    }  # fmt: skip


def written(folder: Path, modules: dict[str, str]) -> list[str]:
    for name, text in modules.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return [str(file) for file in sorted(imported_by([folder / "lambdas/one/handler.py"], places(folder)))]


def test_what_a_package_finds_itself_is_imported_with_it_and_what_that_imports(tmp_path: Path) -> None:
    assert written(tmp_path, {
        "lambdas/one/handler.py": "from sluice.kinds import ALL\n",
        "sluice/__init__.py": "",
        "sluice/found.py": "def found_in(package, name): ...\n",
        "sluice/kinds/__init__.py": "from sluice.found import found_in\nALL = found_in(__name__, 'KIND')\n",
        "sluice/kinds/first.py": "def read():\n    from sluice.heavy import read\n",
        "sluice/kinds/second/__init__.py": "",
        "sluice/kinds/notes.md": "",
        "sluice/heavy.py": "",
        "sluice/other/__init__.py": "",
        "sluice/other/unused.py": "",
    }) == [
        "sluice/__init__.py", "sluice/found.py", "sluice/heavy.py", "sluice/kinds/__init__.py", "sluice/kinds/first.py",
        "sluice/kinds/second/__init__.py",
    ]  # fmt: skip


@pytest.mark.parametrize("call", ["found_in('sluice.kinds', 'KIND')", "found.found_in(package, 'KIND')", "found_in()"])
def test_what_cannot_be_told_from_the_source_is_refused(tmp_path: Path, call: str) -> None:
    with pytest.raises(ValueError, match=r"handler\.py:1: found_in is called by a package's"):
        written(tmp_path, {"lambdas/one/handler.py": f"{call}\n"})
