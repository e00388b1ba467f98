"""The workflows of `.github`, as tests read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sluice.folders import ROOT

FILES = sorted((ROOT / ".github" / "workflows").iterdir())


def read(file: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for the boolean true; the base loader keeps every scalar as its text.
    return yaml.load(file.read_text(), Loader=yaml.BaseLoader)


def nightly_parts() -> list[str]:
    """The parts of `make proof` that a night runs."""
    (job,) = read(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"].values()
    return list(job["strategy"]["matrix"]["part"])


NIGHTLY_PARTS = len(nightly_parts())
