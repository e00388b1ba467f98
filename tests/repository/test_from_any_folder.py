"""What others call by its module works wherever they stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.folders import ROOT


@pytest.mark.slow
def test_this_repositorys_stacks_and_costs_come_from_any_folder(tmp_path: Path) -> None:
    def run(*command: str, **variables: str) -> str:
        given = os.environ | {"PYTHONPATH": str(ROOT)} | variables
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path, env=given, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("infra.app", CDK_OUTDIR="out", CDK_CONTEXT_JSON='{"env": "prod"}')
    assert (tmp_path / "out" / "sluice-prod-storage.template.json").is_file()
    assert "GB a day" in run("benchmarks.cost_model")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
