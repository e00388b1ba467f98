"""The real data sets, which lie beside the project and are not published with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.folders import ROOT

REAL_DATA = Path(os.environ.get("SLUICE_SHARED_DATA", ROOT.parent / "shared" / "data"))


def real_data(name: str) -> Path:
    """Return a folder of real data; without it the test is skipped and says so, and under CI it fails."""
    folder = REAL_DATA / name
    if not folder.is_dir():
        reason = f"REAL DATA MISSING: there is no {folder}; set SLUICE_SHARED_DATA. Nothing real was tested."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
