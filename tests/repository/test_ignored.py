"""What commands write where they are run is no part of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.sbom import OUT
from shopsphere import generating
from shopsphere.commands import commands
from tests.folders import ROOT

IGNORED = (ROOT / ".gitignore").read_text().splitlines()


def test_a_generated_history_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(generating, "history", lambda **options: asked.append(options))
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(commands, ["generate"]).exit_code == 0
    (options,) = asked
    assert f"/{options['out']}/" in IGNORED


def test_the_bill_of_materials_is_ignored() -> None:
    assert f"/{OUT}/" in IGNORED
