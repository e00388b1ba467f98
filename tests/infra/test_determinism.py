"""The same declarations give the same bytes, so that a deployment without a change changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.bundle import Bundle, code_folder
from sluice.load import load_project
from tests.folders import SMALL
from tests.infra.templates import Cloud, synthesize


@pytest.mark.slow
def test_two_syntheses_of_the_same_declarations_are_byte_identical(
    clouds: dict[str, Cloud], bundle: Bundle, tmp_path: Path
) -> None:
    first = clouds["dev"]
    project = load_project([SMALL / "contracts"])
    again = Bundle(code_folder(project, tmp_path / "code"), bundle.layer, bundle.transforms)
    second = synthesize(first.environment, project, again, tmp_path / "out")
    names = sorted(path.name for path in first.folder.glob("*.template.json"))
    assert len(names) == 6
    for name in names:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes(), name
        assets = name.replace(".template.json", ".assets.json")
        assert hashes(first.folder / assets) == hashes(second.folder / assets), assets


def hashes(path: Path) -> set[str]:
    found = set(json.loads(path.read_text())["files"])
    assert found
    return found
