"""The Node tools are locked exactly, and the lock names no registry: it serves any mirror."""

from __future__ import annotations

import json
import re

import pytest

from tests.folders import ROOT

PACKAGE = json.loads((ROOT / "package.json").read_text())
LOCK = json.loads((ROOT / "package-lock.json").read_text())


def test_every_package_that_is_asked_for_has_an_exact_version() -> None:
    for name, version in PACKAGE["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert LOCK["packages"][f"node_modules/{name}"]["version"] == version


@pytest.mark.parametrize("path", sorted(set(LOCK["packages"]) - {""}))
def test_every_package_is_locked_by_its_content(path: str) -> None:
    package = LOCK["packages"][path]
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package


def test_no_file_for_npm_names_a_registry() -> None:
    assert (ROOT / ".npmrc").read_text().splitlines() == ["omit-lockfile-registry-resolved=true"]
    assert not re.search(r"registry|\.tgz", (ROOT / "package-lock.json").read_text())
