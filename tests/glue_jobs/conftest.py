from __future__ import annotations

import pytest

from sluice.project import Project
from tests.folders import ROOT
from tests.shared import compiled_once


@pytest.fixture(scope="session")
def project(request: pytest.FixtureRequest) -> Project:
    """ShopSphere's contracts and transforms, compiled once for all workers."""
    return compiled_once(request, ROOT / "contracts")
