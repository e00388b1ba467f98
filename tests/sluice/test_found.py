"""What a package finds in itself: all of its modules, by name, and none that declares nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sluice.found import found_in


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
    assert list(found_in("toy_package", "KIND").items()) == [("a", "a"), ("b", "b"), ("c", "c")]


def test_a_module_that_declares_nothing_is_not_left_out_in_silence(package: Path) -> None:
    (package / "b.py").write_text("KINDS = 1\n")
    with pytest.raises(AttributeError, match=r"toy_package\.b"):
        found_in("toy_package", "KIND")


def test_modules_of_several_folders_are_in_one_order(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package may have more than one folder; each is listed by itself.
    more = tmp_path / "more"
    more.mkdir()
    (more / "aa.py").write_text("KIND = 'aa'\n")
    (package / "__init__.py").write_text(f"__path__.append({str(more)!r})\n")
    assert list(found_in("toy_package", "KIND")) == ["a", "aa", "b", "c"]
