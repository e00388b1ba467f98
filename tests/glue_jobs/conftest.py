"""What the tests of transforms share."""

from __future__ import annotations

import pytest

from sluice.load import load_contracts
from sluice.project import Project
from sluice.transforms.compile import compile_project
from tests.glue_jobs.transforming import ROOT


@pytest.fixture(scope="session")
def project() -> Project:
    """Return all contracts and transforms, compiled."""
    return compile_project(load_contracts([ROOT / "contracts"]), ROOT / "glue_jobs")
