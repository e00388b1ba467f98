"""The templates of the example hold what those of every project hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bundle import Bundle, code_folder
from sluice.load import load_project
from tests.folders import ENVIRONMENTS, ROOT
from tests.infra.nag import open_findings
from tests.infra.templates import synthesize


@pytest.mark.slow
def test_no_rule_of_cdk_nag_stands_open(tmp_path: Path) -> None:
    project = load_project([ROOT / "contracts"])
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "placeholder").write_text("The wheels are not here.")
    code_folder(project, tmp_path / "code")
    bundle = Bundle(tmp_path / "code", tmp_path / "layer", (ROOT / "glue_jobs",))
    assert not open_findings(synthesize(ENVIRONMENTS["prod"], project, bundle, tmp_path / "assembly", nag=True))
